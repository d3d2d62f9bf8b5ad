// SPDX-License-Identifier: Apache-2.0
// Law 11 of the design: a tenant's file gives a tenant's rights.
#include <unistd.h>

#include <algorithm>

#include "common/config/accounts.h"
#include "common/config/finding.h"
#include "common/config/source_text.h"
#include "common/config/verify.h"

namespace common::config {

namespace {

Identity identity_of(const Account& account, gid_t gid) {
    Identity identity;
    identity.uid = account.uid;
    identity.gid = gid;
    identity.groups = groups_of(account.name, gid);
    identity.user = account.name;
    identity.home = account.home.empty() ? "/" : account.home;
    return identity;
}

std::string shown(const Account& account) {
    return account.name.empty() ? "uid " + std::to_string(account.uid) : in_quotes(account.name);
}

class Resolver {
public:
    Resolver(const Effective& effective, const Ownership& ownership, Diagnostics& diagnostics)
        : effective_(effective), config_(effective.config), ownership_(ownership), diagnostics_(diagnostics) {}

    std::optional<Identity> run() {
        const auto user = wanted_user();
        const auto group = wanted_group();
        if (has_failed_) return std::nullopt;
        if (ownership_.process_uid != 0) return own(user, group);
        return ownership_.file_uid == 0 ? of_root(user, group) : of_tenant(user, group);
    }

private:
    void fail(std::string_view path, std::string message) {
        diagnostics_.push_back(finding(effective_, path, std::move(message)));
        has_failed_ = true;
    }

    // _defaults.yaml is root's and speaks for files of root's: it neither gives nor denies anything to a tenant.
    [[nodiscard]] bool is_ignored(const std::string& path) const {
        const auto origin = effective_.origins.find(path);
        return ownership_.process_uid == 0 && ownership_.file_uid != 0 && origin != effective_.origins.end() &&
               origin->second.kind == Origin::Kind::defaults_file;
    }

    std::optional<Account> wanted_user() {
        if (config_.user.empty() || is_ignored("user")) return std::nullopt;
        auto account = find_user(config_.user);
        if (!account) fail("user", "user: there is no user " + in_quotes(config_.user) + " on this machine");
        return account;
    }

    std::optional<gid_t> wanted_group() {
        if (config_.group.empty() || is_ignored("group")) return std::nullopt;
        const auto gid = find_group(config_.group);
        if (!gid) fail("group", "group: there is no group " + in_quotes(config_.group) + " on this machine");
        return gid;
    }

    // A tenant could not give his socket away either: chown(2) is root's.
    void check_tenant_socket(const Identity& identity) {
        const std::string& owner = config_.socket.owner;
        const std::string& group = config_.socket.group;
        const auto uid = find_user(owner);
        if (!owner.empty() && !is_ignored("socket.owner") && uid && uid->uid != identity.uid)
            fail("socket.owner", "socket.owner: the socket of a file that is not root's belongs to the file's owner, not to " +
                                     in_quotes(owner) + " (remove the key, or chown the file to root)");
        const auto gid = find_group(group);
        const bool is_member = gid && (*gid == identity.gid || std::ranges::count(identity.groups, *gid) > 0);
        if (!group.empty() && !is_ignored("socket.group") && gid && !is_member)
            fail("socket.group", "socket.group: the owner of this file is not a member of the group " + in_quotes(group) +
                                     " (remove the key: www-data is the default; or chown the file to root)");
    }

    // Not root: nothing can be changed.
    std::optional<Identity> own(const std::optional<Account>& user, std::optional<gid_t> group) {
        const uid_t uid = ownership_.process_uid;
        const gid_t gid = ::getegid();
        const Account account = find_user(uid).value_or(Account{uid, gid, "", ""});
        constexpr std::string_view way_out = " (start the emperor as root, or remove the key)";
        if (user && user->uid != uid)
            fail("user", "user: an emperor that runs as " + shown(account) + " cannot run a vassal as " +
                             in_quotes(config_.user) + std::string(way_out));
        if (group && *group != gid)
            fail("group", "group: an emperor that is not root cannot run a vassal with the group " +
                              in_quotes(config_.group) + std::string(way_out));
        if (has_failed_) return std::nullopt;
        Identity identity = identity_of(account, gid);
        identity.groups = groups_of_this_process();
        return identity;
    }

    std::optional<Identity> of_root(const std::optional<Account>& user, std::optional<gid_t> group) {
        const Account account = user ? *user : find_user(uid_t{0}).value_or(Account{0, 0, "root", "/root"});
        return identity_of(account, group.value_or(account.gid));
    }

    std::optional<Identity> of_tenant(const std::optional<Account>& user, std::optional<gid_t> group) {
        const auto known = find_user(ownership_.file_uid);
        const Account owner = known.value_or(Account{ownership_.file_uid, ownership_.file_gid, "", ""});
        if (user && user->uid != owner.uid)
            fail("user", "user: this file belongs to " + shown(owner) + " and can only run as that user, not as " +
                             in_quotes(config_.user) + " (remove the key, or chown the file to root)");
        Identity identity = identity_of(owner, owner.gid);
        if (group && *group != owner.gid) {
            const bool is_member =
                known && std::find(identity.groups.begin(), identity.groups.end(), *group) != identity.groups.end();
            if (!is_member)
                fail("group", "group: " + shown(owner) + ", who owns this file, is not a member of the group " +
                                  in_quotes(config_.group) + " (remove the key, or chown the file to root)");
            identity.gid = *group;
        }
        check_tenant_socket(identity);
        if (has_failed_) return std::nullopt;
        return identity;
    }

    const Effective& effective_;
    const VassalConfig& config_;
    const Ownership& ownership_;
    Diagnostics& diagnostics_;
    bool has_failed_ = false;
};

}  // namespace

std::optional<Identity> resolve_identity(const Effective& effective, const Ownership& ownership,
                                         Diagnostics& diagnostics) {
    return Resolver(effective, ownership, diagnostics).run();
}

}  // namespace common::config
