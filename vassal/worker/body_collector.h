// SPDX-License-Identifier: Apache-2.0
// A request body on its way in: in memory up to a limit, then in a temporary file that has no name. Made for one
// request whose body does not fit beside its head; knows the framings: Content-Length, chunked, FastCGI's records.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "vassal/app/application.h"
#include "vassal/protocol/chunked.h"
#include "vassal/protocol/fastcgi.h"

namespace vassal::worker {

class BodyCollector {
public:
    struct Limits {
        std::uint64_t memory = 0;  // more goes to the file
        std::uint64_t body = 0;    // more is 413
        std::size_t trailer = 0;   // chunked: more is 431
    };
    enum class Framing : std::uint8_t { length, chunked, records, open_records };  // the last: without a length
    // `length` counts for length and records. `records` decodes the latter two.
    BodyCollector(Framing framing, std::uint64_t length, const Limits& limits,
                  std::optional<protocol::StdinDecoder> records = std::nullopt);

    // Takes bytes of the body; returns how many belong to it (fewer than given: the body has ended).
    [[nodiscard]] std::size_t feed(std::string_view bytes);

    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    // FastCGI: the client wants no answer any more.
    [[nodiscard]] bool is_aborted() const noexcept { return records_ && records_->is_aborted(); }
    // FastCGI: to be sent before anything else.
    [[nodiscard]] std::string_view replies() const noexcept { return replies_.view(); }
    void forget_replies() noexcept { replies_.clear(); }
    // 0, or the status to refuse the request with: 400 bad framing, 413 and 431 too large, 507 no room for the temporary file.
    [[nodiscard]] int failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // How many bytes recv() may ask for without taking from the next request; 0: any number.
    [[nodiscard]] std::uint64_t missing() const noexcept { return framing_ == Framing::length ? length_ - size_ : 0; }
    [[nodiscard]] app::Body body() const noexcept;

private:
    [[nodiscard]] std::size_t feed_chunks(std::string_view bytes);
    [[nodiscard]] std::size_t feed_records(std::string_view bytes);
    void store(std::string_view piece);
    bool open_file();
    bool write_all(std::string_view bytes);

    Limits limits_;
    std::uint64_t length_;
    std::uint64_t size_ = 0;
    std::vector<char> memory_;
    common::UniqueFd file_;
    protocol::ChunkedDecoder chunks_;
    std::optional<protocol::StdinDecoder> records_;
    protocol::TextBuffer replies_;
    Framing framing_;
    bool is_complete_ = false;
    int failure_ = 0;
};

}  // namespace vassal::worker
