// SPDX-License-Identifier: Apache-2.0
// Hot path. The part of conversation.h that tells the access log of answers; only called when it is on.
#include <algorithm>

#include "vassal/worker/conversation.h"

namespace vassal::worker {
namespace {

constexpr std::size_t most_of_a_first_line = 2000;

std::string_view first_line_of(std::string_view bytes) noexcept {
    bytes = bytes.substr(0, most_of_a_first_line);
    return bytes.substr(0, bytes.find_first_of("\r\n"));
}

}  // namespace

// While the views of head_ are valid: before its bytes are consumed.
void Conversation::log_answer(const app::Request& request, const ResponseSink::Outcome& outcome, std::int64_t began_us,
                              std::int64_t ended_us) noexcept {
    access_.write({.head = &head_,
                   .peer = {},
                   .first_line = {},
                   .request_id = request.request_id,
                   .fields = sink_.fields().bytes(),
                   .status = outcome.status,
                   .bytes = outcome.body_size,
                   .began_us = began_us,
                   .ended_us = ended_us});
}

// An answer without the app. The head may be what is wrong.
void Conversation::log_refusal(Connection& connection, int status) {
    const bool has_head = connection.phase == Phase::body;
    if (has_head && decoded_ != &connection) {
        protocol::HttpScan scan;
        protocol::FastCgiScan fastcgi;
        static_cast<void>(decode(connection, scan, fastcgi));
    }
    const bool is_http = connection.protocol == common::net::Protocol::http;
    const std::int64_t now = now_us();
    access_.write({.head = has_head ? &head_ : nullptr,
                   .peer = connection.peer.address(),
                   .first_line = is_http ? first_line_of(connection.input.bytes()) : std::string_view(),
                   .request_id = has_head && !head_.request_id.empty() ? head_.request_id : request_ids_.next(),
                   .fields = {},
                   .status = status,
                   .bytes = protocol::status_reply_body_size(status),
                   .began_us = now,
                   .ended_us = now});
}

}  // namespace vassal::worker
