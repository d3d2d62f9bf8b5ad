// SPDX-License-Identifier: Apache-2.0
#include "common/base/nearest.h"

#include <algorithm>
#include <utility>

namespace common {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_previous(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], before_previous[j - 2] + 1);
        }
        std::swap(before_previous, previous);
        std::swap(previous, current);
    }
    return previous[b.size()];
}

std::vector<std::string> nearest(std::string_view word, std::span<const std::string> candidates, std::size_t limit,
                                 bool any) {
    std::vector<std::pair<std::size_t, std::string>> ranked;
    for (const std::string& candidate : candidates) {
        const auto [shorter, longer] = std::minmax({word.size(), candidate.size()});
        const std::size_t bound = std::max<std::size_t>(1, longer / 3);
        if (!any && longer - shorter > bound) continue;  // so many letters are missing that nothing else counts
        const std::size_t distance = edit_distance(word, candidate);
        if (any || distance <= bound) ranked.emplace_back(distance, candidate);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> names;
    for (auto& [distance, name] : ranked) {
        if (names.size() == limit) break;
        names.push_back(std::move(name));
    }
    return names;
}

}  // namespace common
