// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/source_set.h"

#include <climits>

namespace vassal::master {

std::optional<std::string> SourceSet::add(std::string_view file) {
    const std::size_t slash = file.rfind('/');
    if (!file.starts_with('/') || slash + 1 == file.size() || file.size() >= PATH_MAX) return std::nullopt;
    const std::string_view directory = slash == 0 ? "/" : file.substr(0, slash);
    const std::string_view name = file.substr(slash + 1);
    auto found = names_.find(directory);
    if (found != names_.end() && found->second.contains(name)) return std::nullopt;
    const bool is_new = found == names_.end();
    if (count_ >= max_files || (is_new && names_.size() >= max_directories)) {
        is_full_ = true;
        return std::nullopt;
    }
    if (is_new) found = names_.emplace(directory, std::set<std::string, std::less<>>{}).first;
    found->second.emplace(name);
    ++count_;
    return is_new ? std::optional(found->first) : std::nullopt;
}

bool SourceSet::contains(std::string_view directory, std::string_view name) const {
    const auto found = names_.find(directory);
    return found != names_.end() && found->second.contains(name);
}

}  // namespace vassal::master
