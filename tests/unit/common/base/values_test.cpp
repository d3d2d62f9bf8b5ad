// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>

#include "common/base/exit_status.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace common {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, closes_what_it_owns_once) {
    const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        UniqueFd first(raw);
        UniqueFd second(std::move(first));
        EXPECT_FALSE(first);
        EXPECT_TRUE(is_open(raw));
    }
    EXPECT_FALSE(is_open(raw));
}

TEST(ExitStatus, speaks_an_operators_words) {
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::exited, 3}).text(), "exit code 3");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::signaled, SIGKILL}).text(), "signal 9 (SIGKILL)");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::signaled, SIGSEGV}).text(), "signal 11 (SIGSEGV, segmentation fault)");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::signaled, SIGKILL, true}).text(), "killed by the kernel: out of memory");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::signaled, SIGKILL, true}).how(), "killed by the kernel: out of memory");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::signaled, SIGKILL}).how(), "killed by signal 9 (SIGKILL)");
    EXPECT_EQ((ExitStatus{ExitStatus::Kind::exited, 3}).how(), "exit code 3");
    EXPECT_EQ(ExitStatus{}.text(), "unknown exit status");
    EXPECT_TRUE((ExitStatus{ExitStatus::Kind::exited, 0}).is_success());
    EXPECT_FALSE(ExitStatus{}.is_success());
}

TEST(Result, an_error_says_what_was_attempted_and_why) {
    const Result<int> result = system_error("bind /run/x.sock", EADDRINUSE);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message(), "bind /run/x.sock: Address already in use");
    EXPECT_EQ(failure("no such key").message(), "no such key");
}

}  // namespace
}  // namespace common
