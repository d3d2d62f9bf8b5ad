// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. A target is one function that takes any bytes and holds the decoder to its promises; a
// broken promise ends the process, which libFuzzer (preset `fuzz`) and the replay of the seeds (replay.cpp, every
// build) both take for a finding. No target opens a file, a socket or a clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return size == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(data), size);
}

inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// A copy with nothing behind its last byte, so that the sanitizer sees a look beyond the end of the input.
class Copy {
public:
    explicit Copy(std::string_view text) : bytes_(text.begin(), text.end()) {}
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

private:
    std::vector<char> bytes_;
};

// Where to cut an input in two: any place, the same one for the same bytes.
inline std::size_t cut_of(std::string_view text) {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return static_cast<std::size_t>(hash % (text.size() + 1));
}

inline bool is_inside(std::string_view part, std::string_view whole) {
    const std::less_equal<const char*> not_behind;
    return not_behind(whole.data(), part.data()) && not_behind(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace fuzz
