// SPDX-License-Identifier: Apache-2.0
// A request body on its way in: in memory up to a limit, then in a temporary file that has no name. Made for one
// request whose body does not fit beside its head.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "vassal/app/application.h"
#include "vassal/worker/body_decoder.h"

namespace vassal::worker {

class BodyCollector {
public:
    // More than `memory` bytes go to the file.
    BodyCollector(BodyDecoder decoder, std::uint64_t memory);

    // Takes bytes of the body; returns how many belong to it (fewer than given: the body has ended).
    [[nodiscard]] std::size_t feed(std::string_view bytes);

    [[nodiscard]] bool is_complete() const noexcept { return decoder_.is_complete(); }
    [[nodiscard]] bool is_aborted() const noexcept { return decoder_.is_aborted(); }
    [[nodiscard]] std::string_view replies() const noexcept { return decoder_.replies(); }
    void forget_replies() noexcept { decoder_.forget_replies(); }
    // 0, or the status to refuse the request with: the decoder's, or 507: no room for the temporary file.
    [[nodiscard]] int failure() const noexcept { return failure_ != 0 ? failure_ : decoder_.failure(); }
    [[nodiscard]] std::uint64_t size() const noexcept { return decoder_.size(); }
    [[nodiscard]] std::uint64_t missing() const noexcept { return decoder_.missing(); }
    [[nodiscard]] app::Body body() const noexcept;

private:
    void store(std::string_view piece);
    bool open_file();
    bool write_all(std::string_view bytes);

    BodyDecoder decoder_;
    std::uint64_t most_in_memory_;
    std::vector<char> memory_;
    common::UniqueFd file_;
    int failure_ = 0;
};

}  // namespace vassal::worker
