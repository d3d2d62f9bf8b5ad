// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/response_head.h"

#include "vassal/protocol/environ.h"
#include "vassal/protocol/http_policy.h"

namespace vassal::protocol {
namespace {

// "200 OK" → 200; 0 when it is no status.
int status_number(std::string_view status) noexcept {
    if (status.size() < 3) return 0;
    int number = 0;
    for (const char c : status.substr(0, 3)) {
        if (c < '0' || c > '9') return 0;
        number = number * 10 + (c - '0');
    }
    return number;
}

}  // namespace

void ResponseHead::start(const ResponseContext& context, std::string_view status) {
    text_.clear();
    context_ = context;
    length_.reset();
    is_started_ = true;
    has_date_ = has_server_ = false;
    keep_alive_ = context.keep_alive;
    status_ = status_number(status);
    has_no_body_ = (status_ >= 100 && status_ < 200) || status_ == 204 || status_ == 304;
    text_.append(context.is_cgi ? "Status: " : "HTTP/1.1 ");
    text_.append(status);
    text_.append("\r\n");
}

ResponseHead::Field ResponseHead::classify(std::string_view name) noexcept {
    switch (name.size()) {
        case 2: return equals_without_case(name, "te") ? Field::hop_by_hop : Field::other;
        case 4: return equals_without_case(name, "date") ? Field::date : Field::other;
        case 6: return equals_without_case(name, "server") ? Field::server : Field::other;
        case 7:
            return equals_without_case(name, "upgrade") || equals_without_case(name, "trailer") ? Field::hop_by_hop
                                                                                                : Field::other;
        case 10:
            if (equals_without_case(name, "connection")) return Field::connection;
            return equals_without_case(name, "keep-alive") ? Field::hop_by_hop : Field::other;
        case 14: return equals_without_case(name, "content-length") ? Field::content_length : Field::other;
        case 17: return equals_without_case(name, "transfer-encoding") ? Field::hop_by_hop : Field::other;
        default: return Field::other;
    }
}

void ResponseHead::header(std::string_view name, std::string_view value) {
    switch (classify(name)) {
        case Field::content_length: take_length(value); return;
        case Field::connection:
            if (equals_without_case(value, "close")) keep_alive_ = false;
            return;
        case Field::hop_by_hop: return;
        case Field::date: has_date_ = true; break;
        case Field::server: has_server_ = true; break;
        case Field::other: break;
    }
    text_.append(name);
    text_.append(": ");
    text_.append(value);
    text_.append("\r\n");
}

// The first valid one counts; written by finish(), because 204 and 1xx must not have it (RFC 9110 8.6).
void ResponseHead::take_length(std::string_view value) {
    if (!length_) length_ = parse_length(value);
}

void ResponseHead::choose_framing(std::optional<std::uint64_t> total) {
    const bool is_silent = has_no_body_ || context_.is_head;
    // An app that answers HEAD with an empty list does not mean "Content-Length: 0".
    if (!length_ && total && !has_no_body_ && !(context_.is_head && *total == 0)) length_ = total;
    if (is_silent) {
        framing_ = BodyFraming::none;
    } else if (length_) {
        framing_ = BodyFraming::length;
    } else {
        framing_ = context_.is_http && context_.is_http11 ? BodyFraming::chunked : BodyFraming::until_close;
    }
    if (framing_ == BodyFraming::until_close && !context_.is_framed) keep_alive_ = false;
}

void ResponseHead::write_connection() {
    if (!context_.is_http) return;
    if (!has_date_) {
        text_.append("Date: ");
        text_.append(context_.date);
        text_.append("\r\n");
    }
    if (!has_server_) text_.append("Server: emperor\r\n");
    if (!keep_alive_) {
        text_.append("Connection: close\r\n");
    } else if (!context_.is_http11) {
        text_.append("Connection: keep-alive\r\n");
    }
}

void ResponseHead::finish(std::optional<std::uint64_t> total) {
    choose_framing(total);
    if (length_ && status_ >= 200 && status_ != 204) {
        text_.append("Content-Length: ");
        text_.append_number(*length_);
        text_.append("\r\n");
    } else if (framing_ == BodyFraming::chunked) {
        text_.append("Transfer-Encoding: chunked\r\n");
    }
    write_connection();
    text_.append("\r\n");
}

}  // namespace vassal::protocol
