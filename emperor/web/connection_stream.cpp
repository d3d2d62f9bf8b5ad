// SPDX-License-Identifier: Apache-2.0
// The part of a connection that is a stream: from its head until the client goes, or reads too slowly.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>

#include "common/log/log.h"
#include "emperor/web/connection.h"
#include "emperor/web/headers.h"

namespace emperor::web {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t piece_size = 64 * 1024;

// Ends with the connection: no length, no chunks.
std::string stream_head() {
    http::response<http::empty_body> response(http::status::ok, 11);
    set_common_headers(response);
    response.set(http::field::content_type, "text/event-stream");
    response.set(http::field::cache_control, "no-store");
    response.set("X-Accel-Buffering", "no");  // nginx in front hands events on at once
    response.keep_alive(false);
    std::ostringstream text;
    text << response.base();
    return text.str();
}

}  // namespace

// In pieces, each with its time: the first event of a thousand apps takes a thin line longer than a reader that is gone
// deserves.
asio::awaitable<bool> Connection::write_text(std::string_view text) {
    boost::system::error_code error;
    while (!text.empty() && !error && desk_) {
        const std::string_view piece = text.substr(0, piece_size);
        text.remove_prefix(piece.size());
        stream_.expires_after(desk_->limits.write);
        co_await asio::async_write(stream_, asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
    }
    co_return !error && desk_;
}

asio::awaitable<void> Connection::pump() {
    for (;;) {
        while (const stats::Document event = events_->take()) {
            const bool is_written = co_await write_text(*event);
            if (!is_written) co_return;
        }
        const auto patience = desk_->limits.heartbeat;
        const auto before = common::Clock::now();
        co_await events_->wait(patience);
        if (!desk_ || events_->is_closed()) co_return;
        if (events_->has_overflown()) {
            common::log::warn("dashboard client dropped", {{"reason", "does not read"}});
            co_return;
        }
        if (common::Clock::now() - before < patience) continue;
        const bool is_written = co_await write_text(heartbeat);
        if (!is_written) co_return;
    }
}

asio::awaitable<void> Connection::stream(const Route& route) {
    const bool is_fleet = route.page == Page::stream;
    events_ = std::make_shared<EventStream>(stream_.get_executor(), desk_->limits.stream_size);
    ++desk_->streams;
    const std::string head = stream_head();
    const bool is_written = co_await write_text(head);
    if (is_written) {
        if (is_fleet) desk_->hub.add(events_);
        feeds_ = desk_->api.follow(is_fleet ? "" : route.name, events_);
        co_await pump();
    }
    if (!desk_) co_return;
    feeds_.clear();
    desk_->hub.remove(events_);
    --desk_->streams;
}

}  // namespace emperor::web
