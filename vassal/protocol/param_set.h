// SPDX-License-Identifier: Apache-2.0
// Hot path. The CGI variables of one request, each key once. Repeated HTTP_* keys are joined with ", " (cookies with
// "; ", RFC 9110 5.2, RFC 6265 5.4) when finish() is called; of other repeated keys the last one counts.
// Owned by a Head; keeps its memory from request to request. Work and memory are linear in the size of the head,
// whatever the peer sends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vassal/app/application.h"
#include "vassal/protocol/known.h"

namespace vassal::protocol {

class ParamSet {
public:
    ParamSet();

    void clear() noexcept;
    // Values of a key that is there already wait for finish().
    void add(std::string_view key, std::string_view value, Known known) {
        std::int64_t there = -1;
        if (known == Known::other) {
            there = enter(key);
        } else {
            std::int32_t& index = known_[static_cast<std::size_t>(known)];
            there = index;
            if (index < 0) index = static_cast<std::int32_t>(count_);
        }
        if (there < 0) {
            push(key, value);
        } else {
            add_again(static_cast<std::size_t>(there), key, value);
        }
    }
    void replace(std::string_view key, std::string_view value, Known known);
    // Joins what was repeated. False: the arena is full.
    [[nodiscard]] bool finish();

    // Null where the request has no such variable. Pointers are valid until the next add().
    [[nodiscard]] const app::Param* find(Known known) const noexcept {
        const std::int32_t index = known_[static_cast<std::size_t>(known)];
        return index < 0 ? nullptr : &params_[static_cast<std::size_t>(index)];
    }
    [[nodiscard]] std::string_view value(Known known) const noexcept {
        const app::Param* param = find(known);
        return param ? param->value : std::string_view();
    }
    void remove(Known known) noexcept;
    // For tests and rare paths: linear.
    [[nodiscard]] const app::Param* find(std::string_view key) const noexcept;

    [[nodiscard]] std::span<const app::Param> all() const noexcept { return {params_.data(), count_}; }
    // How many times add() was called: the number of fields the peer sent.
    [[nodiscard]] std::size_t added() const noexcept { return count_ + repeats_.size(); }

    // `size` bytes that live until clear(); null when the arena (arena_size bytes) is full.
    [[nodiscard]] char* allocate(std::size_t size) noexcept;

    static constexpr std::size_t arena_size = 1024 * 1024;  // untouched pages cost nothing

private:
    struct Slot {
        std::uint32_t epoch = 0;
        std::uint32_t index = 0;
    };
    struct Repeat {
        std::uint32_t of = 0;
        std::uint32_t order = 0;
        std::string_view value;
    };

    void push(std::string_view key, std::string_view value) {
        if (count_ == params_.size()) params_.resize(count_ * 2);
        params_[count_++] = {key, value};
    }
    void add_again(std::size_t index, std::string_view key, std::string_view value);
    // The index of `key`, or -1 after it was entered under the next index.
    std::int64_t enter(std::string_view key);
    void grow_slots();
    [[nodiscard]] bool join(std::span<const Repeat> repeats, app::Param& param);

    std::vector<app::Param> params_;  // the first count_ are in use
    std::size_t count_ = 0;
    std::vector<Repeat> repeats_;
    std::array<std::int32_t, static_cast<std::size_t>(Known::count)> known_{};
    std::vector<Slot> slots_;  // open addressing over the keys that are not known
    std::size_t entered_ = 0;
    std::uint32_t epoch_ = 1;
    std::unique_ptr<char[]> arena_;
    std::size_t arena_used_ = 0;
};

}  // namespace vassal::protocol
