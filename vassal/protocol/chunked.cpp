// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/chunked.h"

#include <algorithm>

namespace vassal::protocol {
namespace {

constexpr std::size_t max_extension_size = 1024;
constexpr std::uint64_t max_chunk_size = std::uint64_t{1} << 59;  // one more digit cannot overflow

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(char c) noexcept { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

// RFC 9110 5.6.2
bool is_token(char c) noexcept {
    return hex_value(c) >= 0 || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view input) noexcept {
    std::size_t at = 0;
    while (at < input.size() && state_ != State::done && !is_bad()) {
        if (state_ == State::data) {
            const std::size_t size = std::min<std::uint64_t>(left_, input.size() - at);
            left_ -= size;
            if (left_ == 0) state_ = State::data_cr;
            return {at + size, input.substr(at, size)};
        }
        feed(input[at++]);
    }
    return {at, {}};
}

void ChunkedDecoder::feed_size(char c) noexcept {
    if (const int digit = hex_value(c); digit >= 0) {
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        // Leading zeros are bounded too: no peer writes a size with more than 16 digits.
        state_ = left_ >= max_chunk_size || ++line_size_ > 16 ? State::bad : State::size;
    } else if (state_ == State::size && c == ';') {
        line_size_ = 0;
        state_ = State::extension_name;
    } else {
        state_ = state_ == State::size && c == '\r' ? State::size_lf : State::bad;
    }
}

// ;name  ;name=value  ;name="quoted \" value", with spaces in between
void ChunkedDecoder::feed_extension(char c) noexcept {
    const bool is_end = c == '\r' && state_ == State::extension;
    if (++line_size_ > max_extension_size || (is_control(c) && !is_end)) {
        state_ = State::bad;
    } else if (state_ == State::extension_escaped) {
        state_ = State::extension_quoted;
    } else if (state_ == State::extension_quoted) {
        state_ = c == '\\' ? State::extension_escaped : c == '"' ? State::extension : state_;
    } else if (state_ == State::extension_name) {
        if (!is_space(c)) state_ = is_token(c) ? State::extension : State::bad;
    } else if (is_end) {
        state_ = State::size_lf;
    } else if (c == ';') {
        state_ = State::extension_name;
    } else if (c == '"') {
        state_ = State::extension_quoted;
    } else if (!is_token(c) && !is_space(c) && c != '=') {
        state_ = State::bad;
    }
}

// A field as in a head: no folded line, no space before the colon, a name of token characters.
void ChunkedDecoder::feed_trailer(char c) noexcept {
    if (++line_size_ > max_trailer_size_) {
        state_ = State::trailer_too_large;
    } else if (state_ == State::trailer_value) {
        state_ = c == '\r' ? State::trailer_lf : is_control(c) ? State::bad : state_;
    } else if (is_token(c)) {
        state_ = State::trailer_name;
    } else if (state_ == State::trailer_name) {
        state_ = c == ':' ? State::trailer_value : State::bad;
    } else {
        state_ = c == '\r' ? State::last_lf : State::bad;
    }
}

void ChunkedDecoder::feed(char c) noexcept {
    switch (state_) {
        case State::size_first:
        case State::size: feed_size(c); break;
        case State::extension_name:
        case State::extension:
        case State::extension_quoted:
        case State::extension_escaped: feed_extension(c); break;
        case State::size_lf:
            line_size_ = 0;
            state_ = c != '\n' ? State::bad : left_ == 0 ? State::trailer_first : State::data;
            break;
        case State::data_cr: state_ = c == '\r' ? State::data_lf : State::bad; break;
        case State::data_lf: state_ = c == '\n' ? State::size_first : State::bad; break;
        case State::trailer_first:
        case State::trailer_name:
        case State::trailer_value: feed_trailer(c); break;
        case State::trailer_lf: state_ = c == '\n' ? State::trailer_first : State::bad; break;
        case State::last_lf: state_ = c == '\n' ? State::done : State::bad; break;
        case State::data:
        case State::done:
        case State::bad:
        case State::trailer_too_large: break;
    }
}

}  // namespace vassal::protocol
