// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/access_log.h"

#include <ctime>
#include <string>
#include <utility>

namespace vassal::master {

namespace {

constexpr std::size_t batch_capacity = common::link::max_batch_size;
constexpr auto pause_between_complaints = std::chrono::seconds(10);
static_assert(common::access::max_line_size <= batch_capacity);

std::int64_t microseconds(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

}  // namespace

AccessLog::AccessLog(common::access::LineWriter writer, const common::access::Rings& rings, AppLog& log,
                     common::scoreboard::Board* board)
    : writer_(std::move(writer)),
      log_(log),
      board_(board),
      threads_(rings.threads()),
      batch_(std::make_unique_for_overwrite<char[]>(batch_capacity)) {
    readers_.reserve(rings.sets() * threads_);
    for (std::size_t set = 0; set < rings.sets(); ++set)
        for (std::size_t thread = 0; thread < threads_; ++thread) readers_.emplace_back(rings.ring(set, thread));
}

void AccessLog::drain(common::TimePoint now) {
    origin_.epoch_offset_us = microseconds(CLOCK_REALTIME) - microseconds(CLOCK_MONOTONIC);
    for (std::size_t i = 0; i < readers_.size(); ++i) {
        origin_.worker = common::access::Rings::worker_of(i / threads_);
        origin_.thread = i % threads_;
        lose(readers_[i].drain(scratch_, [this](std::string_view record) { return take(record); }));
    }
    flush();
    if (unsaid_ > 0 && now >= say_next_) {
        say_losses();
        say_next_ = now + pause_between_complaints;
    }
}

void AccessLog::finish() {
    drain(common::Clock::now());
    if (unsaid_ > 0) say_losses();
}

bool AccessLog::take(std::string_view bytes) {
    const auto record = common::access::read_record(bytes, writer_.format().copied.size());
    if (!record) return false;
    if (batch_capacity - batch_size_ < common::access::max_line_size) flush();
    char* const begin = batch_.get() + batch_size_;
    batch_size_ += static_cast<std::size_t>(writer_.write(begin, *record, origin_) - begin);
    return true;
}

void AccessLog::flush() {
    if (batch_size_ > 0) lose(log_.access_lines({batch_.get(), std::exchange(batch_size_, 0)}));
}

void AccessLog::lose(std::uint64_t records) {
    if (records == 0) return;
    unsaid_ += records;
    if (board_ != nullptr) board_->access_dropped.fetch_add(records, std::memory_order_relaxed);
}

void AccessLog::say_losses() {
    log_.say(std::to_string(std::exchange(unsaid_, 0)) +
             " access records were dropped: they came faster than they could be written");
}

}  // namespace vassal::master
