// SPDX-License-Identifier: Apache-2.0
// What emperor and keeper say to each other, over common/link/channel.h: a letter, then an opaque key. The keeper never
// looks into a key.
#pragma once

#include <cstddef>

namespace emperor::keeper {

// ---- emperor → keeper
inline constexpr char wire_keep = 'K';  // key, one descriptor: hold a duplicate; a second one under the key replaces the first
inline constexpr char wire_drop = 'D';  // key: close it
inline constexpr char wire_list = 'L';  // send everything, then `wire_end`
inline constexpr char wire_quit = 'Q';  // nothing is to be kept any more: exit

// ---- keeper → emperor
inline constexpr char wire_entry = 'E';  // key, one descriptor
inline constexpr char wire_end = 'Z';    // that was all of it

inline constexpr std::size_t max_key_size = 4096;

// Descriptor of the link in a keeper that an emperor spawned.
inline constexpr int link_fd = 3;

}  // namespace emperor::keeper
