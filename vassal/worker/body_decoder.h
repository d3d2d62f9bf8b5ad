// SPDX-License-Identifier: Apache-2.0
// Takes the framing off a request body as it comes: Content-Length, chunked, FastCGI's records. Pure; keeps nothing of
// the body. Used by who collects it (body_collector.h) and by who hands it on (body_stream.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vassal/protocol/chunked.h"
#include "vassal/protocol/fastcgi.h"

namespace vassal::worker {

class BodyDecoder {
public:
    enum class Framing : std::uint8_t { length, chunked, records, open_records };  // the last: without a length
    struct Step {
        std::size_t consumed = 0;
        std::string_view data;  // a piece of the body, inside what was consumed
    };

    struct Limits {
        std::uint64_t body = 0;   // more is 413
        std::size_t trailer = 0;  // of chunked: more is 431
    };

    // `length` counts for length and records. `records` decodes the latter two.
    BodyDecoder(Framing framing, std::uint64_t length, const Limits& limits,
                std::optional<protocol::StdinDecoder> records = std::nullopt) noexcept
        : length_(length), most_(limits.body), chunks_(limits.trailer), records_(records), framing_(framing) {
        is_complete_ = framing == Framing::length && length == 0;
    }

    // Consumes up to and including one piece of data. Call again with the rest until the end or no input.
    [[nodiscard]] Step next(std::string_view bytes);

    [[nodiscard]] bool has_ended() const noexcept { return is_complete_ || failure_ != 0 || is_aborted(); }
    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    // FastCGI: the client wants no answer any more.
    [[nodiscard]] bool is_aborted() const noexcept { return records_ && records_->is_aborted(); }
    // FastCGI: to be sent before anything else.
    [[nodiscard]] std::string_view replies() const noexcept { return replies_.view(); }
    void forget_replies() noexcept { replies_.clear(); }
    // 0, or the status to refuse the request with: 400 bad framing, 413 too large, 431 a
    // trailer that is.
    [[nodiscard]] int failure() const noexcept { return failure_; }
    // Of the body so far.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // How long the body will be, where the client has said so.
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept {
        const bool is_known = framing_ == Framing::length || framing_ == Framing::records;
        return is_known ? std::optional(length_) : std::nullopt;
    }
    // How many bytes recv() may ask for without taking from the next request; 0: any number.
    [[nodiscard]] std::uint64_t missing() const noexcept { return framing_ == Framing::length ? length_ - size_ : 0; }

private:
    [[nodiscard]] Step next_of_length(std::string_view bytes) const noexcept;
    [[nodiscard]] Step next_chunk(std::string_view bytes);
    [[nodiscard]] Step next_record(std::string_view bytes);

    std::uint64_t length_;
    std::uint64_t most_;
    std::uint64_t size_ = 0;
    protocol::ChunkedDecoder chunks_;
    std::optional<protocol::StdinDecoder> records_;
    protocol::TextBuffer replies_;
    Framing framing_;
    bool is_complete_ = false;
    int failure_ = 0;
};

}  // namespace vassal::worker
