// SPDX-License-Identifier: Apache-2.0
#include "common/base/oom_kills.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/unique_fd.h"

namespace common {

namespace {

constexpr std::size_t max_file_size = 64 * 1024;

std::optional<std::string> contents_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    std::string text;
    std::array<char, 4096> block;
    for (;;) {
        const ssize_t size = ::read(file.get(), block.data(), block.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return std::nullopt;
        if (size == 0 || text.size() > max_file_size) return text;
        text.append(block.data(), static_cast<std::size_t>(size));
    }
}

std::optional<std::uint64_t> count_in(const std::string& path) {
    const auto text = contents_of(path);
    return text ? oom_kills_in(*text) : std::nullopt;
}

// The cgroup knows better than the machine, where it knows.
bool has_grown(const OomCounts& before, const OomCounts& now) {
    if (before.cgroup && now.cgroup) return *now.cgroup > *before.cgroup;
    return before.machine && now.machine && *now.machine > *before.machine;
}

void count_one(std::optional<std::uint64_t>& seen, const std::optional<std::uint64_t>& now) {
    if (seen && now && *seen < *now) ++*seen;
}

}  // namespace

void OomWatch::look(const OomCounts& counts, TimePoint now) {
    if (!before_) {
        before_ = newest_ = Reading{counts, now};
        return;
    }
    if (now - newest_->at < settled) return;
    before_ = newest_;
    newest_ = Reading{counts, now};
}

bool OomWatch::explains(const OomCounts& counts, TimePoint now) {
    if (!before_) {
        look(counts, now);
        return false;
    }
    if (!has_grown(before_->counts, counts)) return false;
    count_one(before_->counts.cgroup, counts.cgroup);
    count_one(before_->counts.machine, counts.machine);
    newest_ = Reading{before_->counts, now};
    return true;
}

std::optional<std::uint64_t> oom_kills_in(std::string_view text) {
    constexpr std::string_view key = "oom_kill ";  // not oom_kill_disable, oom_group_kill
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.starts_with(key)) continue;
        std::uint64_t count = 0;
        const auto [end, error] = std::from_chars(line.data() + key.size(), line.data() + line.size(), count);
        if (error != std::errc{} || end != line.data() + line.size()) return std::nullopt;
        return count;
    }
    return std::nullopt;
}

// Lines are ID:CONTROLLERS:PATH. In a container the path is often that of the host, and what is mounted is our own
// part.
std::vector<std::string> oom_count_paths(std::string_view cgroups) {
    std::vector<std::string> paths;
    while (!cgroups.empty()) {
        const std::string_view line = cgroups.substr(0, cgroups.find('\n'));
        cgroups.remove_prefix(std::min(cgroups.size(), line.size() + 1));
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string controllers = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
        std::string path(line.substr(second + 1));
        if (path == "/") path.clear();
        if (line.starts_with("0::")) {
            paths.push_back("/sys/fs/cgroup" + path + "/memory.events");
        } else if (controllers.find(",memory,") != std::string::npos) {
            paths.push_back("/sys/fs/cgroup/memory" + path + "/memory.oom_control");
            if (!path.empty()) paths.emplace_back("/sys/fs/cgroup/memory/memory.oom_control");
        }
    }
    return paths;
}

OomReader::OomReader() {
    const auto cgroups = contents_of("/proc/self/cgroup");
    for (const std::string& path : cgroups ? oom_count_paths(*cgroups) : std::vector<std::string>{}) {
        if (!count_in(path)) continue;
        cgroup_file_ = path;
        return;
    }
}

OomCounts OomReader::read() const {
    if (!cgroup_file_.empty()) return {count_in(cgroup_file_), std::nullopt};
    return {std::nullopt, count_in("/proc/vmstat")};
}

}  // namespace common
