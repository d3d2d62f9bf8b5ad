// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/orphan_record.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace emperor::fleet {

namespace {

constexpr std::size_t max_lines = 10'000;
constexpr auto max_patience = std::chrono::hours(1);

// The monotonic clock is the machine's: it goes on from one emperor to the next.
std::int64_t milliseconds(common::TimePoint moment) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()).count();
}

}  // namespace

common::Result<void> write_orphans(const std::string& path, const std::vector<process::Orphans::Group>& groups) {
    if (groups.empty()) {
        ::unlink(path.c_str());
        return {};
    }
    const std::string temporary = path + ".new";
    std::ofstream out(temporary, std::ios::trunc);
    for (const auto& group : groups) out << group.leader << ' ' << milliseconds(group.deadline) << '\n';
    out.close();
    if (!out) return common::failure("write " + temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return common::system_error("replace " + path);
    return {};
}

std::vector<RecordedOrphans> read_orphans(const std::string& path) {
    std::vector<RecordedOrphans> found;
    std::ifstream in(path);
    pid_t leader = 0;
    std::int64_t deadline = 0;
    const std::int64_t now = milliseconds(common::Clock::now());
    while (found.size() < max_lines && in >> leader >> deadline) {
        if (leader <= 1) continue;
        const std::int64_t latest = now + std::chrono::milliseconds(max_patience).count();
        found.push_back({leader, std::chrono::milliseconds(std::clamp(deadline, now, latest) - now)});
    }
    return found;
}

}  // namespace emperor::fleet
