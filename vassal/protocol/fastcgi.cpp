// SPDX-License-Identifier: Apache-2.0
// Hot path. Heads; bodies are in fastcgi_stdin.cpp.
#include "vassal/protocol/fastcgi.h"

#include <algorithm>

#include "vassal/protocol/fastcgi_records.h"
#include "vassal/protocol/gateway.h"

namespace vassal::protocol {
namespace {

using namespace fastcgi;

constexpr unsigned responder = 1;
constexpr unsigned char flag_keep_connection = 1;

// Headers and padding count too: variables in records of one byte would cost a multiple of their size.
std::size_t max_raw_size(const Limits& limits) noexcept { return 2 * limits.header_size + 1024; }

// False: a length points outside the block, or a name is empty.
bool read_params(std::string_view block, ParamSet& params) {
    const char* p = block.data();
    const char* const end = p + block.size();
    while (p != end) {
        std::size_t key_size = 0, value_size = 0;
        if (!read_pair_size(p, end, key_size) || !read_pair_size(p, end, value_size)) return false;
        const auto left = static_cast<std::size_t>(end - p);
        if (key_size == 0 || key_size > left || value_size > left - key_size) return false;
        add_variable(params, {p, key_size}, {p + key_size, value_size});
        p += key_size + value_size;
    }
    return true;
}

// The variables in one piece. Null data: the arena is full.
std::string_view gather(std::string_view buffer, const FastCgiScan& scan, ParamSet& params) noexcept {
    if (scan.params == 0) return "";
    if (scan.pieces == 1) return buffer.substr(scan.first + header_size, scan.params);
    char* const begin = params.allocate(scan.params);
    if (begin == nullptr) return {};
    char* out = begin;
    for (std::size_t at = scan.first; at < scan.at;) {
        const Header header = read_header(buffer.data() + at);
        const std::string_view content = buffer.substr(at + header_size, header.content);
        if (header.type == variables && header.id == scan.id) out = std::copy(content.begin(), content.end(), out);
        at += header.size();
    }
    return {begin, scan.params};
}

Decoded fill(std::string_view buffer, const FastCgiScan& scan, const Limits& limits, const Facts& facts, Head& head) {
    head.clear();
    const std::string_view block = gather(buffer, scan, head.params);
    if (block.data() == nullptr) return bad(431);
    if (!read_params(block, head.params)) return bad(400);
    find_path(head.params);
    if (const int status = complete_gateway_head(head, limits, facts); status != 0) return bad(status);
    head.keep_alive = scan.keep_connection;
    if (head.params.value(Known::content_length).empty()) {
        // nginx passes a chunked upload on as it comes (fastcgi_request_buffering off): the stream's end is its length.
        head.is_chunked = true;
        head.params.remove(Known::http_transfer_encoding);
    }
    return {.outcome = Outcome::complete, .consumed = scan.at};
}

// No request has begun yet.
Decoded begin(const Header& header, std::string_view content, FastCgiScan& scan, const Limits& limits,
              TextBuffer& replies) {
    if (header.type != begin_request) {
        answer_aside(header, content, limits.connections, replies);
        return {.outcome = Outcome::skip, .consumed = header.size()};
    }
    if (header.id == 0 || content.size() != 8) return bad(400);
    const unsigned role =
        static_cast<unsigned>(static_cast<unsigned char>(content[0])) << 8 | static_cast<unsigned char>(content[1]);
    const bool keep_connection = (static_cast<unsigned char>(content[2]) & flag_keep_connection) != 0;
    if (role != responder) {
        append_end(header.id, unknown_role, replies);
        return {.outcome = keep_connection ? Outcome::skip : Outcome::farewell, .consumed = header.size()};
    }
    scan.id = header.id;
    scan.keep_connection = keep_connection;
    return {};
}

// A record while the head of request scan.id is being received; complete: its last one.
Decoded proceed(const Header& header, std::string_view content, FastCgiScan& scan, const Limits& limits,
                TextBuffer& replies) {
    if (header.id != scan.id) {
        answer_aside(header, content, limits.connections, replies);
        return {};
    }
    switch (header.type) {
        case variables:
            if (content.empty()) return {.outcome = Outcome::complete};
            if (scan.pieces++ == 0) scan.first = scan.at;
            scan.params += header.content;
            return scan.params > limits.header_size ? bad(431) : Decoded{};
        case abort_request:
            append_end(scan.id, request_complete, replies);
            return {.outcome = scan.keep_connection ? Outcome::skip : Outcome::farewell,
                    .consumed = scan.at + header.size()};
        case begin_request:
        case standard_in: return bad(400);
        default: answer_aside(header, content, limits.connections, replies); return {};
    }
}

}  // namespace

Decoded decode_fastcgi(std::string_view buffer, FastCgiScan& scan, const Limits& limits, const Facts& facts, Head& head,
                       TextBuffer& replies) {
    for (;;) {
        const std::string_view rest = buffer.substr(scan.at);
        // A wrong first byte is answered at once: an HTTP client ('G', 'P') would wait for more.
        if (!rest.empty() && static_cast<unsigned char>(rest[0]) != version) return bad(400);
        if (rest.size() < header_size) return {.wanted = scan.at + header_size};
        const Header header = read_header(rest.data());
        if (scan.at + header.size() > max_raw_size(limits)) return bad(431);
        if (rest.size() < header.size()) return {.wanted = scan.at + header.size()};

        const std::string_view content = rest.substr(header_size, header.content);
        const Decoded decoded = scan.id == 0 ? begin(header, content, scan, limits, replies)
                                             : proceed(header, content, scan, limits, replies);
        if (decoded.outcome == Outcome::need_more || decoded.outcome == Outcome::complete) {
            scan.at += static_cast<std::uint32_t>(header.size());
        }
        if (decoded.outcome == Outcome::complete) return fill(buffer, scan, limits, facts, head);
        if (decoded.outcome != Outcome::need_more) return decoded;
    }
}

}  // namespace vassal::protocol
