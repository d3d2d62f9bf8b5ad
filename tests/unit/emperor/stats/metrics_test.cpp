// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::stats {
namespace {

using emperor::testing::FakeFleet;
using ::testing::HasSubstr;
using ::testing::Not;

struct StatsMetrics : ::testing::Test {
    FakeFleet fleet;
    ProcessSamples processes{{.quick =
                                  [](pid_t, ProcessSample& sample) {
                                      sample = {.resident = 1000,
                                                .virtual_size = 2000,
                                                .cpu_us = 2'500'000,
                                                .proportional = {},
                                                .descriptors = {}};
                                  },
                              .costly = [](pid_t, ProcessSample&) {},
                              .now = [] { return common::TimePoint{}; },
                              .spent = [] { return std::chrono::microseconds(0); }}};
    std::unique_ptr<VassalTrack::Scratch> scratch = std::make_unique<VassalTrack::Scratch>();

    StatsMetrics() {
        FakeFleet::serve(fleet.add("shop"), 0, 101, 10);
        fleet.add("blog").view.status.state = supervise::DisplayState::invalid;
    }
    std::string text(Detail detail = Detail::plain) {
        Samples samples;
        samples.process = [this](pid_t pid) -> const ProcessSample& { return processes.of(pid); };
        samples.queue = [](int) { return ListenQueue{3, 128}; };
        std::vector<fleet::VassalView> views;
        std::vector<VassalFacts> facts;
        std::vector<std::vector<ListenQueue>> queues;
        for (const std::string& name : fleet.names()) {
            views.push_back(*fleet.view(name));
            queues.push_back(queues_of(views.back(), samples));
            VassalTrack track;
            facts.push_back(track.look(views.back(), waiting_in(queues.back()), 0, {}, processes, *scratch));
        }
        std::vector<Subject> subjects;
        for (std::size_t at = 0; at < views.size(); ++at) subjects.push_back({views[at], facts[at], queues[at]});
        return metrics_of(subjects, fleet.self(), samples, detail);
    }
};

TEST_F(StatsMetrics, the_fleet_and_each_app_have_their_figures) {
    const std::string metrics = text();
    for (const char* line :
         {"emperor_build_info{version=\"0.1.0\",python=\"3.11.", "emperor_config_last_reload_successful 0\n",
          "emperor_apps{state=\"running\"} 1\n", "emperor_apps{state=\"invalid\"} 1\n",
          "emperor_apps{state=\"backoff\"} 0\n", "emperor_app_up{app=\"shop\"} 1\n",
          "emperor_app_info{app=\"shop\",generation=\"3\"} 1\n",
          "emperor_app_requests_total{app=\"shop\",code=\"2xx\"} 10\n",
          "emperor_app_exceptions_total{app=\"shop\"} 1\n", "emperor_app_workers{app=\"shop\",state=\"idle\"} 1\n",
          "emperor_app_cpu_seconds_total{app=\"shop\"} 5\n",
          "emperor_app_restarts_total{app=\"shop\",reason=\"timeout\"} 0\n"})
        EXPECT_THAT(metrics, HasSubstr(line));
}

TEST_F(StatsMetrics, the_histogram_is_cumulative_and_in_seconds) {
    auto& worker = fleet.vassals.at("shop")->board->worker[0][0];
    for (const std::int64_t us : {400, 2'000, 2'000, 40'000, 60'000'000})
        worker.service.add(worker.service_buckets, us);
    const std::string metrics = text();
    for (const char* line :
         {"_bucket{app=\"shop\",le=\"0.001\"} 1\n", "_bucket{app=\"shop\",le=\"0.0025\"} 3\n",
          "_bucket{app=\"shop\",le=\"0.025\"} 3\n", "_bucket{app=\"shop\",le=\"0.05\"} 4\n",
          "_bucket{app=\"shop\",le=\"10\"} 4\n", "_bucket{app=\"shop\",le=\"+Inf\"} 5\n", "_count{app=\"shop\"} 5\n"})
        EXPECT_THAT(metrics, HasSubstr("emperor_app_request_duration_seconds" + std::string(line)));
    EXPECT_THAT(metrics, HasSubstr("emperor_app_request_duration_seconds_sum{app=\"shop\"} 60.0444"));
}

TEST_F(StatsMetrics, series_of_workers_only_on_request) {
    EXPECT_THAT(text(), Not(HasSubstr("worker=\"")));
    EXPECT_THAT(text(Detail::per_worker),
                HasSubstr("emperor_app_worker_requests_total{app=\"shop\",worker=\"1\"} 10\n"));
}

TEST_F(StatsMetrics, each_family_is_said_once) {
    const std::string metrics = text();
    std::size_t types = 0;
    for (std::size_t at = metrics.find("# TYPE emperor_app_up "); at != std::string::npos;
         at = metrics.find("# TYPE emperor_app_up ", at + 1))
        ++types;
    EXPECT_EQ(types, 1u);
}

}  // namespace
}  // namespace emperor::stats
