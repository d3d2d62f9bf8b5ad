// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/scgi.h"

#include <algorithm>

#include "vassal/protocol/gateway.h"

namespace vassal::protocol {
namespace {

// Up to the NUL, which is taken as well. Null data: there is none.
std::string_view take_text(std::string_view& block) noexcept {
    const std::size_t end = block.find('\0');
    if (end == std::string_view::npos) return {};
    const std::string_view text = block.substr(0, end);
    block.remove_prefix(end + 1);
    return text;
}

// False: not pairs of texts, an empty name, or a second CONTENT_LENGTH that says something else than the first: a
// front end that let a client add one would disagree with us about where the request ends.
bool read_params(std::string_view block, ParamSet& params) {
    if (!block.starts_with(std::string_view("CONTENT_LENGTH\0", 15))) return false;
    std::string_view version;
    while (!block.empty()) {
        const std::string_view key = take_text(block);
        const std::string_view value = take_text(block);
        if (key.empty() || value.data() == nullptr) return false;
        if (key == "SCGI") version = value;
        if (key == "CONTENT_LENGTH") {
            const app::Param* const first = params.find(Known::content_length);
            if (first != nullptr && first->value != value && !value.empty()) return false;
            if (first != nullptr) continue;
        }
        add_variable(params, key, value);
    }
    return version == "1";
}

}  // namespace

Decoded decode_scgi(std::string_view buffer, const Limits& limits, const Facts& facts, Head& head) {
    std::size_t size = 0;
    std::size_t at = 0;
    // A wrong byte is answered at once: an HTTP client ('G', 'P') would wait for more.
    for (; at < buffer.size() && buffer[at] != ':'; ++at) {
        const char c = buffer[at];
        if (c < '0' || c > '9' || (at == 1 && buffer[0] == '0')) return bad(400);
        size = size * 10 + static_cast<std::size_t>(c - '0');
        if (size > limits.header_size) return bad(431);
    }
    if (at == buffer.size()) return {.wanted = at + 1};
    if (size == 0) return bad(400);
    const std::size_t begin = at + 1;
    const std::size_t whole = begin + size + 1;
    if (buffer.size() < whole) return {.wanted = whole};
    if (buffer[whole - 1] != ',') return bad(400);

    head.clear();
    if (!read_params(buffer.substr(begin, size), head.params)) return bad(400);
    find_path(head.params);
    if (const int status = complete_gateway_head(head, limits, facts); status != 0) return bad(status);
    return {.outcome = Outcome::complete, .consumed = whole};
}

}  // namespace vassal::protocol
