// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/refusal.h"

#include <string>

#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/fastcgi_records.h"
#include "vassal/protocol/proxy_protocol.h"
#include "vassal/protocol/response_head.h"

namespace vassal::protocol {

using common::net::Protocol;

std::string_view write_refusal(Protocol protocol, std::uint16_t fastcgi_id, TextBuffer& reply, TextBuffer& framed,
                               std::uint64_t retry_after, bool is_head) {
    const bool is_fastcgi = protocol == Protocol::fastcgi;
    if (is_fastcgi && fastcgi_id == 0) return {};
    ResponseContext context;
    context.is_http = protocol == Protocol::http;
    context.is_cgi = is_fastcgi || protocol == Protocol::scgi;
    context.is_head = is_head;
    write_status_reply(503, context, reply, "Retry-After: " + std::to_string(retry_after) + "\r\n");
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
