// SPDX-License-Identifier: Apache-2.0
// How workers tell a sleeping master that there is something to look at, at next to no cost: one shared page and one
// eventfd per generation, made by the master before it forks anybody, inherited by mold and workers.
//
// The master sleeps until the eventfd is written, then looks every `tick` (adaptive workers, access log, waits for the
// interpreter lock) until nothing happened for `idle`, and sleeps again. A worker calls note() when a request begins: one
// load, and one store for the first request of each tick; the first one after a sleep writes the eventfd. hurry() writes
// it also while the master is awake (a ring of the access log fills up). The page is written by the app's processes:
// nothing in it is believed beyond "look".
//
//     asleep ── note(): eventfd ──→ news ── take_news() → quiet ── note() → news
//        └──────────────── fall_asleep() ──────────────────┘
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace vassal::link {

class Activity {
public:
    static constexpr std::chrono::milliseconds tick{50};
    static constexpr std::chrono::milliseconds idle{1000};

    [[nodiscard]] static common::Result<Activity> create();
    Activity(Activity&& other) noexcept;
    Activity& operator=(Activity&& other) noexcept;
    ~Activity();

    // Worker, any thread; async-signal-safe.
    void note() const noexcept {
        if (page_->state.load(std::memory_order_relaxed) != State::news) announce();
    }

    // Worker, any thread: something cannot wait for the next tick. Of all that say so between two looks one writes.
    void hurry() const noexcept {
        if (page_->is_hurried.load(std::memory_order_relaxed) == 0 && page_->is_hurried.exchange(1) == 0) wake();
    }

    // Master: the descriptor to wait on, CLOEXEC and non-blocking; it stays owned here.
    [[nodiscard]] int eventfd() const noexcept { return eventfd_.get(); }
    // Master, awake: whether note() was called since the last time. Empties the eventfd.
    bool take_news() noexcept;
    // Master: from now on note() writes the eventfd. False: there is news, stay awake.
    [[nodiscard]] bool fall_asleep() noexcept;

private:
    enum class State : std::uint32_t { asleep, quiet, news };
    struct Page {
        std::atomic<State> state;
        std::atomic<std::uint32_t> is_hurried;
    };
    Activity(Page* page, common::UniqueFd eventfd) noexcept : page_(page), eventfd_(std::move(eventfd)) {}
    void announce() const noexcept;
    void wake() const noexcept;

    Page* page_ = nullptr;
    common::UniqueFd eventfd_;
};

}  // namespace vassal::link
