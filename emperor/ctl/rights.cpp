// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/rights.h"

#include <grp.h>
#include <unistd.h>

#include <cstdlib>

namespace emperor::ctl {

RightsOf::RightsOf(const common::config::Identity& identity) {
    if (::geteuid() != 0 || identity.uid == 0) return;
    gid_ = ::getegid();
    const int count = ::getgroups(0, nullptr);
    groups_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0 || ::getgroups(count, groups_.data()) < 0) return;
    is_changed_ = true;
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0 || ::setegid(identity.gid) != 0 ||
        ::seteuid(identity.uid) != 0) {
        // Only some of it: undone by the destructor; the checks then run with more rights and find less.
        return;
    }
}

RightsOf::~RightsOf() {
    if (!is_changed_) return;
    // Going on with half of the rights would be worse than ending.
    if (::seteuid(0) != 0 || ::setegid(gid_) != 0 || ::setgroups(groups_.size(), groups_.data()) != 0) std::abort();
}

}  // namespace emperor::ctl
