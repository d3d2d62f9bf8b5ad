// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/keepsakes.h"

#include <unistd.h>

namespace emperor::fleet {

namespace {

using common::UniqueFd;
using common::net::ListenAddress;

// Neither a name nor an address has a line break. The inode tells a socket from the one that took its place.
std::string listener_prefix(const std::string& vassal, const ListenAddress& address) {
    return "listener\n" + vassal + "\n" + address.address.text() + "\n";
}
std::string listener_key(const std::string& vassal, const process::Listener& listener) {
    return listener_prefix(vassal, listener.address()) + std::to_string(listener.socket_inode());
}
std::string scoreboard_key(const std::string& vassal) { return "scoreboard\n" + vassal; }
std::string vassal_of(const std::string& key) {
    const std::size_t begin = key.find('\n') + 1;
    return key.substr(begin, key.find('\n', begin) - begin);
}

}  // namespace

Keepsakes::Keepsakes(boost::asio::io_context& io, const FleetOptions& options, const process::InheritedSockets* inherited)
    : inherited_(inherited) {
    if (!options.keeper_program.empty()) client_.emplace(io, options.runtime_directory, options.keeper_program);
}

void Keepsakes::start() {
    if (client_) found_ = client_->start();
}

UniqueFd Keepsakes::take_listener(const std::string& vassal, const ListenAddress& address) {
    const std::string prefix = listener_prefix(vassal, address);
    auto found = found_.lower_bound(prefix);
    while (found != found_.end() && found->first.starts_with(prefix)) {
        UniqueFd fd = std::move(found->second);
        found = found_.erase(found);
        if (process::is_listener_for(fd.get(), address)) return fd;
    }
    return {};
}

bool Keepsakes::holds_listener(const std::string& vassal, const ListenAddress& address, std::uint64_t socket_inode) const {
    return found_.contains(listener_prefix(vassal, address) + std::to_string(socket_inode));
}

UniqueFd Keepsakes::take_scoreboard(const std::string& vassal) {
    const auto found = found_.find(scoreboard_key(vassal));
    if (found == found_.end()) return {};
    UniqueFd fd = std::move(found->second);
    found_.erase(found);
    return fd;
}

UniqueFd Keepsakes::inherited_listener(const std::string& vassal, const process::ListenRequest& request,
                                       std::string& why_not) const {
    if (!inherited_) return {};
    const bool is_of_another_user = ::geteuid() == 0 && request.identity.uid != 0;
    UniqueFd fd = inherited_->take(request.address.address, is_of_another_user ? vassal : "");
    const std::string name = fd ? "" : inherited_->name_of(request.address.address);
    if (!name.empty())
        why_not = "systemd passed " + request.address.address.text() + " under the name '" + name +
                  "'; an app of another user needs its own name there: FileDescriptorName=" + vassal;
    return fd;
}

bool Keepsakes::is_inherited(int fd) const {
    return inherited_ && inherited_->holds(process::socket_inode_of(fd));
}

void Keepsakes::keep_listener(const std::string& vassal, const process::Listener& listener) {
    if (client_) client_->keep(listener_key(vassal, listener), listener.fd());
}

void Keepsakes::drop_listener(const std::string& vassal, const process::Listener& listener) {
    if (client_) client_->drop(listener_key(vassal, listener));
}

void Keepsakes::keep_scoreboard(const std::string& vassal, int fd) {
    if (client_) client_->keep(scoreboard_key(vassal), fd);
}

void Keepsakes::drop_scoreboard(const std::string& vassal) {
    if (client_) client_->drop(scoreboard_key(vassal));
}

void Keepsakes::forget_rest(const std::function<bool(const std::string& vassal)>& may_come_back) {
    const auto is_waited_for = [&](const std::string& key) { return may_come_back(vassal_of(key)); };
    std::erase_if(found_, [&](const auto& item) { return !is_waited_for(item.first); });
    if (client_) client_->drop_unclaimed(is_waited_for);
}

void Keepsakes::renew() {
    if (client_) client_->renew();
}

void Keepsakes::leave() {
    if (client_) client_->leave();
    client_.reset();
}

void Keepsakes::dismiss() {
    if (client_) client_->dismiss();
    client_.reset();
}

}  // namespace emperor::fleet
