// SPDX-License-Identifier: Apache-2.0
// The contract with uWSGI's clients (uwsgitop, uwsgi_exporter), held strictly: required keys, integers only, unique
// ids.
#include "emperor/stats/documents.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::stats {
namespace {

using Json = nlohmann::ordered_json;
using testing::FakeFleet;

Samples samples() {
    Samples made;
    made.process = [](pid_t pid) -> const ProcessSample& {
        static ProcessSample sample;
        sample = {
            .resident = pid * 1000, .virtual_size = pid * 2000, .cpu_us = 77, .proportional = {}, .descriptors = {}};
        return sample;
    };
    made.queue = [](int fd) { return ListenQueue{fd, 4096}; };
    made.modified = [](const std::string&) { return 1'699'999'999; };
    made.now_us = 1'700'000'010'000'000;
    made.monotonic_us = 50'000'000;
    made.cwd = "/";
    return made;
}

void expect_integers(const Json& object, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        ASSERT_TRUE(object.contains(key)) << key;
        EXPECT_TRUE(object[key].is_number_integer()) << key << ": " << object[key].dump();
    }
}

// What uwsgitop crashes without and what uwsgi_exporter decodes into Go's int.
void expect_uwsgi_worker(const Json& worker) {
    expect_integers(worker,
                    {"id", "pid", "accepting", "requests", "delta_requests", "exceptions", "harakiri_count", "signals",
                     "signal_queue", "rss", "vsz", "running_time", "last_spawn", "respawn_count", "tx", "avg_rt"});
    ASSERT_TRUE(worker["status"].is_string());
    EXPECT_TRUE((std::set<std::string>{"idle", "busy", "cheap", "pause"}.contains(worker["status"])));
    ASSERT_FALSE(worker["apps"].empty());
    expect_integers(worker["apps"][0], {"id", "modifier1", "startup_time", "requests", "exceptions"});
    for (const char* key : {"mountpoint", "chdir"}) EXPECT_TRUE(worker["apps"][0][key].is_string());
    for (const Json& core : worker["cores"]) {
        expect_integers(core, {"id", "requests", "static_requests", "routed_requests", "offloaded_requests",
                               "write_errors", "read_errors", "in_request"});
        EXPECT_TRUE(core["vars"].is_array());
        EXPECT_TRUE(core["req_info"].is_object());
    }
}

void expect_no_floats(const Json& json) {
    EXPECT_FALSE(json.is_number_float()) << json.dump();
    if (json.is_structured())
        for (const Json& part : json) expect_no_floats(part);
}

struct StatsDocuments : ::testing::Test {
    FakeFleet fleet;

    StatsDocuments() {
        auto& shop = fleet.add("shop");
        shop.view.listener_fds = {7};
        FakeFleet::serve(shop, 0, 101, 10);
        FakeFleet::serve(shop, 1, 102, 30);
        fleet.add("blog");
    }
    VassalFacts facts_of(const fleet::VassalView& view) {
        const auto queues = queues_of(view, samples());
        return track.look(view, waiting_in(queues), samples().monotonic_us, common::TimePoint{}, processes, *scratch);
    }
    std::string vassal_text(const std::string& name, Detail detail = Detail::plain) {
        const auto view = *fleet.view(name);
        return vassal_document({view, facts_of(view), queues_of(view, samples())}, fleet.self(), samples(), detail);
    }
    Json vassal(const std::string& name, Detail detail = Detail::plain) {
        return Json::parse(vassal_text(name, detail));
    }
    Member member(const std::string& name, std::int64_t first_id) {
        const auto view = *fleet.view(name);
        return member_of({view, facts_of(view), queues_of(view, samples())}, first_id, samples(), Detail::plain);
    }
    Json whole() {
        const Member blog = member("blog", 0), shop = member("shop", 256);
        const std::array<const Member*, 2> members = {&blog, &shop};
        return Json::parse(fleet_document(members, blog.waiting + shop.waiting, {5, 0, {}}, fleet.self(), samples()));
    }
    VassalTrack track;
    ProcessSamples processes{{.quick = [](pid_t pid, ProcessSample& sample) { sample.resident = pid * 1000; },
                              .costly = [](pid_t pid, ProcessSample& sample) { sample.proportional = pid * 10; },
                              .now = [] { return common::TimePoint{}; },
                              .spent = [] { return std::chrono::microseconds(0); }}};
    std::unique_ptr<VassalTrack::Scratch> scratch = std::make_unique<VassalTrack::Scratch>();
};

TEST_F(StatsDocuments, a_vassals_document_holds_uwsgis_contract) {
    for (const char* name : {"shop", "blog"}) {
        const Json document = vassal(name);
        expect_integers(document, {"listen_queue", "listen_queue_errors", "signal_queue", "load", "pid", "uid", "gid"});
        EXPECT_TRUE(document["version"].is_string());
        EXPECT_TRUE(document["cwd"].is_string());
        EXPECT_FALSE(document.contains("vassals")) << "uwsgitop would show vassals instead of workers";
        ASSERT_EQ(document["workers"].size(), 2u);
        for (std::size_t at = 0; at < 2; ++at) {
            expect_uwsgi_worker(document["workers"][at]);
            EXPECT_EQ(document["workers"][at]["id"], at + 1);
        }
        expect_integers(document["sockets"][0], {"queue", "max_queue", "shared", "can_offload"});
        expect_no_floats(document);
    }
}

TEST_F(StatsDocuments, figures_come_from_the_scoreboard_the_kernel_and_proc) {
    const Json document = vassal("shop");
    EXPECT_EQ(document["pid"], 4711);
    EXPECT_EQ(document["listen_queue"], 7);
    EXPECT_EQ(document["load"], 7);
    EXPECT_EQ(document["sockets"][0]["name"], "/run/emperor/sockets/shop.sock");
    EXPECT_EQ(document["sockets"][0]["proto"], "uwsgi");
    EXPECT_EQ(document["sockets"][0]["max_queue"], 4096);
    const Json& worker = document["workers"][1];
    EXPECT_EQ(worker["requests"], 30);
    EXPECT_EQ(worker["running_time"], 45'000);
    EXPECT_EQ(worker["avg_rt"], 1500);
    EXPECT_EQ(worker["rss"], 102'000);
    EXPECT_EQ(worker["tx"], 3000);
    EXPECT_EQ(worker["status"], "idle");
    EXPECT_EQ(worker["last_spawn"], 1'700'000'001);
    EXPECT_EQ(document["totals"]["requests"], 40);
    EXPECT_EQ(document["totals"]["2xx"], 40);
    EXPECT_EQ(document["state"], "running");
    EXPECT_EQ(document["generation"], 3);
    EXPECT_EQ(vassal("blog")["workers"][0]["status"], "cheap");
}

TEST_F(StatsDocuments, a_request_in_flight_shows_its_line_and_start_and_nothing_else_of_it) {
    auto& thread = fleet.vassals.at("shop")->board->worker[0][0].thread[0];
    const std::string line = "GET /cart?x=1";
    std::copy(line.begin(), line.end(), thread.request_line.begin());
    thread.request_line_length = static_cast<std::uint32_t>(line.size());
    thread.request_started_us = 47'000'000;
    const Json worker = vassal("shop")["workers"][0];
    EXPECT_EQ(worker["status"], "busy");
    const Json& core = worker["cores"][0];
    EXPECT_EQ(core["in_request"], 1);
    EXPECT_EQ(core["vars"], Json::array({"REQUEST_METHOD=GET", "REQUEST_URI=/cart?x=1", ""}));
    EXPECT_EQ(core["req_info"]["request_start"], 1'700'000'007);
}

TEST_F(StatsDocuments, garbage_in_a_tenants_scoreboard_stays_an_integer_that_go_decodes) {
    auto& slot = fleet.vassals.at("shop")->board->worker[0][0];
    slot.thread[0].requests = std::numeric_limits<std::uint64_t>::max();
    slot.thread[0].busy_us = std::numeric_limits<std::uint64_t>::max() - 5;
    slot.thread[0].request_started_us = std::numeric_limits<std::uint64_t>::max();
    slot.threads = 4'000'000'000u;
    slot.state = 77;
    slot.pid = -5;
    const Json parsed = vassal("shop");
    expect_no_floats(parsed);
    for (const Json& worker : parsed["workers"])
        for (const char* key : {"requests", "running_time", "avg_rt", "pid"}) {
            EXPECT_LE(worker[key].get<std::uint64_t>(),
                      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
        }
    EXPECT_EQ(parsed["workers"][0]["pid"], 0);
    EXPECT_LE(parsed["workers"][0]["cores"].size(), 64u);
}

TEST_F(StatsDocuments, bytes_that_are_not_utf8_do_not_break_the_document) {
    auto& thread = fleet.vassals.at("shop")->board->worker[0][0].thread[0];
    thread.request_line[0] = '\xff';
    thread.request_line[1] = ' ';
    thread.request_line[2] = '\x80';
    thread.request_line_length = 3;
    thread.request_started_us = 1;
    fleet.vassals.at("shop")->view.status.reason = "\xc3\x28";
    EXPECT_FALSE(Json::parse(vassal_text("shop"), nullptr, false).is_discarded());
}

TEST_F(StatsDocuments, the_fleet_document_has_vassals_and_workers_with_globally_unique_ids) {
    const Json document = whole();
    expect_integers(document, {"pid", "uid", "gid", "emperor_tyrant", "throttle_level", "listen_queue", "load"});
    EXPECT_EQ(document["emperor"], Json::array({"/etc/apps.d"}));
    ASSERT_EQ(document["vassals"].size(), 2u);
    for (const Json& vassal : document["vassals"]) {
        expect_integers(vassal, {"pid", "born", "last_mod", "last_heartbeat", "loyal", "ready", "accepting",
                                 "last_loyal", "last_ready", "last_accepting", "first_run", "last_run", "cursed",
                                 "zerg", "uid", "gid", "respawns"});
        for (const char* key : {"id", "on_demand", "monitor"}) EXPECT_TRUE(vassal[key].is_string()) << key;
    }
    EXPECT_EQ(document["vassals"][1]["id"], "shop.yaml");
    EXPECT_EQ(document["vassals"][1]["monitor"], "/etc/apps.d");
    std::set<std::int64_t> ids;
    for (const Json& worker : document["workers"]) {
        expect_uwsgi_worker(worker);
        EXPECT_GE(worker["id"].get<std::int64_t>(), 1);
        EXPECT_TRUE(ids.insert(worker["id"].get<std::int64_t>()).second);
    }
    EXPECT_EQ(ids.size(), 4u);
    expect_no_floats(document);
}

TEST_F(StatsDocuments, a_vassal_in_backoff_is_cursed_and_on_the_blacklist_with_its_next_retry) {
    auto& view = fleet.vassals.at("blog")->view;
    view.status.state = supervise::DisplayState::backoff;
    view.status.active = 0;
    view.status.crashes = 6;
    view.status.reason = "exit code 1";
    view.instances.clear();
    view.retry_at_us = samples().now_us + 14'000'000;
    view.last_crash = {1'700'000'005'000'000, "crashed", 3, "exit code 1", {}};
    const Json document = whole();
    const Json& vassal = document["vassals"][0];
    EXPECT_EQ(vassal["pid"], -1);
    EXPECT_EQ(vassal["accepting"], 0);
    EXPECT_GT(vassal["cursed"], 0);
    EXPECT_EQ(vassal["next_retry"], 1'700'000'024);
    EXPECT_EQ(vassal["exit"]["reason"], "exit code 1");
    EXPECT_EQ(document["blacklist"][0]["throttle_level"], 14'000);
    EXPECT_EQ(document["blacklist"][0]["attempt"], 6);
}

TEST_F(StatsDocuments, durations_have_their_quantiles_and_none_where_there_was_no_request) {
    auto& worker = fleet.vassals.at("shop")->board->worker[0][0];
    for (int count = 0; count < 100; ++count) worker.service.add(worker.service_buckets, count < 90 ? 1000 : 200'000);
    worker.queue.add(worker.queue_buckets, 40);
    const Json latency = vassal("shop")["latency"];
    EXPECT_EQ(latency["service"]["start"]["count"], 100);
    EXPECT_NEAR(latency["service"]["start"]["p50_us"].get<double>(), 1000, 30);
    EXPECT_NEAR(latency["service"]["start"]["p99_us"].get<double>(), 200'000, 6000);
    EXPECT_EQ(latency["service"]["sum_us"], 90 * 1000 + 10 * 200'000);
    EXPECT_EQ(latency["service"]["10s"]["count"], 0);
    EXPECT_EQ(latency["service"]["10s"]["p50_us"], nullptr);
    EXPECT_EQ(latency["queue"]["start"]["count"], 1);
    EXPECT_NEAR(vassal("shop", Detail::per_worker)["workers"][0]["latency"]["service"]["p50_us"].get<double>(), 1000,
                30);
    EXPECT_FALSE(vassal("shop")["workers"][0].contains("latency"));
}

TEST_F(StatsDocuments, causes_of_restarts_are_told_apart) {
    auto& slot = fleet.vassals.at("shop")->board->worker[0][0];
    slot.crashes = 10;
    slot.timeouts = 3;
    slot.signal_deaths = 2;
    slot.oom_kills = 1;
    slot.recycled_requests = 7;
    slot.recycled_memory = 1;
    const Json document = vassal("shop");
    const Json expected = {{"master", 0},  {"crash", 5},        {"oom", 1},     {"signal", 1},
                           {"timeout", 3}, {"max_requests", 7}, {"max_rss", 1}, {"max_age", 0}};
    EXPECT_EQ(document["restarts_by_cause"], expected);
}

TEST_F(StatsDocuments, a_balancer_finds_endpoints_load_and_a_weight) {
    const Json document = whole()["vassals"][1];
    const Json endpoint = {
        {"protocol", "uwsgi"}, {"address", "/run/emperor/sockets/shop.sock"}, {"queue", 7}, {"max_queue", 4096}};
    EXPECT_EQ(document["endpoints"], Json::array({endpoint}));
    EXPECT_EQ(document["protocol"], "uwsgi");
    EXPECT_EQ(document["listen_queue"], 7);
    EXPECT_EQ(document["capacity"]["serving"], 2);
    EXPECT_GT(document["weight"], 0);
    EXPECT_EQ(whole()["vassals"][0]["weight"], 0) << "nobody serves";
}

TEST_F(StatsDocuments, who_sleeps_has_all_the_weight) {
    fleet.vassals.at("blog")->view.status.is_asleep = true;
    EXPECT_EQ(vassal("blog")["weight"], 100);
}

TEST_F(StatsDocuments, memory_is_summed_over_master_and_workers_with_the_age_of_the_samples) {
    (void)vassal("shop");
    processes.spend();
    const Json memory = vassal("shop")["memory"];
    EXPECT_EQ(memory["processes"], 3);
    EXPECT_EQ(memory["rss"], (4711 + 101 + 102) * 1000);
    EXPECT_EQ(memory["pss"], (4711 + 101 + 102) * 10);
    EXPECT_EQ(memory["sample_age_ms"], 0);
}

TEST_F(StatsDocuments, a_member_that_did_not_change_has_the_same_hash_and_another_has_not) {
    const std::size_t before = member("shop", 256).hash;
    EXPECT_EQ(member("shop", 256).hash, before);
    fleet.vassals.at("shop")->board->worker[0][0].thread[0].requests = 11;
    EXPECT_NE(member("shop", 256).hash, before);
}

TEST_F(StatsDocuments, a_document_of_changes_names_all) {
    const Member shop = member("shop", 256);
    const std::array<const Member*, 1> members = {&shop};
    const Json document = Json::parse(fleet_document(members, 7, {9, 4, {"blog", "shop"}}, fleet.self(), samples()));
    EXPECT_EQ(document["revision"], 9);
    EXPECT_EQ(document["since_revision"], 4);
    EXPECT_EQ(document["names"], Json::array({"blog", "shop"}));
    EXPECT_EQ(document["vassals"].size(), 1u);
    EXPECT_FALSE(whole().contains("names"));
}

TEST_F(StatsDocuments, a_smaller_configuration_loses_no_counts) {
    fleet.vassals.at("shop")->effective.config.workers = 1;
    fleet.vassals.at("shop")->board->worker[0][1].pid = 0;
    const Json document = vassal("shop");
    EXPECT_EQ(document["workers"].size(), 1u);
    EXPECT_EQ(document["totals"]["requests"], 40);
}

TEST_F(StatsDocuments, a_vassal_that_never_started_has_a_document) {
    auto& view = fleet.vassals.at("blog")->view;
    view.board = nullptr;
    view.effective = nullptr;
    view.identity = nullptr;
    view.instances.clear();
    view.listeners.clear();
    view.status = {};
    view.status.state = supervise::DisplayState::invalid;
    const Json document = vassal("blog");
    EXPECT_EQ(document["workers"], Json::array());
    EXPECT_EQ(document["state"], "invalid");
    EXPECT_EQ(document["pid"], 0);
}

}  // namespace
}  // namespace emperor::stats
