// SPDX-License-Identifier: Apache-2.0
// YAML text as a tree of plain values with positions. Refuses what a configuration must not contain: bytes that are not
// UTF-8, a second document, duplicate keys, merge keys, tags, alias bombs, deep nesting. Knows nothing of keys and
// types; never throws. Its .cpp is the only user of yaml-cpp. The emperor reads its own configuration file through it
// too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/source_text.h"

namespace common::config {

inline constexpr std::size_t max_text_bytes = 1 << 20;    // of one file
inline constexpr std::size_t max_nodes = 10'000;          // after aliases are expanded
inline constexpr std::size_t max_scalar_bytes = 4 << 20;  // of all scalars, after aliases are expanded
inline constexpr std::size_t max_depth = 64;

struct Node {
    enum class Kind { null, scalar, sequence, map };

    Kind kind = Kind::null;
    std::string text;      // scalar
    bool is_plain = true;  // scalar: not in quotes, not a block
    Position position;
    int width = 1;
    std::vector<Node> keys;   // map: scalars, unique; keys[i] belongs to items[i]
    std::vector<Node> items;  // map and sequence
};

// Appends its findings to `diagnostics`. Empty: nothing usable, the reason was appended; a text without content is
// a null node and no finding.
[[nodiscard]] std::optional<Node> parse_yaml(const SourceText& source, Diagnostics& diagnostics);

}  // namespace common::config
