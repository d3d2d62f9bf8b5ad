// SPDX-License-Identifier: Apache-2.0
// Bytes of an app's output into lines. Pure; one per pipe. Lines longer than link::max_line_size are split, and what
// has no newline yet is kept until flush().
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace vassal::master {

class LineSplitter {
public:
    using Sink = std::function<void(std::string_view line)>;  // without the newline; valid during the call

    void feed(std::string_view bytes, const Sink& sink);
    // Gives the unfinished line away, if there is one.
    void flush(const Sink& sink);
    [[nodiscard]] bool has_partial() const noexcept { return !partial_.empty(); }

private:
    std::string partial_;
};

}  // namespace vassal::master
