// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/authorization.h"

#include <algorithm>

namespace emperor::control {

bool is_admin(const Peer& peer, const Policy& policy) noexcept {
    if (peer.uid == 0 || peer.uid == policy.emperor_uid) return true;
    if (!policy.admin_group) return false;
    return peer.gid == *policy.admin_group ||
           std::find(peer.groups.begin(), peer.groups.end(), *policy.admin_group) != peer.groups.end();
}

bool may_touch(const Peer& peer, const Policy& policy, const fleet::VassalView& view) noexcept {
    if (is_admin(peer, policy)) return true;
    return view.identity ? view.identity->uid == peer.uid : view.file_owner == peer.uid;
}

std::string refusal(const Peer& peer, const Policy& policy, const std::string& what) {
    std::string text = "uid " + std::to_string(peer.uid) + " may not " + what + ": it takes root, uid " +
                       std::to_string(policy.emperor_uid) + " (the emperor's)";
    if (policy.admin_group) text += ", a member of group " + policy.admin_group_name;
    return text + " or the app's own user";
}

}  // namespace emperor::control
