// SPDX-License-Identifier: Apache-2.0
// What makes two states of a path of `watch:` different. Called with the vassal's rights; opens nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emperor/watch/scanner.h"

namespace emperor::watch {

// By path, as in the configuration.
using WatchedStamps = std::map<std::string, FileStamp, std::less<>>;

// All zero where nothing is, or may be seen. Of a directory only which one it is counts, not what lies in it.
[[nodiscard]] FileStamp stamp_of(const std::string& path);
[[nodiscard]] WatchedStamps stamps_of(const std::vector<std::string>& paths);

}  // namespace emperor::watch
