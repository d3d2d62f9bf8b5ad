// SPDX-License-Identifier: Apache-2.0
// Hot path. The names of CGI variables as interned str objects, and each one's last value. Owned by one thread's
// EnvironBuilder; bounded: the names that servers and browsers really send are in it from the start, the first others
// fill the rest, and what comes later gets new objects. Never remembers a secret or a long value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vassal/python/py_ref.h"

namespace vassal::python {

inline constexpr std::size_t max_cached_keys = 256;
inline constexpr std::size_t max_remembered_value = 128;  // bytes

// The bytes of a str that this room made itself: always Latin-1, one byte per character.
[[nodiscard]] inline std::string_view bytes_of(PyObject* text) noexcept {
    return {static_cast<const char*>(PyUnicode_DATA(text)), static_cast<std::size_t>(PyUnicode_GET_LENGTH(text))};
}

[[nodiscard]] inline PyObject* new_text(std::string_view bytes) noexcept {
    return PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr);
}

struct KeyEntry {
    PyObject* key = nullptr;    // interned
    PyObject* value = nullptr;  // the last one, or null
    bool is_secret = false;     // Cookie, Authorization: values leave with their request

    [[nodiscard]] bool may_remember(std::string_view bytes) const noexcept {
        return !is_secret && bytes.size() <= max_remembered_value;
    }
    // A new reference to the str of these bytes; null with an exception set when out of memory.
    [[nodiscard]] PyObject* text(std::string_view bytes) noexcept;
};

class KeyCache {
public:
    KeyCache();
    KeyCache(const KeyCache&) = delete;
    KeyCache& operator=(const KeyCache&) = delete;
    ~KeyCache();

    // The entry of this name, made now if there is room; null when the cache is full (or memory is).
    [[nodiscard]] KeyEntry* find(std::string_view key) noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return used_; }

private:
    static constexpr std::size_t slots = 1024;  // a quarter full at most: runs of neighbours stay short

    std::array<KeyEntry, max_cached_keys> entries_{};
    std::array<std::uint16_t, slots> table_{};  // index in entries_ plus one; 0 is free
    std::size_t used_ = 0;
};

}  // namespace vassal::python
