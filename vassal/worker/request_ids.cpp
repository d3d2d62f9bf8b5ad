// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/request_ids.h"

#include <sys/random.h>
#include <unistd.h>

#include <chrono>

namespace vassal::worker {
namespace {

// "000102…ff": two digits at a time.
constexpr auto hex_pairs = [] {
    std::array<std::array<char, 2>, 256> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        pairs[i] = {"0123456789abcdef"[i >> 4U], "0123456789abcdef"[i & 15U]};
    }
    return pairs;
}();

}  // namespace

RequestIds::RequestIds() noexcept : state_(0) {
    if (::getrandom(&state_, sizeof state_, GRND_NONBLOCK) == static_cast<ssize_t>(sizeof state_)) return;
    // An early boot without entropy: the clock, and what differs between processes and threads of this moment.
    state_ = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
             (static_cast<std::uint64_t>(::getpid()) << 40U) ^ reinterpret_cast<std::uintptr_t>(this);
}

std::string_view RequestIds::next() noexcept {
    // SplitMix64: each step a bijection.
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t bits = state_;
    bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    bits = (bits ^ (bits >> 27U)) * 0x94D049BB133111EBULL;
    bits ^= bits >> 31U;
    for (std::size_t i = 0; i < text_.size(); i += 2, bits >>= 8U) {
        text_[i] = hex_pairs[bits & 255U][0];
        text_[i + 1] = hex_pairs[bits & 255U][1];
    }
    return {text_.data(), text_.size()};
}

}  // namespace vassal::worker
