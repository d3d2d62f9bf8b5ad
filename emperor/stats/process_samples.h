// SPDX-License-Identifier: Apache-2.0
// What the kernel says of processes, kept for a while: memory and CPU time (a read of 5 µs each) at most a second old,
// proportional memory and open descriptors (smaps_rollup: 100 µs and more) in turn, whichever is oldest, within 1 ms of
// every second. Nothing is read unless somebody asks: ask for a process and it is looked at; stop asking and it is
// forgotten. Owned by the stats server. Never blocks but for the reads themselves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "common/base/clock.h"

namespace emperor::stats {

struct ProcessSample {
    std::int64_t resident = 0, virtual_size = 0, cpu_us = 0;
    std::optional<std::int64_t> proportional, descriptors;  // not known yet, or not ours to see
    common::TimePoint costly_at{};                          // when these two were read
};

class ProcessSamples {
public:
    using Microseconds = std::chrono::microseconds;
    static constexpr Microseconds costly_budget{1000};  // per second, and at most this at once
    static constexpr Microseconds quick_budget{4000};   // per document
    static constexpr std::chrono::seconds quick_age{1}, forgotten_after{120};

    // Where figures come from; tests have others. Each fills its part in; all zero: the process is gone.
    struct Reader {
        std::function<void(pid_t, ProcessSample&)> quick;
        std::function<void(pid_t, ProcessSample&)> costly;
        std::function<common::TimePoint()> now;
        std::function<Microseconds()>
            spent;  // processor time of this thread: what a budget is of, however busy the machine
    };
    ProcessSamples();
    explicit ProcessSamples(Reader reader) : reader_(std::move(reader)) {}

    // A document begins: quick reads have their budget again.
    void begin_document() { quick_end_ = reader_.spent() + quick_budget; }
    // The reference holds until the next call that is not const.
    const ProcessSample& of(pid_t pid);
    // Costly reads, as far as the budget goes; to be called now and then, and after each document.
    void spend();

    [[nodiscard]] std::size_t known() const noexcept { return entries_.size(); }

private:
    struct Entry {
        ProcessSample sample;
        common::TimePoint asked_at{}, quick_at{};
        bool is_tried = false;  // costly ones, whatever came of it
    };

    Reader reader_;
    std::unordered_map<pid_t, Entry> entries_;
    Microseconds quick_end_{};
    common::TimePoint refilled_at_{};
    Microseconds budget_ = costly_budget;
};

// /proc/PID/stat: fields 14 and 15 (ticks), 23 (bytes), 24 (pages). False: it is no such text.
[[nodiscard]] bool parse_stat(std::string_view text, std::int64_t ticks_per_second, std::int64_t page_size,
                              ProcessSample& sample) noexcept;
// "Pss:   123 kB" of /proc/PID/smaps_rollup, in bytes.
[[nodiscard]] std::optional<std::int64_t> parse_pss(std::string_view text) noexcept;

}  // namespace emperor::stats
