// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/act_as.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <cstdlib>

namespace emperor::process {
namespace {

// setfsuid(2) and setfsgid(2) report nothing: the only way to know is to ask again with an impossible id.
bool has_ids(uid_t uid, gid_t gid) {
    return static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) == uid &&
           static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))) == gid;
}

void become(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
    // Groups first and the uid last on the way down; the order does not matter on the way up, where the effective uid
    // is still root. Half of a change of rights is worse than an end: nothing sensible can follow.
    if (::setgroups(groups.size(), groups.data()) != 0) std::abort();
    ::setfsgid(gid);
    ::setfsuid(uid);
    if (!has_ids(uid, gid)) std::abort();
}

}  // namespace

ActAs::ActAs(const common::config::Identity& identity) : is_active_(::geteuid() == 0 && identity.uid != 0) {
    if (!is_active_) return;
    uid_ = ::geteuid();
    gid_ = ::getegid();
    if (const int count = ::getgroups(0, nullptr); count > 0) {
        groups_.resize(static_cast<std::size_t>(count));
        if (::getgroups(count, groups_.data()) != count) std::abort();
    }
    become(identity.uid, identity.gid, identity.groups);
}

ActAs::~ActAs() {
    if (is_active_) become(uid_, gid_, groups_);
}

}  // namespace emperor::process
