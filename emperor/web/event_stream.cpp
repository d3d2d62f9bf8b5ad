// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/event_stream.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace emperor::web {

namespace asio = boost::asio;

std::string event_text(std::string_view name, std::string_view data) {
    while (!data.empty() && data.back() == '\n') data.remove_suffix(1);
    std::string text("event: ");
    text.reserve(data.size() + name.size() + 20);
    text.append(name).append("\ndata: ").append(data).append("\n\n");
    return text;
}

void EventStream::push(stats::Document event) {
    if (is_closed_ || has_overflown_) return;
    if (!waiting_.empty() && size_ + event->size() > most_) {
        has_overflown_ = true;
        waiting_.clear();
    } else {
        size_ += event->size();
        waiting_.push_back(std::move(event));
    }
    signal_.cancel();
}

stats::Document EventStream::take() {
    if (waiting_.empty()) return nullptr;
    stats::Document event = std::move(waiting_.front());
    waiting_.pop_front();
    size_ -= event->size();
    return event;
}

asio::awaitable<void> EventStream::wait(std::chrono::milliseconds patience) {
    if (!waiting_.empty() || is_closed_ || has_overflown_) co_return;
    boost::system::error_code ignored;
    signal_.expires_after(patience);
    co_await signal_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void EventStream::close() noexcept {
    is_closed_ = true;
    waiting_.clear();
    signal_.cancel();
}

void Feed::send(std::string line) { stream_->push(std::make_shared<const std::string>(event_text(name_, line))); }

}  // namespace emperor::web
