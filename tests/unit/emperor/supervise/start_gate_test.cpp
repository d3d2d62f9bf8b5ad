// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/start_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace emperor::supervise {
namespace {

using namespace std::chrono_literals;
using Granted = StartGate::Granted;
using common::TimePoint;

constexpr TimePoint start{1000s};

TEST(StartGate, grants_at_once_while_there_are_slots) {
    StartGate gate(2);
    EXPECT_EQ(gate.request("a", start), Granted{"a"});
    EXPECT_EQ(gate.request("b", start), Granted{"b"});
    EXPECT_EQ(gate.request("c", start), Granted{});
}

TEST(StartGate, a_release_lets_the_one_that_waits_longest_in) {
    StartGate gate(1);
    (void)gate.request("a", start);
    (void)gate.request("b", start);
    (void)gate.request("c", start);
    EXPECT_EQ(gate.release("a", start), Granted{"b"});
    EXPECT_EQ(gate.release("b", start), Granted{"c"});
}

TEST(StartGate, a_hanging_start_holds_its_slot_for_five_seconds_only) {
    StartGate gate(1);
    (void)gate.request("hanging", start);
    EXPECT_EQ(gate.deadline(), std::nullopt);
    (void)gate.request("b", start + 1s);
    EXPECT_EQ(gate.deadline(), start + 5s);
    EXPECT_EQ(gate.expire(start + 4s), Granted{});
    EXPECT_EQ(gate.expire(start + 5s), Granted{"b"});
    EXPECT_EQ(gate.release("hanging", start + 6s), Granted{});
    EXPECT_EQ(gate.held(), 1u);
}

TEST(StartGate, rollouts_and_starts_do_not_wait_for_each_other) {
    StartGate gate(1);
    EXPECT_EQ(gate.request("rollout", start, Turn::rollout), Granted{"rollout"});
    EXPECT_EQ(gate.request("next", start, Turn::rollout), Granted{});
    EXPECT_EQ(gate.request("crashed", start), Granted{"crashed"});
    EXPECT_EQ(gate.request("new", start), Granted{});
    EXPECT_EQ(gate.release("crashed", start), Granted{"new"});
    EXPECT_EQ(gate.release("rollout", start), Granted{"next"});
}

TEST(StartGate, repeated_failures_take_half_of_the_slots_at_most) {
    StartGate gate(4);
    for (const char* vassal : {"a", "b", "c", "d"}) (void)gate.request(vassal, start, Turn::retry);
    EXPECT_EQ(gate.held(), 2u);
    EXPECT_EQ(gate.request("new", start), Granted{"new"});
    EXPECT_EQ(gate.request("newer", start), Granted{"newer"});
    EXPECT_EQ(gate.request("newest", start), Granted{});
    EXPECT_EQ(gate.release("a", start), Granted{"newest"}) << "who starts goes before who tries again";
    EXPECT_EQ(gate.release("new", start), Granted{"c"});
}

TEST(StartGate, an_only_slot_is_shared_by_starts_and_retries) {
    StartGate gate(1);
    EXPECT_EQ(gate.request("failing", start, Turn::retry), Granted{"failing"});
    EXPECT_EQ(gate.request("other", start, Turn::retry), Granted{});
    EXPECT_EQ(gate.request("new", start), Granted{});
    EXPECT_EQ(gate.release("failing", start), Granted{"new"});
    EXPECT_EQ(gate.deadline(), start + 5s);
    EXPECT_EQ(gate.release("new", start), Granted{"other"});
}

TEST(StartGate, a_rollout_holds_its_slot_for_longer_than_a_start) {
    StartGate gate(1, 5s, 60s);
    (void)gate.request("slow", start, Turn::rollout);
    (void)gate.request("next", start, Turn::rollout);
    EXPECT_EQ(gate.deadline(), start + 60s);
    (void)gate.request("a", start);
    (void)gate.request("b", start);
    EXPECT_EQ(gate.deadline(), start + 5s);
    EXPECT_EQ(gate.expire(start + 5s), Granted{"b"});
    EXPECT_EQ(gate.expire(start + 59s), Granted{});
    EXPECT_EQ(gate.expire(start + 60s), Granted{"next"});
}

TEST(StartGate, a_rollout_whose_vassal_crashed_queues_as_a_start) {
    StartGate gate(1);
    (void)gate.request("a", start, Turn::rollout);
    EXPECT_EQ(gate.request("b", start, Turn::rollout), Granted{});
    EXPECT_EQ(gate.request("b", start), Granted{"b"});
    EXPECT_EQ(gate.release("a", start), Granted{});
    EXPECT_EQ(gate.held(), 1u);
}

TEST(StartGate, who_withdraws_is_not_granted_later) {
    StartGate gate(1);
    (void)gate.request("a", start);
    (void)gate.request("b", start);
    (void)gate.request("c", start);
    EXPECT_EQ(gate.release("b", start), Granted{});
    EXPECT_EQ(gate.release("a", start), Granted{"c"});
}

TEST(StartGate, asking_twice_keeps_the_place) {
    StartGate gate(1);
    (void)gate.request("a", start);
    (void)gate.request("b", start);
    (void)gate.request("c", start);
    EXPECT_EQ(gate.request("b", start), Granted{});
    EXPECT_EQ(gate.release("a", start), Granted{"b"});
    EXPECT_EQ(gate.waiting(), 1u);
}

TEST(StartGate, a_holder_that_asks_again_queues_behind_the_others) {
    StartGate gate(1);
    (void)gate.request("a", start);
    (void)gate.request("b", start);
    EXPECT_EQ(gate.request("a", start), Granted{"b"});
    EXPECT_EQ(gate.release("b", start), Granted{"a"});
}

TEST(StartGate, a_parallelism_of_zero_still_starts_one_at_a_time) {
    StartGate gate(0);
    EXPECT_EQ(gate.request("a", start), Granted{"a"});
    EXPECT_EQ(gate.request("b", start), Granted{});
}

// I9, against a model: never more fresh holders than slots, and nobody waits while a slot is free.
TEST(StartGate, random_walks_keep_to_the_slots_and_starve_nobody) {
    for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
        const std::size_t slots = 1 + pick(3);
        StartGate gate(slots);
        TimePoint now = start;
        std::map<std::string, TimePoint> fresh;  // holders and until when they count
        for (int step = 0; step < 60; ++step) {
            const std::string vassal(1, static_cast<char>('a' + pick(6)));
            Granted granted;
            switch (pick(4)) {
                case 0:
                case 1:
                    fresh.erase(vassal);
                    granted = gate.request(vassal, now);
                    break;
                case 2:
                    fresh.erase(vassal);
                    granted = gate.release(vassal, now);
                    break;
                default:
                    now += std::chrono::milliseconds(pick(3000));
                    granted = gate.expire(now);
                    break;
            }
            std::erase_if(fresh, [&](const auto& holder) { return holder.second <= now; });
            for (const std::string& name : granted) EXPECT_TRUE(fresh.emplace(name, now + 5s).second) << seed;
            ASSERT_LE(fresh.size(), slots) << seed;
            ASSERT_TRUE(gate.waiting() == 0 || fresh.size() == slots) << seed;
            ASSERT_TRUE(gate.waiting() == 0 || gate.deadline()) << seed;
        }
    }
}

}  // namespace
}  // namespace emperor::supervise
