// SPDX-License-Identifier: Apache-2.0
// The master's half of the access log, with writers in other processes.
#include "vassal/master/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace vassal::master {
namespace {

using namespace std::chrono_literals;
using common::access::max_record_size;

class MasterAccessLogTest : public ::testing::Test {
protected:
    MasterAccessLogTest() {
        std::string name = "/tmp/access-log-XXXXXX";
        ::close(::mkstemp(name.data()));
        path = name;
    }
    ~MasterAccessLogTest() override { ::unlink(path.c_str()); }

    AccessLog make() {
        auto format =
            common::access::parse_format(common::access::Style::text, "{vassal} {worker}/{thread} {status}").value();
        return {common::access::LineWriter(std::move(format), "shop", 1), rings, log, board.get()};
    }
    // What a worker's thread writes; without values of the request.
    static bool write(common::access::RingWriter& writer, std::uint16_t status) {
        char* const to = writer.reserve(max_record_size);
        if (to == nullptr) return false;
        const common::access::RecordHead head{
            .size = sizeof head, .kind = common::access::kind_record, .status = status};
        std::memcpy(to, &head, sizeof head);
        static_cast<void>(writer.publish(sizeof head));
        return true;
    }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::ifstream file(path);
        std::vector<std::string> all;
        for (std::string line; std::getline(file, line);) all.push_back(line);
        return all;
    }

    std::string path;
    common::access::Rings rings = common::access::Rings::make(2, 2).value();
    std::unique_ptr<common::scoreboard::Board> board = std::make_unique<common::scoreboard::Board>();
    AppLog log{{.board = board.get()}};

    void use_file(const std::string& file = "") {
        common::config::LogConfig config;
        config.file = file.empty() ? path : file;
        log.use(config);
    }
};

TEST_F(MasterAccessLogTest, names_worker_and_thread_of_both_lanes) {
    use_file();
    AccessLog access = make();
    for (const auto& [worker, lane, thread] : {std::tuple(1, 0, 0), {1, 1, 1}, {2, 0, 1}}) {
        common::access::RingWriter writer(
            rings.ring(common::access::Rings::set_of(worker, lane), static_cast<std::size_t>(thread)));
        ASSERT_TRUE(write(writer, 200));
    }
    access.drain(common::Clock::now());
    EXPECT_THAT(lines(), testing::ElementsAre("shop 1/0 200", "shop 1/1 200", "shop 2/1 200"));
}

TEST_F(MasterAccessLogTest, takes_what_a_killed_process_and_its_successor_wrote) {
    use_file();
    AccessLog access = make();
    for (int round = 0; round < 3; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            common::access::RingWriter writer(rings.ring(0, 0));
            for (int i = 0; i < 700; ++i) static_cast<void>(write(writer, 201));
            static_cast<void>(writer.reserve(max_record_size));
            ::kill(::getpid(), SIGKILL);
        }
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        if (round == 1) access.drain(common::Clock::now());
    }
    access.finish();
    EXPECT_EQ(lines().size(), 2100u);
    EXPECT_EQ(board->access_dropped.load(), 0u);
}

TEST_F(MasterAccessLogTest, losses_are_counted_and_said_at_most_every_ten_seconds) {
    use_file();
    AccessLog access = make();
    common::access::RingWriter writer(rings.ring(0, 0));
    const auto now = common::Clock::now();
    const auto lose_one = [&] {
        while (write(writer, 200)) continue;
    };
    const auto said = [this] {
        const auto all = lines();
        return std::ranges::count_if(all,
                                     [](const std::string& line) { return line.find("were dropped") != line.npos; });
    };
    lose_one();
    access.drain(now);
    EXPECT_EQ(said(), 1);
    for (int i = 0; i < 5; ++i) {
        lose_one();
        access.drain(now + std::chrono::seconds(i));
    }
    EXPECT_EQ(said(), 1);
    access.drain(now + 11s);
    EXPECT_EQ(said(), 2);
    EXPECT_THAT(lines(), testing::Contains(
                             "emperor: 5 access records were dropped: they came faster than they could be written"));
    lose_one();
    access.finish();
    EXPECT_EQ(said(), 3) << "the last ones are said at the end";
    EXPECT_EQ(board->access_dropped.load(), 7u);
}

TEST_F(MasterAccessLogTest, a_full_disk_costs_lines_and_nothing_else) {
    use_file("/dev/full");
    AccessLog access = make();
    common::access::RingWriter writer(rings.ring(0, 0));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(write(writer, 200));
    access.drain(common::Clock::now());
    EXPECT_EQ(board->access_dropped.load(), 10u);
}

TEST_F(MasterAccessLogTest, lines_stay_out_of_the_ring_that_explains_failures) {
    use_file();
    AccessLog access = make();
    common::access::RingWriter writer(rings.ring(0, 0));
    ASSERT_TRUE(write(writer, 200));
    access.drain(common::Clock::now());
    EXPECT_EQ(board->log_next.load(), 0u);
}

TEST_F(MasterAccessLogTest, what_is_not_understood_is_lost_and_not_printed) {
    use_file();
    AccessLog access = make();
    common::access::RingWriter writer(rings.ring(0, 0));
    ASSERT_TRUE(write(writer, 200));
    rings.ring(0, 0).data[sizeof(std::uint32_t)] ^= 2;  // its kind
    ASSERT_TRUE(write(writer, 201));
    access.drain(common::Clock::now());
    EXPECT_THAT(lines(), testing::ElementsAre("shop 1/0 201", testing::HasSubstr("1 access records were dropped")));
}

}  // namespace
}  // namespace vassal::master
