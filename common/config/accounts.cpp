// SPDX-License-Identifier: Apache-2.0
#include "common/config/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace common::config {

namespace {

constexpr std::size_t largest_entry = 1 << 20;

// Calls a getpw*_r or getgr*_r with a buffer that grows as long as the entry does not fit.
template <class Entry, class Call>
bool look_up(Entry& entry, std::vector<char>& buffer, Call call) {
    for (buffer.resize(4096); buffer.size() <= largest_entry; buffer.resize(buffer.size() * 4)) {
        Entry* found = nullptr;
        const int error = call(&entry, buffer.data(), buffer.size(), &found);
        if (error == ERANGE) continue;
        return found != nullptr;
    }
    return false;
}

Account account_of(const passwd& entry) {
    return {entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir != nullptr ? entry.pw_dir : ""};
}

// (uid_t)-1 means "leave unchanged" to chown(2) and setresuid(2).
std::optional<unsigned> number_of(const std::string& text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value == static_cast<unsigned>(-1))
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<Account> find_user(uid_t uid) {
    passwd entry{};
    std::vector<char> buffer;
    const bool found = look_up(entry, buffer, [&](auto* e, char* data, std::size_t size, auto** result) {
        return ::getpwuid_r(uid, e, data, size, result);
    });
    return found ? std::optional(account_of(entry)) : std::nullopt;
}

std::optional<Account> find_user(const std::string& name_or_number) {
    passwd entry{};
    std::vector<char> buffer;
    const bool found = look_up(entry, buffer, [&](auto* e, char* data, std::size_t size, auto** result) {
        return ::getpwnam_r(name_or_number.c_str(), e, data, size, result);
    });
    if (found) return account_of(entry);
    const auto number = number_of(name_or_number);
    if (!number) return std::nullopt;
    if (auto account = find_user(static_cast<uid_t>(*number))) return account;
    return Account{*number, *number, "", ""};
}

std::optional<gid_t> find_group(const std::string& name_or_number) {
    group entry{};
    std::vector<char> buffer;
    const bool found = look_up(entry, buffer, [&](auto* e, char* data, std::size_t size, auto** result) {
        return ::getgrnam_r(name_or_number.c_str(), e, data, size, result);
    });
    if (found) return entry.gr_gid;
    return number_of(name_or_number);
}

std::vector<gid_t> groups_of(const std::string& user, gid_t gid) {
    if (user.empty()) return {gid};
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    while (::getgrouplist(user.c_str(), gid, groups.data(), &count) < 0) {
        if (groups.size() > 65536) return {gid};
        groups.resize(std::max(groups.size() * 2, static_cast<std::size_t>(std::max(count, 0))));
        count = static_cast<int>(groups.size());
    }
    groups.resize(static_cast<std::size_t>(count));
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    return groups;
}

std::vector<gid_t> groups_of_this_process() {
    const int count = ::getgroups(0, nullptr);
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
    const int got = groups.empty() ? 0 : ::getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(got, 0)));
    std::sort(groups.begin(), groups.end());
    return groups;
}

}  // namespace common::config
