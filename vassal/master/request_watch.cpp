// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/request_watch.h"

#include <algorithm>

namespace vassal::master {

namespace {

using common::scoreboard::ThreadSlot;

// "GET /slow" of the slot's request line, which may end in a protocol.
std::string printable_request(const ThreadSlot& thread) {
    const std::size_t length = std::min<std::size_t>(thread.request_line_length.load(std::memory_order_relaxed),
                                                     common::scoreboard::request_line_size);
    std::string text(thread.request_line.data(), length);
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    if (const auto protocol = text.rfind(" HTTP/"); protocol != std::string::npos) text.resize(protocol);
    return text.empty() ? "a request" : text;
}

}  // namespace

WatchResult look_at_requests(std::span<const WatchedWorker> workers, int threads, std::uint64_t now_us,
                             std::uint64_t timeout_us) {
    WatchResult result;
    result.next_look_us = now_us + timeout_us;
    const auto count = static_cast<std::size_t>(std::clamp(threads, 0, common::scoreboard::max_threads));
    for (const WatchedWorker& worker : workers) {
        for (std::size_t i = 0; i < count; ++i) {
            const ThreadSlot& thread = worker.board->thread[i];
            const std::uint64_t sequence = thread.request_sequence.load(std::memory_order_relaxed);
            const std::uint64_t started = thread.request_started_us.load(std::memory_order_acquire);
            const std::uint64_t judged = i < worker.judged.size() ? worker.judged[i] : 0;
            const bool is_judged = judged != 0 && started != 0 && judged == sequence;
            if (judged != 0 && !is_judged) result.returned.push_back({worker.at, static_cast<int>(i)});
            if (started == 0 || started > now_us || is_judged) continue;
            if (now_us - started < timeout_us)
                result.next_look_us = std::min(result.next_look_us, started + timeout_us);
            else
                result.overdue.push_back(
                    {worker.at, static_cast<int>(i), sequence, now_us - started, printable_request(thread)});
        }
    }
    return result;
}

std::string timeout_text(const OverdueRequest& request) {
    const std::uint64_t ms = request.elapsed_us / 1000;
    std::string after = std::to_string(ms / 1000);
    if (ms < 10'000 && ms % 1000 >= 100) after.append(".").append(std::to_string(ms % 1000 / 100));
    return std::string("request timeout: ").append(request.request).append(" after ").append(after).append(" s");
}

}  // namespace vassal::master
