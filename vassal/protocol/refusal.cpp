// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/refusal.h"

#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/fastcgi_records.h"
#include "vassal/protocol/response_head.h"

namespace vassal::protocol {

using common::net::Protocol;

std::string_view write_refusal(Protocol protocol, std::uint16_t fastcgi_id, TextBuffer& reply, TextBuffer& framed) {
    const bool is_fastcgi = protocol == Protocol::fastcgi;
    if (is_fastcgi && fastcgi_id == 0) return {};
    ResponseContext context;
    context.is_http = protocol == Protocol::http;
    context.is_cgi = is_fastcgi || protocol == Protocol::scgi;
    write_status_reply(503, context, reply, "Retry-After: 1\r\n");
    if (!is_fastcgi) return reply.view();
    framed.clear();
    fastcgi::append_answer(fastcgi_id, reply.view(), framed);
    return framed.view();
}

std::uint16_t first_fastcgi_id(std::string_view bytes) noexcept {
    if (bytes.size() < fastcgi::header_size || bytes[1] != fastcgi::begin_request) return 0;
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[2]) << 8 | static_cast<unsigned char>(bytes[3]));
}

}  // namespace vassal::protocol
