// SPDX-License-Identifier: Apache-2.0
// Who may do what on the control socket, decided on the kernel's word about the peer (SO_PEERCRED, SO_PEERGROUPS) and
// never on what the peer says. Pure: no lookup in the user database, which could block the loop.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"

namespace emperor::control {

struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
    std::vector<gid_t> groups;  // supplementary
    std::string name = {};      // how causes name it; empty: the user's name
};

struct Policy {
    uid_t emperor_uid = 0;
    std::optional<gid_t> admin_group;
    std::string admin_group_name;  // for messages
};

// root, the emperor's own user and members of admin_group.
[[nodiscard]] bool is_admin(const Peer& peer, const Policy& policy) noexcept;

// Admins: every app. Anybody else: the apps that run as their own uid.
[[nodiscard]] bool may_touch(const Peer& peer, const Policy& policy, const fleet::VassalView& view) noexcept;

// Why not, in words that say what would help.
[[nodiscard]] std::string refusal(const Peer& peer, const Policy& policy, const std::string& what);

}  // namespace emperor::control
