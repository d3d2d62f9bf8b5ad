// SPDX-License-Identifier: Apache-2.0
// Hot path. Bytes that are appended, sent and forgotten; the memory stays for the next response.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace vassal::protocol {

class TextBuffer {
public:
    void clear() noexcept { size_ = 0; }
    void append(std::string_view text) {
        if (text.empty()) return;
        if (capacity_ - size_ < text.size()) grow(text.size());
        std::memcpy(data_.get() + size_, text.data(), text.size());
        size_ += text.size();
    }
    void append_number(std::uint64_t number, int base = 10) {
        char digits[20];
        const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number, base);
        append({digits, static_cast<std::size_t>(end - digits)});
    }
    [[nodiscard]] std::string_view view() const noexcept { return {data_.get(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    void grow(std::size_t more) {
        std::size_t bigger = capacity_ < 2048 ? 4096 : capacity_ * 2;
        while (bigger - size_ < more) bigger *= 2;
        auto data = std::make_unique_for_overwrite<char[]>(bigger);
        if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
        data_ = std::move(data);
        capacity_ = bigger;
    }

    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace vassal::protocol
