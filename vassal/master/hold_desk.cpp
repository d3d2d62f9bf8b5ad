// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/hold_desk.h"

#include <sys/socket.h>

#include <array>
#include <string>

#include "vassal/master/channel_end.h"
#include "vassal/protocol/refusal.h"

namespace vassal::master {

namespace {

using boost::asio::posix::descriptor_base;
using boost::system::error_code;
using common::UniqueFd;

// More than any PROXY header and the word that follows.
constexpr std::size_t most_first_bytes = 1024;
constexpr std::size_t most_thrown_away = 4u << 20;
constexpr int most_at_once = 32;
constexpr auto accept_pause = std::chrono::milliseconds(100);

}  // namespace

// One client, from accept to close.
class HoldDesk::Connection {
public:
    Connection(HoldDesk& desk, UniqueFd fd, common::net::Protocol protocol)
        : desk_(desk), protocol_(protocol), descriptor_(desk.io_, fd.release()), timer_(desk.io_) {}

    void begin() {
        limit(patience);
        read();
    }
    void close() {
        is_over_ = true;
        timer_.cancel();
        error_code ignored;
        descriptor_.close(ignored);
    }

private:
    void limit(std::chrono::seconds time) {
        timer_.expires_after(time);
        timer_.async_wait([this](error_code error) {
            if (!error) end();
        });
    }
    void end() {
        if (!is_over_) desk_.ended(*this);
    }
    void read() {
        std::array<char, 16384> bytes;
        for (;;) {
            const ssize_t size = ::recv(descriptor_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (size < 0 && errno == EINTR) continue;
            if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
            if (size <= 0) return end();
            const auto taken = static_cast<std::size_t>(size);
            if (is_answered_) {
                thrown_away_ += taken;
                if (thrown_away_ > most_thrown_away) return end();
                continue;
            }
            first_.append(bytes.data(), std::min(taken, most_first_bytes - first_.size()));
            if (!answer()) return end();
        }
        descriptor_.async_wait(descriptor_base::wait_read, [this](error_code error) {
            if (!error && !is_over_) read();
        });
    }
    // False: nothing more is to be done.
    bool answer() {
        const auto seen = protocol::look_at_first_bytes(protocol_, first_);
        if (!seen.is_enough && first_.size() < most_first_bytes) return true;
        protocol::TextBuffer reply, framed;
        const std::string_view text = protocol::write_refusal(protocol_, seen.fastcgi_id, reply, framed,
                                                              desk_.retry_after_(), seen.is_head);
        is_answered_ = true;
        // A fresh socket takes these few bytes at once, or its client is not worth waiting for.
        const ssize_t sent = ::send(descriptor_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (text.empty() || sent != static_cast<ssize_t>(text.size())) return false;
        ++desk_.answered_;
        ::shutdown(descriptor_.native_handle(), SHUT_WR);
        limit(linger);
        return true;
    }

    HoldDesk& desk_;
    common::net::Protocol protocol_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    std::string first_;
    std::size_t thrown_away_ = 0;
    bool is_answered_ = false;
    bool is_over_ = false;
};

HoldDesk::HoldDesk(boost::asio::io_context& io, std::span<const Listener> listeners,
                   std::function<std::uint64_t()> retry_after, std::function<void()> on_empty)
    : io_(io), retry_after_(std::move(retry_after)), on_empty_(std::move(on_empty)), pause_(io),
      turn_(std::make_shared<std::uint64_t>(0)) {
    for (const Listener& listener : listeners) doors_.push_back({listener, boost::asio::posix::stream_descriptor(io)});
}

HoldDesk::~HoldDesk() {
    close();
    for (auto& connection : connections_) {
        connection->close();
        retire(io_, std::move(connection));
    }
}

void HoldDesk::open() {
    if (std::exchange(is_open_, true)) return;
    for (Door& door : doors_) door.descriptor.assign(door.listener.fd.get());
    wait_everywhere();
}

void HoldDesk::close() {
    if (!std::exchange(is_open_, false)) return;
    ++*turn_;
    pause_.cancel();
    for (Door& door : doors_) {
        // Not close(): the descriptor is the listener's, and its end would leave it in Asio's epoll set.
        static_cast<void>(door.descriptor.release());
        door.is_waiting = false;
    }
}

void HoldDesk::wait_everywhere() {
    for (Door& door : doors_) wait(door);
}

void HoldDesk::wait(Door& door) {
    if (door.is_waiting || connections_.size() >= most_connections) return;
    door.is_waiting = true;
    door.descriptor.async_wait(descriptor_base::wait_read, [this, &door, turn = turn_, mine = *turn_](error_code error) {
        if (error || *turn != mine) return;
        door.is_waiting = false;
        accept(door);
    });
}

void HoldDesk::accept(Door& door) {
    for (int i = 0; i < most_at_once && connections_.size() < most_connections; ++i) {
        UniqueFd fd(::accept4(door.listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            pause_.expires_after(accept_pause);
            pause_.async_wait([this, turn = turn_, mine = *turn_](error_code error) {
                if (!error && *turn == mine) wait_everywhere();
            });
            return;
        }
        connections_.push_back(std::make_unique<Connection>(*this, std::move(fd), door.listener.address.protocol));
        connections_.back()->begin();
    }
    wait(door);
}

void HoldDesk::ended(Connection& connection) {
    const auto found = std::find_if(connections_.begin(), connections_.end(),
                                    [&](const auto& known) { return known.get() == &connection; });
    if (found == connections_.end()) return;
    connection.close();
    retire(io_, std::move(*found));
    connections_.erase(found);
    if (is_open_) return wait_everywhere();
    if (connections_.empty()) on_empty_();
}

}  // namespace vassal::master
