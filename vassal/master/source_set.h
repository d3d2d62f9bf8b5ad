// SPDX-License-Identifier: Apache-2.0
// Which files belong to the app's code, by directory (`autoreload`). Directories are what is watched, because editors and
// deploys replace files. Pure and bounded; what workers report is untrusted. Owned by SourceWatch.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace vassal::master {

class SourceSet {
public:
    static constexpr std::size_t max_files = 4096;
    static constexpr std::size_t max_directories = 1024;

    // The directory that is to be watched now; nothing where it is already, or the path is none, or a bound is reached.
    std::optional<std::string> add(std::string_view file);

    [[nodiscard]] bool contains(std::string_view directory, std::string_view name) const;
    // Something was left out.
    [[nodiscard]] bool is_full() const noexcept { return is_full_; }
    [[nodiscard]] std::size_t files() const noexcept { return count_; }

private:
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> names_;  // by directory
    std::size_t count_ = 0;
    bool is_full_ = false;
};

}  // namespace vassal::master
