// SPDX-License-Identifier: Apache-2.0
#include "common/log/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace common::log {
namespace {

struct OutputTest : testing::Test {
    UniqueFd read_end, write_end;

    void open(bool is_socket) {
        int ends[2];
        ASSERT_EQ(is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : ::pipe(ends), 0);
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
    }
    std::string read_some() const {
        std::string bytes(1 << 16, '\0');
        const ssize_t size = ::read(read_end.get(), bytes.data(), bytes.size());
        bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return bytes;
    }
};

TEST_F(OutputTest, a_reader_that_does_not_read_is_not_waited_for_and_gets_whole_lines_in_order_later) {
    for (const bool is_socket : {false, true}) {
        open(is_socket);
        Output output(write_end.get());
        int taken = 0;
        while (output.write(std::to_string(taken) + std::string(1000, 'x') + "\n")) ++taken;
        EXPECT_GT(taken, 1000);
        EXPECT_TRUE(output.has_backlog());
        EXPECT_EQ(::fcntl(write_end.get(), F_GETFL) & O_NONBLOCK, 0) << "others write to it too";
        std::string all;
        while (output.has_backlog()) {
            all += read_some();
            output.drain();
        }
        write_end.reset();
        output = Output(-1);
        for (std::string more; !(more = read_some()).empty();) all += more;
        std::string expected;
        for (int number = 0; number < taken; ++number) expected += std::to_string(number) + std::string(1000, 'x') + "\n";
        EXPECT_EQ(all == expected, true);
    }
}

TEST_F(OutputTest, a_reader_that_is_gone_costs_the_lines) {
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    open(false);
    Output output(write_end.get());
    read_end.reset();
    EXPECT_FALSE(output.write("nobody\n"));
    EXPECT_FALSE(output.has_backlog());
    ::signal(SIGPIPE, before);
}

TEST(OutputFile, half_a_line_on_a_full_disk_does_not_spoil_the_next_one) {
    std::string path = testing::TempDir() + "output_test_XXXXXX";
    UniqueFd file(::mkostemp(path.data(), O_APPEND | O_CLOEXEC));
    ASSERT_TRUE(file);
    Output output(std::move(file));
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{8, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_TRUE(output.write("one\n"));
    EXPECT_FALSE(output.write("second\n"));
    EXPECT_FALSE(output.write("third\n"));
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
    EXPECT_TRUE(output.write("fourth\n"));
    UniqueFd in(::open(path.c_str(), O_RDONLY));
    std::string bytes(100, '\0');
    bytes.resize(static_cast<std::size_t>(::read(in.get(), bytes.data(), bytes.size())));
    EXPECT_EQ(bytes, "one\nseco\nfourth\n");
    ::unlink(path.c_str());
}

}  // namespace
}  // namespace common::log
