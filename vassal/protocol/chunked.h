// SPDX-License-Identifier: Apache-2.0
// Decoder of chunked request bodies (RFC 9112 7.1), incremental over any split of the input. Strict: hexadecimal size
// without sign or space, CRLF only. Extensions and trailer fields are dropped, but they are bounded and must be what
// they claim to be: a server in front that read them otherwise would see the next request elsewhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace vassal::protocol {

class ChunkedDecoder {
public:
    // `max_trailer_size`: of all trailer fields together.
    explicit ChunkedDecoder(std::size_t max_trailer_size = 64 * 1024) noexcept : max_trailer_size_(max_trailer_size) {}

    struct Step {
        std::size_t consumed = 0;
        std::string_view data;  // a piece of the body, inside what was consumed
    };

    // Consumes up to and including one piece of data. Call again with the rest until is_done(), is_bad() or no input.
    [[nodiscard]] Step next(std::string_view input) noexcept;

    [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
    [[nodiscard]] bool is_bad() const noexcept { return failure() != 0; }
    // 0, or the status to refuse the request with: 400, 431 for trailers that are too large.
    [[nodiscard]] int failure() const noexcept {
        return state_ == State::bad ? 400 : state_ == State::trailer_too_large ? 431 : 0;
    }

private:
    enum class State : std::uint8_t {
        size_first,
        size,
        extension_name,  // at its begin
        extension,
        extension_quoted,
        extension_escaped,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_first,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
        done,
        bad,
        trailer_too_large
    };

    void feed(char c) noexcept;
    void feed_size(char c) noexcept;
    void feed_extension(char c) noexcept;
    void feed_trailer(char c) noexcept;

    std::size_t max_trailer_size_;
    std::uint64_t left_ = 0;     // of this chunk
    std::size_t line_size_ = 0;  // of this size, of its extensions, or of all trailers
    State state_ = State::size_first;
};

}  // namespace vassal::protocol
