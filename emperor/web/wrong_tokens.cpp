// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/wrong_tokens.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/log/log.h"

namespace emperor::web {

namespace {

constexpr unsigned most_doublings = 16;

}  // namespace

void WrongTokens::add(const std::string& peer, common::TimePoint now) {
    forget(peer, now);
    Record& record = peers_[peer];
    ++record.count;
    record.last = now;
    ++untold_;
    last_peer_ = peer;
    if (!is_quiet_) tell();
}

std::chrono::milliseconds WrongTokens::delay_of(const std::string& peer, common::TimePoint now) const {
    const auto found = peers_.find(peer);
    if (found == peers_.end() || now - found->second.last >= slowness_.fresh) return std::chrono::milliseconds(0);
    return std::min(slowness_.most, slowness_.least * (1u << std::min(found->second.count - 1, most_doublings)));
}

// What is no longer fresh, and where there is no place for `peer`, who is quiet for longest.
void WrongTokens::forget(const std::string& peer, common::TimePoint now) {
    std::erase_if(peers_, [&](const auto& known) { return now - known.second.last >= slowness_.fresh; });
    if (peers_.size() < slowness_.peers || peers_.contains(peer)) return;
    peers_.erase(std::ranges::min_element(peers_, {}, [](const auto& known) { return known.second.last; }));
}

void WrongTokens::tell() {
    is_quiet_ = untold_ > 0;
    if (!is_quiet_) return;
    common::log::warn("wrong dashboard token", {{"peer", last_peer_}, {"attempts", std::exchange(untold_, 0)}});
    timer_.arm_after(slowness_.quiet, [this] { tell(); });
}

std::string peer_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
    if (address.ss_family == AF_INET)
        return ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
    if (address.ss_family == AF_INET6)
        return ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text.data(), text.size());
    ucred peer{};
    socklen_t peer_size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) != 0) return "unknown";
    return "uid " + std::to_string(peer.uid);
}

}  // namespace emperor::web
