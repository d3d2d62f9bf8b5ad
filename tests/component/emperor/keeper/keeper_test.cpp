// SPDX-License-Identifier: Apache-2.0
// A real keeper in a process of its own; pipes stand for the descriptors that it holds.
#include "emperor/keeper/keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "common/link/channel.h"
#include "emperor/keeper/wire.h"

namespace emperor::keeper {
namespace {

namespace link = common::link;
using common::UniqueFd;

constexpr int patience_ms = 10'000;

class KeeperTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/keeper-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        auto ends = link::make_channel().value();
        pid_ = ::fork();
        ASSERT_GE(pid_, 0);
        if (pid_ == 0) {
            ends.first.reset();
            ::_exit(run(directory_, std::move(ends.second)));
        }
        link_ = std::move(ends.first);
    }
    void TearDown() override {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        std::filesystem::remove_all(directory_);
    }

    static bool is_readable(int fd) {
        pollfd wait{fd, POLLIN, 0};
        return ::poll(&wait, 1, patience_ms) == 1;
    }

    static void tell(const UniqueFd& link, char order, const std::string& key, int fd = -1) {
        const int fds[] = {fd};
        ASSERT_TRUE(link::send(link.get(), order + key, fd < 0 ? std::span<const int>() : std::span<const int>(fds)));
    }

    // Keys and descriptors of the answer; nullopt when it did not come whole.
    static std::optional<std::map<std::string, UniqueFd>> all_of(const UniqueFd& link) {
        tell(link, wire_list, "");
        std::map<std::string, UniqueFd> found;
        while (is_readable(link.get())) {
            auto received = link::receive(link.get());
            if (!received || received->state != link::ReceiveState::packet) return std::nullopt;
            const std::string& payload = received->packet.payload;
            if (payload.front() == wire_end) return found;
            if (received->packet.fds.size() != 1) return std::nullopt;
            found.emplace(payload.substr(1), std::move(received->packet.fds.front()));
        }
        return std::nullopt;
    }

    UniqueFd connect() const {
        UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_path(directory_).copy(address.sun_path, sizeof address.sun_path - 1);
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
        return fd;
    }

    // The exit code; -1 when it lives on.
    int wait_for_end() {
        const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        if (!is_readable(pidfd.get())) return -1;
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    // Keeps the writing end of a new pipe under `key`; the caller gets the reading end.
    UniqueFd keep_pipe(const std::string& key) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        tell(link_, wire_keep, key, ends[1]);
        ::close(ends[1]);
        return UniqueFd(ends[0]);
    }

    std::string directory_;
    pid_t pid_ = -1;
    UniqueFd link_;
};

TEST_F(KeeperTest, holds_descriptors_and_hands_them_to_the_next_one_who_asks) {
    const UniqueFd reader = keep_pipe("a");
    keep_pipe("b");
    ASSERT_TRUE(all_of(link_));
    link_.reset();
    const UniqueFd next = connect();
    ASSERT_TRUE(next);
    const auto found = all_of(next);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2u);
    ASSERT_EQ(::write(found->at("a").get(), "x", 1), 1);
    EXPECT_TRUE(is_readable(reader.get())) << "it is the same pipe";
}

TEST_F(KeeperTest, closes_what_is_dropped_or_replaced) {
    const UniqueFd first = keep_pipe("a"), other = keep_pipe("b");
    keep_pipe("a");
    EXPECT_TRUE(is_readable(first.get())) << "end of file: the second one took its place";
    tell(link_, wire_drop, "b");
    EXPECT_TRUE(is_readable(other.get()));
    EXPECT_EQ(all_of(link_)->size(), 1u);
}

TEST_F(KeeperTest, ends_when_it_is_told_to) {
    keep_pipe("a");
    tell(link_, wire_quit, "");
    EXPECT_EQ(wait_for_end(), 0);
    EXPECT_FALSE(std::filesystem::exists(socket_path(directory_)));
}

TEST_F(KeeperTest, ends_with_its_emperor_when_there_is_nothing_to_keep) {
    link_.reset();
    EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(KeeperTest, ends_when_nobody_can_find_it_any_more) {
    keep_pipe("a");
    ASSERT_TRUE(all_of(link_));
    link_.reset();
    std::filesystem::remove_all(directory_);
    EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(KeeperTest, is_not_disturbed_by_noise) {
    keep_pipe("a");
    tell(link_, '?', "what");
    tell(link_, wire_keep, "without a descriptor");
    tell(link_, wire_drop, "never kept");
    EXPECT_EQ(all_of(link_)->size(), 1u);
}

TEST_F(KeeperTest, hears_no_other_user) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
    keep_pipe("a");
    ASSERT_TRUE(all_of(link_));
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    ASSERT_EQ(::chmod(socket_path(directory_).c_str(), 0777), 0);
    const pid_t stranger = ::fork();
    if (stranger == 0) {
        if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
        const UniqueFd fd = connect();
        ::_exit(fd && is_readable(fd.get()) && ::recv(fd.get(), &directory_[0], 1, 0) == 0 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "it is hung up on";
    EXPECT_EQ(all_of(link_)->size(), 1u) << "and the emperor is not";
}

}  // namespace
}  // namespace emperor::keeper
