// SPDX-License-Identifier: Apache-2.0
// A line for standard error that a signal handler composes: on the stack, of bounded size, in one write.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace vassal::worker {

template <std::size_t Size>
class BasicSignalText {
public:
    BasicSignalText& append(std::string_view text) noexcept {
        const std::size_t size = std::min(text.size(), bytes_.size() - size_);
        std::copy_n(text.data(), size, bytes_.data() + size_);
        size_ += size;
        return *this;
    }
    BasicSignalText& append_number(std::int64_t number) noexcept {
        char digits[20];
        const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
        return append({digits, static_cast<std::size_t>(end - digits)});
    }
    // What a client wrote: it must not be able to end the line or to speak to a terminal.
    BasicSignalText& append_escaped(std::string_view text) noexcept {
        static constexpr char digits[] = "0123456789abcdef";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte >= 0x20 && byte < 0x7f) {
                append({&c, 1});
            } else {
                const char escaped[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
                append({escaped, sizeof escaped});
            }
        }
        return *this;
    }
    void write_line() noexcept {
        size_ = std::min(size_, bytes_.size() - 1);
        bytes_[size_++] = '\n';
        static_cast<void>(!::write(STDERR_FILENO, bytes_.data(), size_));  // nowhere to report its loss
    }

    [[nodiscard]] std::size_t room() const noexcept { return bytes_.size() - size_; }

private:
    std::array<char, Size> bytes_;
    std::size_t size_ = 0;
};

using SignalText = BasicSignalText<1024>;

}  // namespace vassal::worker
