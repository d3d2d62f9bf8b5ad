// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/uwsgi.h"

#include "vassal/protocol/gateway.h"

namespace vassal::protocol {
namespace {

constexpr std::size_t header_size = 4;
constexpr unsigned char modifier_wsgi = 0;
constexpr unsigned char modifier_ping = 100;

std::size_t read_size(const char* p) noexcept {
    return static_cast<std::size_t>(static_cast<unsigned char>(p[0])) |
           static_cast<std::size_t>(static_cast<unsigned char>(p[1])) << 8;
}

// False: a length points outside the block, or a key is empty.
bool read_params(std::string_view block, ParamSet& params) {
    const char* p = block.data();
    const char* const end = p + block.size();
    while (p != end) {
        if (end - p < 2) return false;
        const std::size_t key_size = read_size(p);
        p += 2;
        if (key_size == 0 || static_cast<std::size_t>(end - p) < key_size + 2) return false;
        const std::string_view key(p, key_size);
        p += key_size;
        const std::size_t value_size = read_size(p);
        p += 2;
        if (static_cast<std::size_t>(end - p) < value_size) return false;
        add_variable(params, key, {p, value_size});
        p += value_size;
    }
    return true;
}

}  // namespace

Decoded decode_uwsgi(std::string_view buffer, const Limits& limits, const Facts& facts, Head& head) {
    if (buffer.empty()) return {};
    const auto modifier = static_cast<unsigned char>(buffer[0]);
    // A wrong first byte is answered at once: an HTTP client ('G', 'P') would wait for more.
    if (modifier != modifier_wsgi && modifier != modifier_ping) return bad(400);
    if (buffer.size() < header_size) return {.wanted = header_size};
    const std::size_t size = read_size(buffer.data() + 1);
    if (size > limits.header_size) return bad(431);
    const std::size_t whole = header_size + size;
    if (buffer.size() < whole) return {.wanted = whole};
    if (modifier == modifier_ping) return {.outcome = Outcome::ping, .consumed = whole};

    head.clear();
    if (!read_params(buffer.substr(header_size, size), head.params)) return bad(400);
    if (const int status = complete_gateway_head(head, limits, facts); status != 0) return bad(status);
    return {.outcome = Outcome::complete, .consumed = whole};
}

}  // namespace vassal::protocol
