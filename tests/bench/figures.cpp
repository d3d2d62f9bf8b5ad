// SPDX-License-Identifier: Apache-2.0
// What the figures cost. As a program: prints "NAME VALUE" lines and takes no arguments.
//   record_ns        service and queue time of one request, written to the scoreboard as a worker's thread does
//   fleet_ms         CPU time of the fleet's document of 1000 vassals with one worker each, all busy since the last one
//   fleet_idle_ms    the same when nothing has happened since
//   delta_ms         ?since= when one vassal has changed
//   metrics_ms       /metrics of the same fleet
//   tick_ms          the look at all of them every 5 s, nothing has happened; tick_busy_ms: all had requests
//   windows_kb       heap that the windows of five minutes take for each vassal, full, of requests as above
//   fleet_bytes, delta_bytes
// Process figures are those of this process, the listen queue is a real socket's.
#include <malloc.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "emperor/stats/catalogue.h"
#include "vassal/worker/meter.h"

namespace {

using common::scoreboard::Board;
using common::scoreboard::Mapping;
using emperor::stats::Catalogue;
using emperor::stats::Target;

constexpr int vassals = 1000;

double cpu_ms() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

struct Vassal {
    common::UniqueFd fd;
    Mapping mapping;
    common::config::Effective effective;
    common::config::Identity identity;
    emperor::fleet::VassalView view;
};

class Fleet : public emperor::fleet::FleetApi {
public:
    Fleet() : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un nowhere{.sun_family = AF_UNIX, .sun_path = {}};
        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&nowhere), sizeof(sa_family_t)) != 0 ||
            ::listen(listener_.get(), 100) != 0)
            std::perror("listen");
        for (int i = 0; i < vassals; ++i) add(i);
    }
    // Every vassal had some requests, of times that spread as an app's do.
    void work(int from, int to) {
        for (int i = from; i < to; ++i) {
            auto& worker = vassals_[static_cast<std::size_t>(i)]->mapping.board().worker[0][0];
            vassal::worker::Meter meter(worker, 0);
            for (int request = 0; request < 20; ++request) {
                random_ = random_ * 1664525 + 1013904223;
                meter.queued(10 + random_ % 200);
                meter.begin_request("GET", "/some/page?of=an&app=1", 1);
                meter.end_request(200, 500 + static_cast<std::int64_t>(random_ % 60'000));
            }
        }
    }
    std::uint64_t names_version() const override { return 1; }
    std::vector<std::string> names() const override { return names_; }
    std::optional<emperor::fleet::VassalView> view(std::string_view name) const override { return find(name).view; }
    std::optional<emperor::fleet::VassalView> glance(std::string_view name) const override { return view(name); }
    void each_board(const std::function<void(const std::string&, const Board&)>& visit) const override {
        for (std::size_t at = 0; at < names_.size(); ++at) visit(names_[at], vassals_[at]->mapping.board());
    }
    void request(std::string_view, emperor::supervise::Operation, const emperor::fleet::Actor&,
                 std::function<void(const emperor::fleet::Outcome&)>) override {}
    std::unique_ptr<Subscription> follow_log(std::string_view,
                                             std::function<void(const common::link::LogRecord&)>) override {
        return nullptr;
    }
    std::unique_ptr<Subscription> follow_logs(
        std::function<void(const std::string&, const common::link::LogRecord&)>) override {
        return nullptr;
    }
    std::unique_ptr<Subscription> follow_events(
        std::function<void(const std::string&, const emperor::fleet::HistoryEntry&)>) override {
        return nullptr;
    }
    common::Result<void> scale(std::string_view, const std::optional<emperor::fleet::WorkersRange>&,
                               const emperor::fleet::Actor&) override {
        return {};
    }
    std::vector<emperor::fleet::Difference> diff() override { return {}; }
    emperor::fleet::Difference diff(const emperor::fleet::CandidateFile&) override { return {}; }
    Self self() const override {
        return {"0", 1, 1'700'000'000'000'000, {"/etc/emperor/apps.d"}, "/run/emperor", false};
    }
    void note(std::string_view, const std::string&, const std::string&) override {}
    void reopen_log(std::string_view) override {}
    void rescan() override {}

private:
    const Vassal& find(std::string_view name) const {
        return *vassals_[static_cast<std::size_t>(std::lower_bound(names_.begin(), names_.end(), name) -
                                                  names_.begin())];
    }
    void add(int number) {
        char name[16];
        std::snprintf(name, sizeof name, "app-%04d", number);
        names_.emplace_back(name);
        auto made = std::make_unique<Vassal>();
        made->fd = std::move(common::scoreboard::create(name).value());
        made->mapping = std::move(common::scoreboard::map(made->fd.get()).value());
        Board& board = made->mapping.board();
        common::scoreboard::use(board, 0, 0);
        auto& worker = board.worker[0][0];
        worker.state = static_cast<std::uint32_t>(common::scoreboard::WorkerState::serving);
        worker.pid = ::getpid();
        worker.threads = worker.most_threads = 1;
        worker.spawns = 1;
        made->effective.config.workers = made->effective.config.workers_min = made->effective.config.threads = 1;
        made->effective.config.chdir = std::string("/srv/") + name + "/current";
        auto& view = made->view;
        view.name = name;
        view.file = std::string("/etc/emperor/apps.d/") + name + ".yaml";
        view.status.state = emperor::supervise::DisplayState::running;
        view.status.active = 3;
        view.instances = {{3, ::getpid(), 0, "active", "serving", "", 1'700'000'000'000'000}};
        view.effective = &made->effective;
        view.identity = &made->identity;
        view.board = &board;
        common::net::ListenAddress address;
        address.address.path = std::string("/run/emperor/sockets/") + name + ".sock";
        view.listeners = {address};
        view.listener_fds = {listener_.get()};
        vassals_.push_back(std::move(made));
    }

    common::UniqueFd listener_;
    std::vector<std::string> names_;
    std::vector<std::unique_ptr<Vassal>> vassals_;
    std::uint32_t random_ = 1;
};

void measure_record() {
    auto fd = std::move(common::scoreboard::create("one").value());
    const Mapping mapping = std::move(common::scoreboard::map(fd.get()).value());
    vassal::worker::Meter meter(mapping.board().worker[0][0], 0);
    constexpr int times = 2'000'000;
    std::uint32_t random = 1;
    const double begin = cpu_ms();
    for (int i = 0; i < times; ++i) {
        random = random * 1664525 + 1013904223;
        meter.queued(random % 256);
        meter.served(random % 65'536);
    }
    std::printf("record_ns %.1f\n", (cpu_ms() - begin) * 1e6 / times);
}

template <class Work, class Before>
double best_of(Work work, Before before) {
    double best = 1e9;
    for (int round = 0; round < 7; ++round) {
        before();
        const double begin = cpu_ms();
        work();
        best = std::min(best, cpu_ms() - begin);
    }
    return best;
}

}  // namespace

int main() {
    measure_record();
    Fleet fleet;
    Catalogue catalogue(fleet, std::chrono::milliseconds(0));
    const auto everybody = [&] { fleet.work(0, vassals); };
    const auto nobody = [] {};
    const auto tick = [&] {
        fleet.each_board([&](const std::string& name, const Board& board) { catalogue.tick(name, board); });
    };
    const auto heap = ::mallinfo2().uordblks;
    // Windows of five minutes are full.
    for (int at = 0; at < 70; ++at) {
        if (at % 7 == 0) everybody();
        tick();
    }
    std::printf("windows_kb %.2f\n", static_cast<double>(::mallinfo2().uordblks - heap) / 1e3 / vassals);
    std::size_t size = 0;
    const auto read = [&](const Target& target) {
        return [&catalogue, &size, target] { size = catalogue.answer("", target).body->size(); };
    };
    std::printf("tick_ms %.2f\n", best_of(tick, nobody));
    std::printf("tick_busy_ms %.2f\n", best_of(tick, everybody));
    std::printf("fleet_ms %.2f\n", best_of(read({}), everybody));
    std::printf("fleet_bytes %zu\n", size);
    std::printf("fleet_idle_ms %.2f\n", best_of(read({}), nobody));
    std::printf("metrics_ms %.2f\n", best_of(read({.path = "/metrics", .vassal = {}}), everybody));
    Target delta;
    std::printf("delta_ms %.2f\n", best_of([&] { read(delta)(); },
                                           [&] {
                                               delta.since = catalogue.answer("", {}).revision;
                                               fleet.work(500, 501);
                                           }));
    std::printf("delta_bytes %zu\n", size);
    return 0;
}
