// SPDX-License-Identifier: Apache-2.0
// A request body on its way in: in memory up to a limit, then in a temporary file that has no name. Made for one
// request whose body does not fit beside its head; knows both framings, Content-Length and chunked.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "vassal/app/application.h"
#include "vassal/protocol/chunked.h"

namespace vassal::worker {

class BodyCollector {
public:
    struct Limits {
        std::uint64_t memory = 0;  // more goes to the file
        std::uint64_t body = 0;    // more is 413
    };
    // `length` counts unless `is_chunked`.
    BodyCollector(bool is_chunked, std::uint64_t length, const Limits& limits);

    // Takes bytes of the body; returns how many belong to it (fewer than given: the body has ended).
    [[nodiscard]] std::size_t feed(std::string_view bytes);

    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    // 0, or the status to refuse the request with: 400 bad chunk, 413 too large, 507 no room for the temporary file.
    [[nodiscard]] int failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // How many bytes recv() may ask for without taking from the next request; 0: any number.
    [[nodiscard]] std::uint64_t missing() const noexcept { return is_chunked_ ? 0 : length_ - size_; }
    [[nodiscard]] app::Body body() const noexcept;

private:
    void store(std::string_view piece);
    bool open_file();
    bool write_all(std::string_view bytes);

    Limits limits_;
    std::uint64_t length_;
    std::uint64_t size_ = 0;
    std::vector<char> memory_;
    common::UniqueFd file_;
    protocol::ChunkedDecoder chunks_;
    bool is_chunked_;
    bool is_complete_ = false;
    int failure_ = 0;
};

}  // namespace vassal::worker
