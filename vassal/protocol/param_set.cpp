// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/param_set.h"

#include <algorithm>
#include <cstring>

namespace vassal::protocol {
namespace {

// All bytes count, eight at a time: keys that differ only in the middle must not collide.
std::uint64_t hash(std::string_view key) noexcept {
    constexpr std::uint64_t multiplier = 0x9E37'79B9'7F4A'7C15ull;
    std::uint64_t h = key.size() * multiplier;
    const char* p = key.data();
    std::size_t left = key.size();
    while (left >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        h = (h ^ word) * multiplier;
        h ^= h >> 29;
        p += 8;
        left -= 8;
    }
    std::uint64_t tail = 0;
    if (left >= 4) {
        std::uint32_t first = 0, last = 0;
        std::memcpy(&first, p, 4);
        std::memcpy(&last, p + left - 4, 4);
        tail = first | std::uint64_t{last} << 32;
    } else {
        for (std::size_t i = 0; i < left; ++i) tail = tail << 8 | static_cast<unsigned char>(p[i]);
    }
    h = (h ^ tail) * multiplier;
    return h ^ h >> 31;
}

}  // namespace

ParamSet::ParamSet() : params_(128), slots_(256), arena_(std::make_unique_for_overwrite<char[]>(arena_size)) {
    repeats_.reserve(16);
    known_.fill(-1);
}

void ParamSet::clear() noexcept {
    count_ = 0;
    repeats_.clear();
    known_.fill(-1);
    entered_ = 0;
    arena_used_ = 0;
    if (++epoch_ == 0) {
        std::ranges::fill(slots_, Slot{});
        epoch_ = 1;
    }
}

void ParamSet::add_again(std::size_t index, std::string_view key, std::string_view value) {
    if (key.starts_with("HTTP_")) {
        repeats_.push_back({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(repeats_.size()), value});
    } else {
        params_[index].value = value;
    }
}

void ParamSet::replace(std::string_view key, std::string_view value, Known known) {
    std::int32_t& index = known_[static_cast<std::size_t>(known)];
    if (index < 0) {
        index = static_cast<std::int32_t>(count_);
        push(key, value);
    } else {
        params_[static_cast<std::size_t>(index)].value = value;
    }
}

// The last one takes its place. Called after finish(), when nothing refers to indexes of unknown keys any more.
void ParamSet::remove(Known known) noexcept {
    std::int32_t& index = known_[static_cast<std::size_t>(known)];
    if (index < 0) return;
    const auto last = static_cast<std::int32_t>(count_ - 1);
    if (index != last) {
        params_[static_cast<std::size_t>(index)] = params_[count_ - 1];
        if (const auto moved = std::ranges::find(known_, last); moved != known_.end()) *moved = index;
    }
    --count_;
    index = -1;
}

const app::Param* ParamSet::find(std::string_view key) const noexcept {
    const auto params = all();
    const auto found = std::ranges::find(params, key, &app::Param::key);
    return found == params.end() ? nullptr : &*found;
}

char* ParamSet::allocate(std::size_t size) noexcept {
    if (size > arena_size - arena_used_) return nullptr;
    char* const place = arena_.get() + arena_used_;
    arena_used_ += size;
    return place;
}

std::int64_t ParamSet::enter(std::string_view key) {
    if (entered_ * 2 >= slots_.size()) grow_slots();
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash(key) & mask;; i = (i + 1) & mask) {
        Slot& slot = slots_[i];
        if (slot.epoch != epoch_) {
            slot = {epoch_, static_cast<std::uint32_t>(count_)};
            ++entered_;
            return -1;
        }
        if (params_[slot.index].key == key) return slot.index;
    }
}

void ParamSet::grow_slots() {
    std::vector<Slot> bigger(slots_.size() * 4);
    const std::size_t mask = bigger.size() - 1;
    for (const Slot& slot : slots_) {
        if (slot.epoch != epoch_) continue;
        std::size_t i = hash(params_[slot.index].key) & mask;
        while (bigger[i].epoch == epoch_) i = (i + 1) & mask;
        bigger[i] = slot;
    }
    slots_ = std::move(bigger);
}

bool ParamSet::finish() {
    if (repeats_.empty()) return true;
    std::ranges::sort(repeats_,
                      [](const Repeat& a, const Repeat& b) { return a.of != b.of ? a.of < b.of : a.order < b.order; });
    for (auto first = repeats_.begin(); first != repeats_.end();) {
        const auto last = std::find_if(first, repeats_.end(), [&](const Repeat& r) { return r.of != first->of; });
        if (!join({first, last}, params_[first->of])) return false;
        first = last;
    }
    return true;
}

bool ParamSet::join(std::span<const Repeat> repeats, app::Param& param) {
    const std::string_view separator = param.key == "HTTP_COOKIE" ? "; " : ", ";
    std::size_t size = param.value.size();
    for (const Repeat& repeat : repeats) size += separator.size() + repeat.value.size();
    char* const joined = allocate(size);
    if (joined == nullptr) return false;
    char* out = std::copy(param.value.begin(), param.value.end(), joined);
    for (const Repeat& repeat : repeats) {
        out = std::copy(separator.begin(), separator.end(), out);
        out = std::copy(repeat.value.begin(), repeat.value.end(), out);
    }
    param.value = {joined, size};
    return true;
}

}  // namespace vassal::protocol
