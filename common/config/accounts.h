// SPDX-License-Identifier: Apache-2.0
// Users and groups of this machine, by name or number. Internal to this room.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace common::config {

struct Account {
    uid_t uid = 0;
    gid_t gid = 0;
    std::string name;  // "" for a number without an entry
    std::string home;
};

[[nodiscard]] std::optional<Account> find_user(uid_t uid);
// A number needs no entry; then gid is the number too. A name does.
[[nodiscard]] std::optional<Account> find_user(const std::string& name_or_number);
[[nodiscard]] std::optional<gid_t> find_group(const std::string& name_or_number);
// As initgroups(3) would set them, `gid` among them.
[[nodiscard]] std::vector<gid_t> groups_of(const std::string& user, gid_t gid);
[[nodiscard]] std::vector<gid_t> groups_of_this_process();

}  // namespace common::config
