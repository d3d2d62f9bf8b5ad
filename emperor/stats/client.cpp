// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/client.h"

#include <optional>
#include <string_view>
#include <utility>

#include "emperor/stats/http.h"

namespace emperor::stats {

namespace asio = boost::asio;

Client::Client(asio::io_context& io, common::UniqueFd fd, const Options& options, Source source)
    : stream_(io, std::move(fd)), options_(options), source_(std::move(source)) {}

void Client::close() noexcept {
    source_ = nullptr;
    stream_.close();
}

asio::awaitable<bool> Client::read_opening() {
    stream_.arm(options_.peek);
    while (opening_of(received_) == Opening::undecided) {
        const bool has_more = co_await stream_.read(received_);
        if (!has_more) break;  // silent (the deadline), or closed its sending side: raw
    }
    co_return opening_of(received_) == Opening::http;
}

// A close with unread bytes resets the connection, and the client might never see the answer: a body that is on its
// way is read away, up to a bound and the deadline.
asio::awaitable<void> Client::refuse_method() {
    constexpr std::size_t most = 64 * 1024;
    const std::string answer = method_not_allowed();
    co_await stream_.write_last(answer, {});
    for (std::size_t size = 0; size < most; size += received_.size()) {
        received_.clear();
        const bool has_more = co_await stream_.read(received_);
        if (!has_more) co_return;
    }
}

asio::awaitable<void> Client::answer_http() {
    while (!is_complete(received_)) {
        if (received_.size() > max_request_size) {
            const std::string answer = error_answer(431, "Request Header Fields Too Large", "request too large");
            co_await stream_.write_last(answer, {});
            co_return;
        }
        const bool has_more = co_await stream_.read(received_);
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
        co_await stream_.write_last(answer, {});
        co_return;
    }
    const Answer answer = source_(*target);
    if (!answer.body) {
        const std::string text =
            error_answer(404, "Not Found", "not found; the documents are at / and /metrics", target->is_head_only);
        co_await stream_.write_last(text, {});
    } else if (answer.revision != 0 && answer.revision == target->known) {
        const std::string head = not_modified_head(answer.revision);
        co_await stream_.write_last(head, {});
    } else {
        const std::string head = ok_head(answer.type, answer.body->size(), answer.revision);
        co_await stream_.write_last(head, target->is_head_only ? std::string_view() : std::string_view(*answer.body));
    }
}

asio::awaitable<void> Client::run() {
    const bool is_http = co_await read_opening();
    if (!source_) co_return;
    stream_.arm(options_.client_deadline);
    if (is_http) {
        co_await answer_http();
    } else {
        const Answer answer = source_({});
        if (answer.body) co_await stream_.write_last({}, *answer.body);
    }
    stream_.disarm();
}

}  // namespace emperor::stats
