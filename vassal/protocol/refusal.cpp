// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/refusal.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/fastcgi_records.h"
#include "vassal/protocol/proxy_protocol.h"
#include "vassal/protocol/response_head.h"

namespace vassal::protocol {

using common::net::Protocol;

namespace {

// The header line. Without the heap: a signal handler calls this.
class RetryAfter {
public:
    explicit RetryAfter(std::uint64_t seconds) noexcept {
        char* const digits = std::copy(name.begin(), name.end(), line_.begin());
        end_ = std::to_chars(digits, digits + most_digits, seconds).ptr;
        end_ = std::copy(line_end.begin(), line_end.end(), end_);
    }
    [[nodiscard]] std::string_view view() const noexcept { return {line_.data(), end_}; }

private:
    static constexpr std::string_view name = "Retry-After: ", line_end = "\r\n";
    static constexpr std::size_t most_digits = 20;
    std::array<char, name.size() + most_digits + line_end.size()> line_;
    char* end_;
};

}  // namespace

std::string_view write_refusal(Protocol protocol, std::uint16_t fastcgi_id, TextBuffer& reply, TextBuffer& framed,
                               std::uint64_t retry_after, bool is_head) {
    const bool is_fastcgi = protocol == Protocol::fastcgi;
    if (is_fastcgi && fastcgi_id == 0) return {};
    ResponseContext context;
    context.is_http = protocol == Protocol::http;
    context.is_cgi = is_fastcgi || protocol == Protocol::scgi;
    context.is_head = is_head;
    write_status_reply(503, context, reply, RetryAfter(retry_after).view());
    if (!is_fastcgi) return reply.view();
    framed.clear();
    fastcgi::append_answer(fastcgi_id, reply.view(), framed);
    return framed.view();
}

FirstBytes look_at_first_bytes(Protocol protocol, std::string_view bytes) noexcept {
    FirstBytes seen;
    switch (protocol) {
        case Protocol::fastcgi:
            seen.is_enough = bytes.size() >= fastcgi::header_size;
            seen.fastcgi_id = first_fastcgi_id(bytes);
            break;
        case Protocol::http: {
            // Whoever says it: nobody is believed anything here.
            ProxyHeader ignored;
            const Decoded proxy = decode_proxy_header(bytes, ignored);
            if (proxy.outcome == Outcome::need_more) break;
            const std::string_view request = bytes.substr(proxy.outcome == Outcome::complete ? proxy.consumed : 0);
            constexpr std::string_view head = "HEAD ";
            seen.is_enough = request.size() >= head.size();
            seen.is_head = request.starts_with(head);
            break;
        }
        case Protocol::uwsgi:
        case Protocol::scgi: seen.is_enough = !bytes.empty(); break;
    }
    return seen;
}

std::uint16_t first_fastcgi_id(std::string_view bytes) noexcept {
    if (bytes.size() < fastcgi::header_size || bytes[1] != fastcgi::begin_request) return 0;
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[2]) << 8 | static_cast<unsigned char>(bytes[3]));
}

}  // namespace vassal::protocol
