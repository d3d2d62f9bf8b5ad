// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/listener_pool.h"

#include <algorithm>

#include "common/link/channel.h"

namespace emperor::fleet {

using common::config::Diagnostic;
using common::net::Address;
using common::net::ListenAddress;

namespace {

// The start message carries the listeners beside the scoreboard, the log channel and the rendezvous socket.
constexpr std::size_t max_listeners = common::link::max_packet_fds - 3;

Diagnostic at_address(const Deployment& deployment, std::size_t index, std::string message) {
    Diagnostic diagnostic;
    diagnostic.file = deployment.file;
    diagnostic.message = std::move(message);
    const auto& origins = deployment.effective->origins;
    auto origin = origins.find("listen." + std::to_string(index));
    if (origin == origins.end()) origin = origins.find("listen");
    if (origin != origins.end() && !origin->second.file.empty()) {
        diagnostic.file = origin->second.file;
        diagnostic.position = origin->second.position;
        diagnostic.source = origin->second.source;
        diagnostic.width = origin->second.width;
    }
    return diagnostic;
}

// The protocol is the codec that workers speak on the socket; the socket itself is the same.
bool is_same_socket(const ListenAddress& a, const ListenAddress& b) { return a.address == b.address; }

}  // namespace

process::ListenRequest ListenerPool::request_for(const Deployment& deployment, std::size_t index) const {
    const auto& config = deployment.effective->config;
    process::ListenRequest request;
    request.address = config.listen[index];
    request.identity = deployment.identity;
    request.with_vassal_rights =
        !(request.address.address.kind == Address::Kind::unix_path && request.address.address.path == own_path_);
    request.mode = config.socket.mode;
    request.owner = config.socket.owner;
    request.group = config.socket.group;
    request.backlog = config.socket.backlog;
    return request;
}

ListenerPtr ListenerPool::find(const ListenAddress& address) {
    std::erase_if(known_, [](const auto& item) { return item.expired(); });
    for (const auto& item : known_) {
        auto listener = item.lock();
        if (listener && is_same_socket(listener->address(), address) && listener->is_in_place()) return listener;
    }
    return nullptr;
}

boost::system::result<ListenerSet, Diagnostic> ListenerPool::open(const Deployment& deployment) {
    const auto& addresses = deployment.effective->config.listen;
    if (addresses.size() > max_listeners)
        return at_address(deployment, 0, "too many addresses: at most " + std::to_string(max_listeners));
    ListenerSet set;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const process::ListenRequest request = request_for(deployment, i);
        ListenerPtr known = find(addresses[i]);
        if (!known) known = find_kept(request);
        if (known) {
            if (const auto applied = process::update_listener(*known, request); !applied)
                return at_address(deployment, i, applied.error().message());
            set.push_back(std::move(known));
            continue;
        }
        std::string why_not;
        if (common::UniqueFd fd = keepsakes_.inherited_listener(name_, request, why_not)) {
            set.push_back(own(take_over(request, std::move(fd))));
            continue;
        }
        if (!why_not.empty()) return at_address(deployment, i, std::move(why_not));
        auto opened = process::open_listener(request);
        if (!opened) return at_address(deployment, i, opened.error().message());
        set.push_back(own(std::move(*opened)));
    }
    return set;
}

ListenerPtr ListenerPool::find_kept(const process::ListenRequest& request) {
    while (common::UniqueFd fd = keepsakes_.take_listener(name_, request.address)) {
        auto listener = take_over(request, std::move(fd));
        if (listener->is_in_place()) return own(std::move(listener));
        listener->leave_file();  // somebody else's by now
    }
    return nullptr;
}

std::unique_ptr<process::Listener> ListenerPool::take_over(process::ListenRequest request, common::UniqueFd fd) const {
    const bool is_inherited = keepsakes_.is_inherited(fd.get());
    if (is_inherited) request.with_vassal_rights = false;
    auto listener = process::adopt_listener(request, std::move(fd));
    if (is_inherited) listener->leave_file();
    return listener;
}

ListenerPtr ListenerPool::own(std::unique_ptr<process::Listener> listener) {
    keepsakes_.keep_listener(name_, *listener);
    ListenerPtr shared(listener.release(), [name = name_, &keepsakes = keepsakes_](process::Listener* ended) {
        keepsakes.drop_listener(name, *ended);
        delete ended;
    });
    known_.push_back(shared);
    return shared;
}

ListenerPtr ListenerPool::adopt(const Deployment& deployment, std::size_t index, common::UniqueFd fd) {
    if (ListenerPtr known = find(deployment.effective->config.listen[index])) return known;
    return own(take_over(request_for(deployment, index), std::move(fd)));
}

ListenerSet ListenerPool::live() {
    ListenerSet set;
    for (const auto& item : known_) {
        if (auto listener = item.lock()) set.push_back(std::move(listener));
    }
    return set;
}

}  // namespace emperor::fleet
