// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/client.h"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "emperor/stats/http.h"

namespace emperor::stats {

namespace asio = boost::asio;
using boost::system::error_code;

Client::Client(asio::io_context& io, common::UniqueFd fd, const Options& options, Source source)
    : socket_(stream_of(io, std::move(fd))), timer_(io), options_(options), source_(std::move(source)) {}

void Client::close() noexcept {
    source_ = nullptr;
    timer_.disarm();
    error_code ignored;
    socket_.close(ignored);
}

// When the deadline passes, the operation under way is cancelled.
void Client::arm(std::chrono::milliseconds deadline) {
    timer_.arm_after(deadline, [this] {
        error_code ignored;
        socket_.cancel(ignored);
    });
}

asio::awaitable<bool> Client::read_more() {
    std::array<char, 1024> chunk;
    error_code error;
    const std::size_t size =
        co_await socket_.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
    received_.append(chunk.data(), size);
    co_return !error;
}

asio::awaitable<bool> Client::read_opening() {
    arm(options_.peek);
    while (opening_of(received_) == Opening::undecided) {
        const bool has_more = co_await read_more();
        if (!has_more) break;  // silent (the deadline), or closed its sending side: raw
    }
    co_return opening_of(received_) == Opening::http;
}

asio::awaitable<void> Client::write(std::string_view head, std::string_view body) {
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    error_code error;
    co_await asio::async_write(socket_, buffers, asio::redirect_error(asio::use_awaitable, error));
    if (!error) socket_.shutdown(asio::socket_base::shutdown_send, error);
}

// A close with unread bytes resets the connection, and the client might never see the answer: a body that is on its
// way is read away, up to a bound and the deadline.
asio::awaitable<void> Client::refuse_method() {
    constexpr std::size_t most = 64 * 1024;
    const std::string answer = method_not_allowed();
    co_await write(answer, {});
    for (std::size_t size = 0; size < most; size += received_.size()) {
        received_.clear();
        const bool has_more = co_await read_more();
        if (!has_more) co_return;
    }
}

asio::awaitable<void> Client::answer_http() {
    while (!is_complete(received_)) {
        if (received_.size() > max_request_size) {
            const std::string answer = error_answer(431, "Request Header Fields Too Large", "request too large");
            co_await write(answer, {});
            co_return;
        }
        const bool has_more = co_await read_more();
        if (!has_more) co_return;
    }
    if (!source_) co_return;
    if (is_refused_method(received_)) {
        co_await refuse_method();
        co_return;
    }
    const std::optional<Target> target = target_of(received_);
    if (!target) {
        const std::string answer = error_answer(400, "Bad Request", "bad request");
        co_await write(answer, {});
        co_return;
    }
    const Answer answer = source_(*target);
    if (!answer.body) {
        const std::string text = error_answer(404, "Not Found", "not found; the documents are at / and /metrics", target->is_head_only);
        co_await write(text, {});
    } else if (answer.revision != 0 && answer.revision == target->known) {
        const std::string head = not_modified_head(answer.revision);
        co_await write(head, {});
    } else {
        const std::string head = ok_head(answer.type, answer.body->size(), answer.revision);
        co_await write(head, target->is_head_only ? std::string_view() : std::string_view(*answer.body));
    }
}

asio::awaitable<void> Client::run() {
    const bool is_http = co_await read_opening();
    if (!source_) co_return;
    arm(options_.client_deadline);
    if (is_http) {
        co_await answer_http();
    } else {
        const Answer answer = source_({});
        if (answer.body) co_await write({}, *answer.body);
    }
    timer_.disarm();
}

}  // namespace emperor::stats
