// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/log_pipe.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "vassal/master/app_log.h"

namespace vassal::master {
namespace {

using namespace std::chrono_literals;

class LogPipeTest : public ::testing::Test {
protected:
    LogPipeTest() {
        auto ends = make_log_pipe();
        EXPECT_TRUE(ends);
        write_end = std::move(ends->write);
        pipe.emplace(io, std::move(ends->read), common::link::LogStream::err, 1, log);
        pipe->on_line = [this](std::string_view line) { lines.emplace_back(line); };
    }

    void write(std::string_view text) {
        ASSERT_EQ(::write(write_end.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    boost::asio::io_context io;
    AppLog log{{}};
    common::UniqueFd write_end;
    std::optional<LogPipe> pipe;
    std::vector<std::string> lines;
};

TEST_F(LogPipeTest, an_unfinished_line_is_shown_after_a_while) {
    write("a prompt: ");
    io.run_for(200ms);
    EXPECT_THAT(lines, testing::IsEmpty());
    for (int i = 0; i < 50 && lines.empty(); ++i) io.run_for(100ms);
    EXPECT_THAT(lines, testing::ElementsAre("a prompt: "));
}

TEST_F(LogPipeTest, a_line_that_grows_slowly_is_shown_too) {
    for (int i = 0; i < 16 && lines.empty(); ++i) {
        write(".");
        io.run_for(100ms);
    }
    EXPECT_THAT(lines, testing::SizeIs(1));
}

// Whoever logs all the time is nearly always found in the middle of some line.
TEST_F(LogPipeTest, a_busy_writer_s_lines_stay_whole) {
    std::vector<std::string> expected;
    write("be");
    for (int i = 0; i < 16; ++i) {
        io.run_for(100ms);
        write("gin and end\nbe");
        expected.emplace_back("begin and end");
    }
    io.run_for(100ms);
    EXPECT_EQ(lines, expected);
}

}  // namespace
}  // namespace vassal::master
