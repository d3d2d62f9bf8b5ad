// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/host_links.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/log/log.h"

namespace emperor::fleet {

using common::Result;
using common::UniqueFd;

namespace {

constexpr std::string_view ending = ".sock";
constexpr const char* aside = ".next";  // no host's: their names begin with a letter or digit
// Beside the links an empty file for each name: nginx's `if (-f …)` is true for no socket.
constexpr const char* known = ".known";
constexpr std::string_view own_sockets = "../sockets/";

UniqueFd open_directory(const std::string& path) { return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }

// "": no link.
std::string read_link(const UniqueFd& directory, const std::string& name) {
    std::array<char, PATH_MAX> text;
    const ssize_t size = ::readlinkat(directory.get(), name.c_str(), text.data(), text.size());
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string file_of(const std::string& host) { return host + std::string(ending); }

std::string mark_of(const std::string& name) { return std::string(known) + "/" + name.substr(0, name.size() - ending.size()); }

// After the link, and gone before it: a name that is known has its socket.
Result<void> mark(const UniqueFd& directory, const std::string& path, const std::string& name) {
    ::mkdirat(directory.get(), known, 0755);
    const std::string file = mark_of(name);
    if (UniqueFd(::openat(directory.get(), file.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644))) return {};
    return common::system_error("make " + path + "/" + file);
}

Result<void> put(const std::string& path, const std::string& name, const std::string& target) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return common::system_error("create " + path);
    const UniqueFd directory = open_directory(path);
    if (!directory) return common::system_error("open " + path);
    if (read_link(directory, name) == target) return mark(directory, path, name);
    ::unlinkat(directory.get(), aside, 0);
    if (::symlinkat(target.c_str(), directory.get(), aside) != 0 ||
        ::renameat(directory.get(), aside, directory.get(), name.c_str()) != 0)
        return common::system_error("make " + path + "/" + name);
    return mark(directory, path, name);
}

}  // namespace

HostLinks::HostLinks(std::string directory, std::string sockets_directory)
    : directory_(std::move(directory)), sockets_directory_(std::move(sockets_directory)) {
    const UniqueFd place = open_directory(directory_);
    std::error_code error;
    for (std::filesystem::directory_iterator item(directory_, error), end; !error && item != end; item.increment(error)) {
        const std::string name = item->path().filename().string();
        const std::string target = read_link(place, name);
        if (target.empty() || !name.ends_with(ending)) continue;
        // Whose it was can be told where the socket is the default one; of others nothing is known until they are routed.
        const bool is_own = target.starts_with(own_sockets) && target.ends_with(ending);
        const std::string vassal =
            is_own ? target.substr(own_sockets.size(), target.size() - own_sockets.size() - ending.size()) : "";
        links_[name.substr(0, name.size() - ending.size())] = {vassal, target, true, false};
    }
}

std::string HostLinks::target_of(const std::string& socket) const {
    const std::string own = sockets_directory_ + "/";
    return socket.starts_with(own) ? std::string(own_sockets) + socket.substr(own.size()) : socket;
}

void HostLinks::make(const std::string& host, Link& link) const {
    const Result<void> made = put(directory_, file_of(host), link.target);
    if (!made && !link.has_failed)
        common::log::warn("host not routed", {{"vassal", link.vassal}, {"host", host}, {"reason", made.error().message()}});
    link.has_failed = !made;
}

void HostLinks::remove(const std::string& host, const Link& link) const {
    const UniqueFd directory = open_directory(directory_);
    if (!directory || read_link(directory, file_of(host)) != link.target) return;
    ::unlinkat(directory.get(), mark_of(file_of(host)).c_str(), 0);
    ::unlinkat(directory.get(), file_of(host).c_str(), 0);
    ::unlinkat(directory.get(), known, AT_REMOVEDIR);  // with the last one
}

void HostLinks::route(const std::string& vassal, const std::vector<std::string>& hosts, const std::string& socket) {
    for (const std::string& host : hosts) {
        Link& link = links_[host];
        const bool is_new = link.vassal != vassal || link.target != target_of(socket) || link.is_left;
        link = {vassal, target_of(socket), false, link.has_failed};
        if (!is_new) continue;
        make(host, link);
        if (directory_.size() + 1 + file_of(host).size() >= sizeof(sockaddr_un::sun_path))
            common::log::warn("host name too long", {{"vassal", vassal}, {"host", host},
                              {"reason", "nginx cannot connect to so long a path; use emperorctl nginx print"}});
    }
    std::erase_if(links_, [&](const auto& item) {
        const auto& [host, link] = item;
        if (link.vassal != vassal || link.is_left || std::ranges::find(hosts, host) != hosts.end()) return false;
        remove(host, link);
        return true;
    });
}

void HostLinks::remove_stale() {
    std::erase_if(links_, [&](const auto& item) {
        if (item.second.is_left) remove(item.first, item.second);
        return item.second.is_left;
    });
}

void HostLinks::mend() {
    for (auto& [host, link] : links_)
        if (!link.is_left) make(host, link);
}

common::config::HostHolders HostLinks::holders() const {
    common::config::HostHolders holders;
    for (const auto& [host, link] : links_)
        if (!link.vassal.empty()) holders.emplace(host, link.vassal);
    return holders;
}

}  // namespace emperor::fleet
