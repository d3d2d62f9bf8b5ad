// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/process_samples.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <vector>

#include "common/base/unique_fd.h"

namespace emperor::stats {

namespace {

std::array<char, 48> path_of(pid_t pid, const char* name) {
    std::array<char, 48> path;
    std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, name);
    return path;
}

// Files of /proc are written whole into a buffer that is large enough.
std::string_view read_file(pid_t pid, const char* name, std::array<char, 2048>& buffer) noexcept {
    const common::UniqueFd fd(::open(path_of(pid, name).data(), O_RDONLY | O_CLOEXEC));
    const ssize_t size = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

void read_quick(pid_t pid, ProcessSample& sample) {
    static const std::int64_t ticks = ::sysconf(_SC_CLK_TCK), page = ::sysconf(_SC_PAGESIZE);
    std::array<char, 2048> buffer;
    if (parse_stat(read_file(pid, "stat", buffer), ticks, page, sample)) return;
    sample.resident = sample.virtual_size = 0;  // gone; its CPU time has been
}

// Since Linux 6.2 the size of the directory is the number of descriptors.
std::optional<std::int64_t> count_descriptors(pid_t pid) {
    const auto path = path_of(pid, "fd");
    struct stat status {};
    if (::stat(path.data(), &status) != 0) return std::nullopt;
    if (status.st_size > 0) return status.st_size;
    DIR* const folder = ::opendir(path.data());
    if (folder == nullptr) return std::nullopt;
    std::int64_t count = 0;
    while (const dirent* entry = ::readdir(folder))
        if (entry->d_name[0] != '.') ++count;
    ::closedir(folder);
    return count;
}

void read_costly(pid_t pid, ProcessSample& sample) {
    std::array<char, 2048> buffer;
    sample.proportional = parse_pss(read_file(pid, "smaps_rollup", buffer));
    sample.descriptors = count_descriptors(pid);
}

ProcessSamples::Microseconds thread_time() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::duration_cast<ProcessSamples::Microseconds>(std::chrono::seconds(time.tv_sec) +
                                                                    std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace

ProcessSamples::ProcessSamples()
    : ProcessSamples(
          Reader{.quick = read_quick, .costly = read_costly, .now = common::Clock::now, .spent = thread_time}) {}

const ProcessSample& ProcessSamples::of(pid_t pid) {
    static const ProcessSample nothing;
    if (pid <= 0) return nothing;
    const common::TimePoint now = reader_.now();
    const auto [found, is_new] = entries_.try_emplace(pid);
    Entry& entry = found->second;
    entry.asked_at = now;
    if (is_new || (now - entry.quick_at >= quick_age && reader_.spent() < quick_end_)) {
        reader_.quick(pid, entry.sample);
        entry.quick_at = now;
    }
    return entry.sample;
}

void ProcessSamples::spend() {
    const common::TimePoint begin = reader_.now();
    std::erase_if(entries_, [&](const auto& entry) { return begin - entry.second.asked_at > forgotten_after; });
    const auto refill = std::chrono::duration_cast<Microseconds>((begin - refilled_at_) / 1000);  // 1 ms per second
    budget_ = refilled_at_ == common::TimePoint{} ? costly_budget : std::min(costly_budget, budget_ + refill);
    refilled_at_ = begin;
    if (budget_ <= Microseconds::zero()) return;

    std::vector<std::pair<common::TimePoint, pid_t>> turns;
    turns.reserve(entries_.size());
    for (const auto& [pid, entry] : entries_)
        if (!entry.is_tried || begin - entry.sample.costly_at >= quick_age)
            turns.push_back({entry.sample.costly_at, pid});
    // A budget of a millisecond reaches a dozen at most.
    const auto reachable = std::min<std::size_t>(turns.size(), 16);
    std::partial_sort(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(reachable), turns.end());
    turns.resize(reachable);
    const Microseconds before = reader_.spent();
    Microseconds used{};
    for (const auto& [age, pid] : turns) {
        if (used >= budget_) break;
        Entry& entry = entries_[pid];
        reader_.costly(pid, entry.sample);
        entry.is_tried = true;
        entry.sample.costly_at = reader_.now();
        used = reader_.spent() - before;
    }
    budget_ -= used;  // what was overdrawn is missing in the seconds to come
}

bool parse_stat(std::string_view text, std::int64_t ticks_per_second, std::int64_t page_size,
                ProcessSample& sample) noexcept {
    const std::size_t name_end = text.rfind(')');  // the name may hold anything
    if (name_end == std::string_view::npos || ticks_per_second <= 0) return false;
    std::array<std::int64_t, 25> fields{};
    const char* at = text.data() + name_end + 1;
    const char* const end = text.data() + text.size();
    for (std::size_t field = 3; field < fields.size(); ++field) {
        while (at != end && *at == ' ') ++at;
        const char* const next = std::find(at, end, ' ');
        if (at == next) return false;
        if (field > 3 && std::from_chars(at, next, fields[field]).ec == std::errc::invalid_argument) return false;
        at = next;
    }
    sample.cpu_us = (fields[14] + fields[15]) * (1'000'000 / ticks_per_second);
    sample.virtual_size = fields[23];
    sample.resident = fields[24] * page_size;
    return true;
}

std::optional<std::int64_t> parse_pss(std::string_view text) noexcept {
    constexpr std::string_view name = "\nPss:";
    std::size_t at = text.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    at = text.find_first_not_of(' ', at + name.size());
    std::int64_t kibibytes = 0;
    if (at == std::string_view::npos ||
        std::from_chars(text.data() + at, text.data() + text.size(), kibibytes).ec != std::errc{} || kibibytes < 0)
        return std::nullopt;
    return kibibytes * 1024;
}

}  // namespace emperor::stats
