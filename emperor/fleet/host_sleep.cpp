// SPDX-License-Identifier: Apache-2.0
// Sleep of a vassal that runs on demand: who sleeps has its listeners watched, who is awake its counters.
#include <algorithm>

#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace {

// Everything that a request moves, in all rows, and whether the generation of that bank is at work: what the other bank
// says may be the last state of processes that were killed. Values of a tenant's process: whatever they say, only its own
// sleep depends on them.
supervise::Activity activity_of(const common::scoreboard::Board& board, int bank, int workers) {
    supervise::Activity activity;
    const auto count = static_cast<std::size_t>(std::clamp(workers, 0, common::scoreboard::max_workers));
    for (std::size_t row = 0; row < board.worker.size(); ++row) {
        const bool is_own = row % common::scoreboard::banks == static_cast<std::size_t>(bank);
        for (std::size_t number = 0; number < count; ++number) {
            const auto& slot = board.worker[row][number];
            const auto threads = std::min<std::size_t>(slot.most_threads.load(std::memory_order_relaxed), slot.thread.size());
            const bool is_alive = is_own && slot.pid.load(std::memory_order_relaxed) > 0;
            activity.is_busy |= is_alive && slot.unfinished.load(std::memory_order_relaxed) > 0;
            for (std::size_t i = 0; i < threads; ++i) {
                const auto& thread = slot.thread[i];
                activity.requests += thread.requests.load(std::memory_order_relaxed) +
                                     thread.request_sequence.load(std::memory_order_relaxed);
                activity.is_busy |= is_alive && thread.request_started_us.load(std::memory_order_relaxed) != 0;
            }
        }
    }
    return activity;
}

}  // namespace

void VassalHost::look_after_sleep(const supervise::VassalStatus& status) {
    // By the configuration that it runs: the file may have been rolled back from, or rejected.
    const Instance* active = find(status.active);
    const supervise::Spec* runs = active ? active->launch()->deployment->spec.get() : nullptr;
    const bool may_be_idle = runs && status.successor == 0 && status.is_serving && board_ && runs->is_on_demand &&
                             runs->idle_timeout > common::Duration{};
    if (!may_be_idle) {
        idle_generation_ = 0;
        idle_timer_.disarm();
    } else if (idle_generation_ != status.active || idle_watch_.idle() != runs->idle_timeout) {
        idle_generation_ = status.active;
        idle_timer_.arm(idle_watch_.begin(runs->idle_timeout, activity(), common::Clock::now()),
                        [this] { look_whether_idle(); });
    }
    const bool somebody_accepts = std::ranges::any_of(instances_, [](const auto& item) { return item.second->is_accepting(); });
    const LaunchPtr next = status.is_asleep ? next_launch() : nullptr;
    if (!next || somebody_accepts || !can_be_woken(*next)) return sleeper_.release();
    // Where only others listen, nobody would be woken.
    for (const LaunchPtr& launch : {newest_, activated_}) {
        if (!instances_.empty() || !launch || launch == next) continue;
        launch->listeners.clear();
        launch->has_listeners = false;
    }
    if (!sleeper_.is_watching(next->listeners)) sleeper_.watch(next->listeners);
}

// Another configuration may be the one to wake up with since the last look: after a reload of what was rolled back.
bool VassalHost::can_be_woken(Launch& launch) {
    if (launch.has_listeners) return true;
    auto opened = pool_.open(*launch.deployment);
    std::string problem = opened ? "" : common::config::headline(opened.error());
    if (!problem.empty() && problem != socket_problem_)
        common::log::error("socket lost", {{"vassal", name_}, {"reason", problem}});
    socket_problem_ = std::move(problem);
    if (!opened) return false;  // each rescan tries again
    launch.listeners = std::move(*opened);
    launch.has_listeners = true;
    return true;
}

supervise::Activity VassalHost::activity() const {
    const Instance* active = find(machine_.status().active);
    return active && board_ ? activity_of(board_.board(), active->bank(), active->launch()->deployment->effective->config.workers)
                            : supervise::Activity{};
}

void VassalHost::look_whether_idle() {
    const auto next = idle_watch_.look(activity(), common::Clock::now());
    if (next) return idle_timer_.arm(*next, [this] { look_whether_idle(); });
    const supervise::Generation generation = std::exchange(idle_generation_, 0);
    push(supervise::Idle{generation});  // where it may not sleep now, it is watched from the beginning again
}

}  // namespace emperor::fleet
