// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/watcher.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "emperor/watch/settle.h"
#include "emperor/watch/watch_set.h"

namespace emperor::watch {

namespace asio = boost::asio;
using common::Clock;
using common::Duration;

constexpr auto longest_pause = std::chrono::minutes(2);

// Lives until its cancelled operations have run; after close() they do nothing.
class Watcher::Loop : public std::enable_shared_from_this<Loop> {
public:
    Loop(asio::io_context& io, std::vector<std::string> directories, std::function<void()> on_settled,
         const WatcherOptions& options)
        : options_(options),
          set_(std::move(directories)),
          settle_(options.quiet, options.most),
          on_settled_(std::move(on_settled)),
          events_(io),
          settle_timer_(io),
          rescan_timer_(io),
          again_timer_(io) {}

    ~Loop() {
        if (events_.is_open()) events_.release();  // the set owns the descriptor
    }

    void start() {
        if (set_.fd() >= 0)
            events_.assign(set_.fd());
        else
            common::log::warn("watching by polling", {{"reason", set_.why_not()}});
        static_cast<void>(set_.refresh());  // the caller scans after this
        tell_missing();
        wait_for_events();
        arm_rescan();
    }

    void close() {
        is_closed_ = true;
        on_settled_ = nullptr;
        if (events_.is_open()) events_.release();
        settle_timer_.cancel();
        rescan_timer_.cancel();
        again_timer_.cancel();
    }

    void mark_dirty() {
        settle_.mark(Clock::now());
        if (!is_settling_) wait_until_settled();
    }

    void rescan_after(Duration delay) {
        again_timer_.expires_after(delay);
        again_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error && !self->is_closed_) self->mark_dirty();
        });
    }

    void watch_targets(const std::vector<std::string>& paths) {
        // What changed between the scan and the new watch is seen by one more scan.
        if (set_.watch_targets(paths)) mark_dirty();
    }

    [[nodiscard]] std::vector<std::string> missing() const { return set_.missing(); }
    [[nodiscard]] bool is_in_a_burst() const noexcept { return settle_.was_cut(); }

private:
    void wait_for_events() {
        if (!events_.is_open()) return;
        events_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                               if (error || self->is_closed_) return;
                               if (self->set_.read_events()) self->mark_dirty();
                               self->wait_for_events();
                           });
    }

    void wait_until_settled() {
        const std::optional<common::TimePoint> deadline = settle_.deadline();
        is_settling_ = deadline.has_value();
        if (!deadline) return;
        settle_timer_.expires_at(*deadline);
        settle_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (error || self->is_closed_) return;
            // The loop may have been kept from running since it looked for work: what has come meanwhile is of the burst.
            if (self->set_.read_events()) self->settle_.mark(Clock::now());
            const bool is_settled = self->settle_.take(Clock::now());
            self->wait_until_settled();  // further marks came in meanwhile
            if (is_settled) self->settled();
        });
    }

    void settled() {
        // Before the scan: what changes after it is seen by the new watches.
        last_settled_ = Clock::now();
        static_cast<void>(set_.refresh());
        tell_missing();
        const std::function<void()> call = on_settled_;  // may destroy the Watcher, not this
        call();
        last_look_ = Clock::now() - last_settled_;
        if (!is_closed_) arm_rescan();
    }

    // A look at a thousand apps takes some 20 ms: every minute is enough for what nearly never is.
    [[nodiscard]] Duration pause_between_looks() const {
        const Duration most = std::max<Duration>(options_.rescan, longest_pause);
        return std::clamp<Duration>(options_.rescan_share * last_look_, options_.rescan, most);
    }

    void arm_rescan() {
        const bool is_blind = set_.fd() < 0 || !set_.missing().empty();
        rescan_timer_.expires_after(is_blind ? options_.missing_rescan : pause_between_looks());
        rescan_timer_.async_wait([self = shared_from_this(), is_blind](const boost::system::error_code& error) {
            if (error || self->is_closed_) return;
            // While something is missing only its return is worth a scan, unless there is no inotify at all.
            const bool has_returned = self->set_.refresh();
            const bool is_time = Clock::now() - self->last_settled_ >= self->options_.rescan;
            if (!is_blind || is_time || has_returned || self->set_.fd() < 0) self->mark_dirty();
            self->tell_missing();
            self->arm_rescan();
        });
    }

    void tell_missing() {
        std::vector<std::string> now = set_.missing();
        if (set_.fd() >= 0)
            for (const std::string& path : now)
                if (std::find(told_.begin(), told_.end(), path) == told_.end())
                    common::log::warn("directory missing", {{"directory", path}});
        for (const std::string& path : told_)
            if (std::find(now.begin(), now.end(), path) == now.end())
                common::log::info("directory watched", {{"directory", path}});
        told_ = std::move(now);
    }

    WatcherOptions options_;
    WatchSet set_;
    Settle settle_;
    std::function<void()> on_settled_;
    asio::posix::stream_descriptor events_;
    asio::steady_timer settle_timer_;
    asio::steady_timer rescan_timer_;
    asio::steady_timer again_timer_;
    std::vector<std::string> told_;  // as missing, in the log
    common::TimePoint last_settled_ = Clock::now();
    Duration last_look_{};  // how long it took
    bool is_settling_ = false;  // settle_timer_ runs
    bool is_closed_ = false;
};

Watcher::Watcher(asio::io_context& io, std::vector<std::string> directories, std::function<void()> on_settled,
                 const WatcherOptions& options)
    : loop_(std::make_shared<Loop>(io, std::move(directories), std::move(on_settled), options)) {}

Watcher::~Watcher() { loop_->close(); }

void Watcher::start() { loop_->start(); }
void Watcher::watch_targets(const std::vector<std::string>& paths) { loop_->watch_targets(paths); }
void Watcher::rescan_after(Duration delay) { loop_->rescan_after(delay); }
void Watcher::mark_dirty() { loop_->mark_dirty(); }
bool Watcher::is_in_a_burst() const { return loop_->is_in_a_burst(); }
std::vector<std::string> Watcher::missing() const { return loop_->missing(); }

}  // namespace emperor::watch
