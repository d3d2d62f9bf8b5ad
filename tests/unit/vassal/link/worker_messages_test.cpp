// SPDX-License-Identifier: Apache-2.0
#include "vassal/link/worker_messages.h"

#include <gtest/gtest.h>

#include <array>
#include <climits>

namespace vassal::link {
namespace {

using namespace std::string_literals;

TEST(WorkerMessages, every_order_survives_the_way) {
    EXPECT_TRUE(std::holds_alternative<Promote>(decode_master_order(encode(MasterOrder(Promote{}))).value()));
    EXPECT_TRUE(std::holds_alternative<Drain>(decode_master_order(encode(MasterOrder(Drain{}))).value()));
    EXPECT_TRUE(std::holds_alternative<Stop>(decode_master_order(encode(MasterOrder(Stop{}))).value()));
    for (const int listener : {0, 12}) {
        const auto adopt = std::get<Adopt>(decode_master_order(encode(MasterOrder(Adopt{listener, INT_MAX}))).value());
        EXPECT_EQ(adopt.listener, listener);
        EXPECT_EQ(adopt.ticket, INT_MAX);
    }
    EXPECT_TRUE(std::holds_alternative<Poke>(decode_master_order(encode(MasterOrder(Poke{}))).value()));
    EXPECT_EQ(std::get<Drain>(decode_master_order(encode(MasterOrder(Drain{1500}))).value()).patience_ms, 1500);
    const auto fork = std::get<ForkWorker>(decode_master_order(encode(MasterOrder(ForkWorker{7, 1}))).value());
    EXPECT_EQ(fork.worker, 7);
    EXPECT_EQ(fork.lane, 1);
}

TEST(WorkerMessages, every_worker_message_survives_the_way) {
    EXPECT_TRUE(std::holds_alternative<Ready>(decode_worker_message(encode(WorkerMessage(Ready{}))).value()));
    EXPECT_TRUE(std::holds_alternative<Draining>(decode_worker_message(encode(WorkerMessage(Draining{}))).value()));
    EXPECT_EQ(std::get<Adopted>(decode_worker_message(encode(WorkerMessage(Adopted{12}))).value()).ticket, 12);
    EXPECT_EQ(std::get<Started>(decode_worker_message(encode(WorkerMessage(Started{4711}))).value()).pid, 4711);
    const auto unforkable = decode_worker_message(encode(WorkerMessage(Unforkable{"Timer-1, sentry"}))).value();
    EXPECT_EQ(std::get<Unforkable>(unforkable).threads, "Timer-1, sentry");
    const Failed failed{"import", "ImportError: no\nmodule", "Traceback…\n  File \"x.py\"\n"};
    const auto back = std::get<Failed>(decode_worker_message(encode(WorkerMessage(failed))).value());
    EXPECT_EQ(back.step, failed.step);
    EXPECT_EQ(back.reason, failed.reason);
    EXPECT_EQ(back.detail, failed.detail);
}

TEST(WorkerMessages, a_handover_reads_the_same_whoever_wrote_it) {
    for (const int listener : {0, 9, INT_MAX - 1}) {
        std::array<char, handover_size> text;
        const std::string payload = encode(WorkerMessage(Handover{listener}));
        EXPECT_EQ(write_handover(listener, text), payload);
        EXPECT_EQ(std::get<Handover>(decode_worker_message(payload).value()).listener, listener);
    }
}

TEST(WorkerMessages, what_a_health_check_failed_of_survives_the_way) {
    for (const std::string failure : {"", "GET /healthz answered 503, wanted 200"}) {
        const auto back = decode_worker_message(encode(WorkerMessage(Probing{failure}))).value();
        EXPECT_EQ(std::get<Probing>(back).failure, failure);
    }
}

TEST(WorkerMessages, files_travel_in_as_many_packets_as_it_takes) {
    std::vector<std::string> files;
    for (int i = 0; i < 1000; ++i) files.push_back("/srv/shop/" + std::string(100, 'x') + std::to_string(i) + ".py");
    files.push_back("/" + std::string(100'000, 'y'));  // nobody's path
    std::vector<std::string> back;
    std::size_t packets = 0;
    for (const Sources& packet : in_packets(files, 1234)) {
        const std::string payload = encode(WorkerMessage(packet));
        EXPECT_LT(payload.size(), 40'000u);
        ++packets;
        const auto sources = std::get<Sources>(decode_worker_message(payload).value());
        EXPECT_EQ(sources.age_ms, 1234);
        for (const std::string& file : sources.files) back.push_back(file);
    }
    files.pop_back();
    EXPECT_EQ(back, files);
    EXPECT_GT(packets, 1u);
    EXPECT_TRUE(in_packets({}).empty());
}

TEST(WorkerMessages, empty_fields_of_a_failure_stay_empty) {
    const auto back = std::get<Failed>(decode_worker_message(encode(WorkerMessage(Failed{}))).value());
    EXPECT_TRUE(back.step.empty() && back.reason.empty() && back.detail.empty());
}

TEST(WorkerMessages, a_nul_inside_a_field_cannot_shift_the_others) {
    const auto back =
        std::get<Failed>(decode_worker_message(encode(WorkerMessage(Failed{"import", "a\0b"s, "c"}))).value());
    EXPECT_EQ(back.reason, "a b");
    EXPECT_EQ(back.detail, "c");
}

TEST(WorkerMessages, a_huge_traceback_is_cut_to_its_end) {
    const std::string detail = std::string(200'000, 'x') + "the end";
    const std::string payload = encode(WorkerMessage(Failed{"import", "r", detail}));
    EXPECT_LT(payload.size(), 100'000u);
    EXPECT_TRUE(std::get<Failed>(decode_worker_message(payload).value()).detail.ends_with("the end"));
}

TEST(WorkerMessages, a_wish_for_a_reload_comes_with_its_reason) {
    for (const std::string& reason : {""s, "new prices"s, "a: b\nc"s}) {
        const auto back = decode_worker_message(encode(WorkerMessage(ReloadWanted{reason}))).value();
        EXPECT_EQ(std::get<ReloadWanted>(back).reason, reason);
    }
}

TEST(WorkerMessages, anything_else_is_an_error) {
    for (const std::string& bad :
         {""s, "promot"s, "promote "s, "fork"s, "fork "s, "fork x"s, "fork 1"s, "fork 0 0"s, "fork -1 0"s, "fork 1 "s,
          "fork 1 2"s, "fork 99999999999 0"s, "drain 0"s, "drain x"s, "ready"s}) {
        EXPECT_FALSE(decode_master_order(bad).has_value()) << bad;
    }
    for (const std::string& bad : {""s, "started"s, "started x"s, "failed"s, "failed\0a"s, "failed\0a\0b"s,
                                   "failed\0a\0b\0c\0d"s, "failedx"s, "promote"s, "reload"s, "reloadx"s}) {
        EXPECT_FALSE(decode_worker_message(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace vassal::link
