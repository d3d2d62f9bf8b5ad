// SPDX-License-Identifier: Apache-2.0
// Decoder of chunked request bodies (RFC 9112 7.1), incremental over any split of the input. Strict: hexadecimal size
// without sign or space, CRLF only, extensions and trailers bounded and without control characters, both ignored.
#pragma once

#include <cstdint>
#include <string_view>

namespace vassal::protocol {

class ChunkedDecoder {
public:
    struct Step {
        std::size_t consumed = 0;
        std::string_view data;  // a piece of the body, inside what was consumed
    };

    // Consumes up to and including one piece of data. Call again with the rest until is_done(), is_bad() or no input.
    [[nodiscard]] Step next(std::string_view input) noexcept;

    [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
    [[nodiscard]] bool is_bad() const noexcept { return state_ == State::bad; }

private:
    enum class State : std::uint8_t {
        size_first,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_first,
        trailer,
        trailer_lf,
        last_lf,
        done,
        bad
    };

    void feed(char c) noexcept;
    void feed_size(char c) noexcept;
    void feed_trailer(char c) noexcept;

    State state_ = State::size_first;
    std::uint64_t left_ = 0;       // of this chunk
    std::uint32_t line_size_ = 0;  // of this extension, or of all trailers
};

}  // namespace vassal::protocol
