// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/process_samples.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

namespace emperor::stats {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct StatsProcessSamples : ::testing::Test {
    common::TimePoint now{seconds(1000)};
    std::map<pid_t, int> quick, costly;
    microseconds price{150}, spent{};
    ProcessSamples samples{{.quick = [this](pid_t pid, ProcessSample& sample) { sample.resident = pid * ++quick[pid]; },
                            .costly =
                                [this](pid_t pid, ProcessSample& sample) {
                                    sample.proportional = pid * ++costly[pid];
                                    now += price;
                                    spent += price;
                                },
                            .now = [this] { return now; },
                            .spent = [this] { return spent; }}};

    void ask(int processes) {
        samples.begin_document();
        for (pid_t pid = 1; pid <= processes; ++pid) (void)samples.of(pid);
    }
    int all_costly() const {
        int sum = 0;
        for (const auto& [pid, count] : costly) sum += count;
        return sum;
    }
};

TEST_F(StatsProcessSamples, quick_figures_are_at_most_a_second_old) {
    ask(2);
    now += milliseconds(900);
    ask(2);
    EXPECT_EQ(quick[1], 1);
    now += milliseconds(100);
    ask(2);
    EXPECT_EQ(quick[1], 2);
    EXPECT_EQ(samples.of(2).resident, 4);
}

TEST_F(StatsProcessSamples, costly_ones_take_a_millisecond_of_every_second_in_turn) {
    ask(1000);
    for (int turn = 0; turn < 600; ++turn) {
        samples.spend();
        now += milliseconds(500);
        if (turn % 20 == 0) ask(1000);
    }
    // 300 s at 1 ms each, 150 µs a process: 2000 reads, twice for each.
    EXPECT_NEAR(all_costly(), 2000, 100);
    int fewest = 1000;
    for (pid_t pid = 1; pid <= 1000; ++pid) fewest = std::min(fewest, costly[pid]);
    EXPECT_GE(fewest, 1) << "nobody starves";
}

TEST_F(StatsProcessSamples, one_that_costs_too_much_is_paid_for_later) {
    price = milliseconds(5);
    ask(10);
    for (int second = 0; second < 100; ++second, now += seconds(1)) samples.spend();
    EXPECT_LE(all_costly(), 22);
    EXPECT_GE(all_costly(), 15);
}

TEST_F(StatsProcessSamples, the_first_document_of_a_small_fleet_has_them_at_once_with_their_age) {
    ask(3);
    samples.spend();
    now += seconds(3);
    EXPECT_EQ(samples.of(3).proportional, 3);
    EXPECT_NEAR(static_cast<double>((now - samples.of(1).costly_at) / milliseconds(1)), 3000, 2);
}

TEST_F(StatsProcessSamples, who_is_not_asked_for_is_not_read_and_forgotten) {
    ask(5);
    samples.spend();
    now += seconds(121);
    samples.spend();
    EXPECT_EQ(samples.known(), 0u);
    const int before = all_costly();
    now += seconds(10);
    samples.spend();
    EXPECT_EQ(all_costly(), before);
}

TEST(ProcessFiles, stat_is_read_behind_a_name_that_holds_anything) {
    ProcessSample sample;
    const std::string text =
        "12 (a) 1 (b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 777 409600 25 18446744073709551615 1";
    ASSERT_TRUE(parse_stat(text, 100, 4096, sample));
    EXPECT_EQ(sample.cpu_us, 2'000'000);
    EXPECT_EQ(sample.virtual_size, 409'600);
    EXPECT_EQ(sample.resident, 25 * 4096);
    for (std::size_t size = 0; size < text.find("25 1844"); ++size) {
        ProcessSample other;
        EXPECT_FALSE(parse_stat(std::string_view(text).substr(0, size), 100, 4096, other)) << size;
    }
}

TEST(ProcessFiles, pss_is_read_in_kibibytes_and_is_not_one_of_its_parts) {
    EXPECT_EQ(parse_pss("a-b\nRss:  10 kB\nPss:                1234 kB\nPss_Anon: 1 kB\n"), 1234 * 1024);
    for (const char* text : {"", "Pss: 1 kB", "\nPss_Anon: 4 kB", "\nPss:", "\nPss: x kB"})
        EXPECT_EQ(parse_pss(text), std::nullopt);
}

TEST(ProcessFiles, this_process_has_all_of_them_and_a_dead_one_none) {
    ProcessSamples samples;
    samples.begin_document();
    (void)samples.of(::getpid());
    samples.spend();
    const ProcessSample& own = samples.of(::getpid());
    EXPECT_GT(own.resident, 0);
    EXPECT_GT(own.virtual_size, own.resident);
    EXPECT_GT(own.proportional.value_or(0), 0);
    EXPECT_GE(own.descriptors.value_or(0), 3);
    EXPECT_EQ(samples.of(0).resident, 0);
}

}  // namespace
}  // namespace emperor::stats
