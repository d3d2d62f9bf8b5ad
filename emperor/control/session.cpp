// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/session.h"

#include <malloc.h>
#include <poll.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "common/log/log.h"

namespace emperor::control {

namespace asio = boost::asio;
using boost::system::error_code;

// What one about a thousand apps was made of lies scattered in the heap by then, and would stay the emperor's.
constexpr std::size_t large_answer = 256 * 1024;

Session::Session(asio::io_context& io, common::UniqueFd fd, Peer peer, const Limits& limits, OnLine on_line)
    : socket_(io, asio::local::stream_protocol(), fd.get()),
      write_timer_(io),
      idle_timer_(io),
      peer_(std::move(peer)),
      limits_(limits),
      on_line_(std::move(on_line)) {
    (void)fd.release();
}

void Session::start(std::function<void()> on_end) {
    on_end_ = std::move(on_end);
    watch_idleness();
    asio::co_spawn(
        socket_.get_executor(), [self = shared_from_this()] { return self->read_lines(); },
        [self = shared_from_this()](const std::exception_ptr& error) {
            if (!error) return;
            common::log::error("control session failed", {{"uid", self->peer_.uid}});
            self->close();
        });
}

void Session::close() noexcept {
    if (std::exchange(is_closed_, true)) return;
    subscriptions_.clear();
    output_.clear();
    write_timer_.cancel();
    idle_timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (const auto on_end = std::exchange(on_end_, nullptr)) on_end();
}

asio::awaitable<void> Session::read_lines() {
    std::array<char, 4096> chunk;
    while (!is_closed_ && !has_input_ended_) {
        error_code error;
        const std::size_t size =
            co_await socket_.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        if (is_closed_) co_return;
        if (error == asio::error::eof) co_return on_end_of_input();
        if (error) co_return close();
        input_.append(chunk.data(), size);
        take_lines();
    }
}

void Session::take_lines() {
    std::size_t begin = 0;
    for (std::size_t end; !is_closed_ && (end = input_.find('\n', begin)) != std::string::npos; begin = end + 1) {
        const std::string_view line(input_.data() + begin, end - begin);
        if (line.size() > max_line_size) break;
        watch_idleness();
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) on_line_(line, peer_, shared_from_this());
    }
    if (is_closed_) return;
    input_.erase(0, begin);
    if (input_.size() <= max_line_size) return;
    send(encode_error({nullptr, ErrorCode::bad_request, "a line is longer than 64 KiB", {}}));
    on_end_of_input();
}

// A client may close its sending side and still wait for the outcome (`… | nc -N`).
void Session::on_end_of_input() {
    has_input_ended_ = true;
    if (is_peer_gone() || !has_work()) close();
}

bool Session::has_work() const noexcept {
    return is_writing_ || operations_ > 0 || !subscriptions_.empty();
}

bool Session::is_peer_gone() const noexcept {
    pollfd peer{const_cast<Session*>(this)->socket_.native_handle(), 0, 0};
    return ::poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

void Session::end_operation() {
    --operations_;
    if (is_closed_) return;
    watch_idleness();
    if (has_input_ended_ && !has_work()) close();
}

void Session::keep(std::unique_ptr<fleet::FleetApi::Subscription> subscription) {
    if (!is_closed_ && subscription) subscriptions_.push_back(std::move(subscription));
}

void Session::send(std::string line) {
    if (is_closed_ || is_dropped_) return;
    // One answer may be larger than the bound; what may not grow is a heap of them that nobody reads.
    if (!output_.empty() && output_size_ + line.size() > limits_.output_size) {
        common::log::warn("control client dropped", {{"uid", peer_.uid}, {"pid", peer_.pid}, {"reason", "does not read"}});
        // Not now: the caller may be one of the subscriptions that close() destroys.
        is_dropped_ = has_input_ended_ = true;
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close(); });
        return;
    }
    output_size_ += line.size();
    output_.push_back(std::move(line));
    if (!is_writing_) write_next();
}

void Session::write_next() {
    is_writing_ = true;
    watch_writing();
    asio::async_write(socket_, asio::buffer(output_.front()),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                          if (self->is_closed_) return;
                          if (error) return self->close();
                          const std::size_t size = self->output_.front().size();
                          self->output_size_ -= size;
                          self->output_.pop_front();
                          if (size >= large_answer) ::malloc_trim(0);
                          self->is_writing_ = false;
                          self->write_timer_.cancel();
                          if (!self->output_.empty()) return self->write_next();
                          if (self->has_input_ended_ && !self->has_work()) self->close();
                      });
}

void Session::watch_writing() {
    write_timer_.expires_after(limits_.write);
    write_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = error ? nullptr : weak.lock();
        // The timer may have expired in the same turn in which the write ended.
        if (self && self->is_writing_ && self->write_timer_.expiry() <= asio::steady_timer::clock_type::now())
            self->close();
    });
}

void Session::watch_idleness() {
    idle_timer_.expires_after(limits_.idle);
    idle_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = error ? nullptr : weak.lock();
        if (!self || self->is_closed_ || self->idle_timer_.expiry() > asio::steady_timer::clock_type::now()) return;
        if (self->has_work() && !self->is_peer_gone()) return self->watch_idleness();
        self->close();
    });
}

}  // namespace emperor::control
