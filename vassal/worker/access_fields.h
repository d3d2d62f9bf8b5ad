// SPDX-License-Identifier: Apache-2.0
// Hot path. The fields that an app adds to the record of one request (Response::log_field), in a bounded buffer that
// is used again. Off until somebody wants them: then add() is one branch. Owned by a ResponseSink; one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vassal::worker {

class AccessFields {
public:
    static constexpr std::size_t size = 2048, max_name = 64, max_value = 512;

    void turn_on() noexcept { is_on_ = true; }
    void clear() noexcept { used_ = 0; }

    void add(std::string_view name, std::string_view value) noexcept {
        if (!is_on_ || name.empty()) return;
        name = name.substr(0, max_name);
        value = value.substr(0, max_value);
        if (2 * sizeof(std::uint16_t) + name.size() + value.size() > size - used_) return;
        append_size(name.size());
        append_size(value.size());
        append(name);
        append(value);
    }

    // For each field in the order of add(): u16 size of the name, u16 size of the value, name, value.
    [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.data(), used_}; }

private:
    void append(std::string_view text) noexcept {
        std::copy(text.begin(), text.end(), bytes_.data() + used_);
        used_ += text.size();
    }
    void append_size(std::size_t value) noexcept {
        const auto number = static_cast<std::uint16_t>(value);
        std::memcpy(bytes_.data() + used_, &number, sizeof number);
        used_ += sizeof number;
    }

    std::array<char, size> bytes_{};
    std::size_t used_ = 0;
    bool is_on_ = false;
};

}  // namespace vassal::worker
