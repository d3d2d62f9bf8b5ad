// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <csignal>
#include <optional>
#include <set>
#include <string>

#include "emperor/process/child.h"
#include "emperor/process/orphans.h"
#include "emperor/process/reaper.h"

namespace emperor::process {
namespace {

using common::ExitStatus;
using common::UniqueFd;

struct SpawnTest : testing::Test {
    boost::asio::io_context io;

    static SpawnRequest shell(const std::string& script) {
        SpawnRequest request;
        request.program = "/bin/sh";
        request.arguments = {"sh", "-c", script};
        request.environment = {"PATH=/usr/bin:/bin"};
        request.directory = "/";
        return request;
    }

    // What the script wrote to its descriptor 3.
    static std::string output_of(SpawnRequest request) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        UniqueFd reading(ends[0]), writing(ends[1]);
        request.fds = {writing.get()};
        auto spawned = spawn(request);
        writing.reset();
        if (!spawned) return spawned.error().message();
        std::string text;
        char buffer[4096];
        for (ssize_t got = 0; (got = ::read(reading.get(), buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(got));
        ::waitpid(spawned->pid, nullptr, 0);
        return text;
    }

    std::optional<ExitStatus> run(Child*& child, Spawned spawned) {
        std::optional<ExitStatus> status;
        Child owner(io, std::move(spawned), [&](const ExitStatus& s) { status = s; });
        child = &owner;
        io.restart();
        while (!status && io.run_one_for(std::chrono::seconds(10)) > 0) {
        }
        return status;
    }
};

TEST_F(SpawnTest, the_exit_of_a_child_is_reported_once_with_its_code) {
    auto spawned = spawn(shell("exit 7"));
    ASSERT_TRUE(spawned);
    Child* child = nullptr;
    EXPECT_EQ(run(child, std::move(*spawned)), (ExitStatus{ExitStatus::Kind::exited, 7}));
}

TEST_F(SpawnTest, a_failed_exec_names_the_stage_and_the_program) {
    SpawnRequest request = shell("");
    request.program = "/nonexistent/vassal";
    const auto spawned = spawn(request);
    ASSERT_FALSE(spawned);
    EXPECT_EQ(spawned.error().message(), "spawn: exec /nonexistent/vassal: No such file or directory");
}

TEST_F(SpawnTest, a_missing_directory_is_its_own_stage) {
    SpawnRequest request = shell("");
    request.directory = "/nonexistent";
    const auto spawned = spawn(request);
    ASSERT_FALSE(spawned);
    EXPECT_EQ(spawned.error().message(), "spawn: change directory /nonexistent: No such file or directory");
}

TEST_F(SpawnTest, no_descriptor_but_the_given_ones_reaches_the_child) {
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const UniqueFd other(::fcntl(null.get(), F_DUPFD_CLOEXEC, 40));
    const std::string number = std::to_string(other.get());
    EXPECT_EQ(output_of(shell("test -e /proc/$$/fd/3 && echo -n three, >&3; test -e /proc/$$/fd/" + number +
                              " && echo -n leaked >&3; readlink /proc/$$/fd/0 >&3")),
              "three,/dev/null\n");
}

TEST_F(SpawnTest, a_silent_child_has_no_descriptor_of_the_emperors_output) {
    SpawnRequest request = shell("out=$(readlink /proc/$$/fd/1 /proc/$$/fd/2); echo \"$out\" >&3");
    request.is_silent = true;
    EXPECT_EQ(output_of(request), "/dev/null\n/dev/null\n");
}

TEST_F(SpawnTest, descriptors_that_sit_on_each_others_targets_are_not_mixed_up) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd reading(::fcntl(ends[0], F_DUPFD_CLOEXEC, 20)), writing(ends[1]);
    ::close(ends[0]);
    UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    SpawnRequest request = shell("readlink /proc/self/fd/3 >&4");
    request.fds = {null.get(), writing.get()};  // low numbers, near or on the targets
    auto spawned = spawn(request);
    ASSERT_TRUE(spawned);
    writing.reset();
    char buffer[64] = {};
    EXPECT_GT(::read(reading.get(), buffer, sizeof buffer - 1), 0);
    EXPECT_STREQ(buffer, "/dev/null\n");
    ::waitpid(spawned->pid, nullptr, 0);
}

TEST_F(SpawnTest, the_child_leads_a_session_with_signals_and_limits_reset) {
    ::signal(SIGPIPE, SIG_IGN);
    SpawnRequest request =
        shell("echo $$ $(cut -d' ' -f5,6 /proc/$$/stat) $(ulimit -n) $(grep SigIgn /proc/$$/status | cut -f2) >&3");
    request.open_files = rlimit{123, 456};
    const std::string text = output_of(request);
    const std::string pid = text.substr(0, text.find(' '));
    EXPECT_EQ(text, pid + " " + pid + " " + pid + " 123 0000000000000000\n");
}

TEST_F(SpawnTest, it_becomes_another_user_with_exactly_his_groups) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    SpawnRequest request = shell("echo $(id -u) $(id -g) $(id -G) >&3");
    common::config::Identity nobody;
    nobody.uid = 65534;
    nobody.gid = 65534;
    nobody.groups = {65534, 33};
    request.identity = nobody;
    EXPECT_EQ(output_of(request), "65534 65534 65534 33\n");
}

TEST_F(SpawnTest, a_plain_user_cannot_become_another_one_and_is_told_at_which_stage) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become a plain user";
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setuid(65534) != 0) ::_exit(2);
        SpawnRequest request = shell("");
        request.identity = common::config::Identity{};
        const auto spawned = spawn(request);
        ::_exit(!spawned && spawned.error().message() == "spawn: set supplementary groups: Operation not permitted" ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(SpawnTest, kill_all_reaches_the_whole_group) {
    auto spawned = spawn(shell("sleep 60 & sleep 60 & wait"));
    ASSERT_TRUE(spawned);
    const pid_t pid = spawned->pid;
    std::optional<ExitStatus> status;
    ASSERT_TRUE(Reaper::become_subreaper());
    Reaper reaper(io, [](pid_t) {});
    Child child(io, std::move(*spawned), [&](const ExitStatus& s) { status = s; });
    child.kill_all();
    const auto deadline = common::Clock::now() + std::chrono::seconds(10);
    while ((!status || !orphans_of(pid).empty() || has_children_in_group(pid)) && common::Clock::now() < deadline)
        io.run_one_for(std::chrono::milliseconds(20));
    EXPECT_EQ(status, (ExitStatus{ExitStatus::Kind::signaled, SIGKILL}));
    EXPECT_TRUE(orphans_of(pid).empty());
}

TEST_F(SpawnTest, the_reaper_takes_no_status_that_a_child_waits_for) {
    ASSERT_TRUE(Reaper::become_subreaper());
    // Not empty at times: the test before may leave a killed grandchild that nobody has reaped yet.
    std::set<pid_t> orphans;
    Reaper reaper(io, [&](pid_t pid) { orphans.insert(pid); });
    for (int round = 0; round < 20; ++round) {
        auto spawned = spawn(shell("exit 7"));
        ASSERT_TRUE(spawned);
        EXPECT_FALSE(Child::is_watched(spawned->pid));
        const pid_t pid = spawned->pid;
        std::optional<ExitStatus> status;
        Child child(io, std::move(*spawned), [&](const ExitStatus& s) { status = s; });
        EXPECT_TRUE(Child::is_watched(pid));
        siginfo_t ended{};  // SIGCHLD and the pidfd are both there when the loop looks
        ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
        const auto deadline = common::Clock::now() + std::chrono::seconds(10);
        while (!status && common::Clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(20));
        EXPECT_EQ(status, (ExitStatus{ExitStatus::Kind::exited, 7}));
        EXPECT_FALSE(Child::is_watched(pid));
        EXPECT_FALSE(orphans.contains(pid));
    }
}

TEST_F(SpawnTest, one_that_is_to_end_with_its_parent_does) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd reading(ends[0]), writing(ends[1]);
    const pid_t parent = ::fork();
    if (parent == 0) {
        SpawnRequest request = shell("echo up >&3; exec sleep 600");
        request.fds = {writing.get()};
        request.ends_with_parent = true;
        ::_exit(spawn(request) ? 0 : 1);
    }
    writing.reset();
    int status = 0;
    ASSERT_EQ(::waitpid(parent, &status, 0), parent);
    EXPECT_EQ(status, 0);
    // It holds the other end for as long as it lives.
    pollfd ended{reading.get(), POLLIN, 0};
    char rest[16];
    do ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
    while (::read(reading.get(), rest, sizeof rest) > 0);
}

TEST_F(SpawnTest, orphans_are_left_alone_until_their_deadline_and_killed_then) {
    ASSERT_TRUE(Reaper::become_subreaper());
    auto spawned = spawn(shell("sleep 60 & exit 0"));
    ASSERT_TRUE(spawned);
    const pid_t pid = spawned->pid;
    Reaper reaper(io, [](pid_t) {});
    bool is_empty = false;
    Orphans orphans(io, [&] { is_empty = true; });
    Child child(io, std::move(*spawned), [&](const ExitStatus&) {
        orphans.add(pid, true, common::Clock::now() + std::chrono::milliseconds(300));
        EXPECT_FALSE(orphans.empty());
        EXPECT_EQ(orphans_of(pid).size(), 1u);
    });
    const auto deadline = common::Clock::now() + std::chrono::seconds(10);
    while (!is_empty && common::Clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(is_empty);
    EXPECT_TRUE(orphans_of(pid).empty());
}

// In the session of the dead one, not in its group: job control of a shell does that.
TEST_F(SpawnTest, an_orphan_in_a_group_of_its_own_is_found_and_killed) {
    ASSERT_TRUE(Reaper::become_subreaper());
    auto spawned = spawn(shell("set -m; sleep 60 & exit 0"));
    ASSERT_TRUE(spawned);
    const pid_t pid = spawned->pid;
    Reaper reaper(io, [](pid_t) {});
    Orphans orphans(io, [] {});
    bool has_ended = false;
    Child child(io, std::move(*spawned), [&](const ExitStatus&) {
        orphans.add(pid, true, common::Clock::now());
        has_ended = true;
        EXPECT_FALSE(orphans.empty());
    });
    const auto deadline = common::Clock::now() + std::chrono::seconds(10);
    while ((!has_ended || !orphans.empty()) && common::Clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(orphans.empty());
    EXPECT_TRUE(orphans_of(pid).empty());
}

TEST_F(SpawnTest, a_leader_that_leaves_nobody_is_forgotten_after_one_look) {
    auto spawned = spawn(shell("exit 0"));
    ASSERT_TRUE(spawned);
    const pid_t pid = spawned->pid;
    int changes = 0;
    Orphans orphans(io, [&] { ++changes; });
    Child child(io, std::move(*spawned), [&](const ExitStatus&) {
        EXPECT_FALSE(orphans.add(pid, true, common::Clock::now() + std::chrono::seconds(60)));
    });
    const auto deadline = common::Clock::now() + std::chrono::seconds(10);
    while (changes == 0 && common::Clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(20));
    EXPECT_EQ(changes, 1);
    EXPECT_TRUE(orphans.empty());
}

// Asio may hand the readiness of a descriptor that was closed in the same turn to the next one that is registered.
TEST_F(SpawnTest, an_adopted_process_that_lives_is_not_taken_for_ended_by_a_spurious_wake_up) {
    int ends[2], numbers[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(numbers, O_CLOEXEC), 0);
    UniqueFd living(ends[1]);  // closed: it ends
    const UniqueFd life(ends[0]), its_number(numbers[0]), number(numbers[1]);
    const pid_t parent = ::fork();
    if (parent == 0) {
        const pid_t grandchild = ::fork();
        if (grandchild != 0) ::_exit(::write(number.get(), &grandchild, sizeof grandchild) == sizeof grandchild ? 0 : 1);
        living.reset();
        char none;
        ::_exit(::read(life.get(), &none, 1) == 0 ? 0 : 1);
    }
    pid_t stranger = 0;
    ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
    ASSERT_EQ(::read(its_number.get(), &stranger, sizeof stranger), static_cast<ssize_t>(sizeof stranger));
    auto opened = open_process(stranger, start_ticks_of(stranger).value());
    ASSERT_TRUE(opened);

    std::optional<ExitStatus> status;
    std::optional<Child> adopted;
    int pipes[2][2];
    std::optional<boost::asio::posix::stream_descriptor> watched[2];
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(::pipe2(pipes[i], O_CLOEXEC), 0);
        ASSERT_EQ(::write(pipes[i][1], "x", 1), 1);
        watched[i].emplace(io, pipes[i][0]);
        watched[i]->async_wait(boost::asio::posix::stream_descriptor::wait_read, [&, i](const auto& error) {
            if (error || adopted) return;
            watched[1 - i].reset();
            adopted.emplace(io, std::move(*opened), [&](const ExitStatus& told) { status = told; });
        });
    }
    io.run_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(status) << "it lives";
    living.reset();
    io.restart();
    while (!status && io.run_one_for(std::chrono::seconds(10)) > 0) {
    }
    EXPECT_TRUE(status);
    for (auto& pipe : pipes) ::close(pipe[1]);
}

TEST_F(SpawnTest, a_process_is_recognised_by_pid_and_start_ticks) {
    const auto ticks = start_ticks_of(::getpid());
    ASSERT_TRUE(ticks);
    EXPECT_TRUE(open_process(::getpid(), *ticks));
    EXPECT_FALSE(open_process(::getpid(), *ticks + 1));
}

TEST_F(SpawnTest, a_group_without_children_of_ours_is_never_signalled) {
    EXPECT_FALSE(kill_group_of_children(1));
    EXPECT_FALSE(kill_group_of_children(::getsid(0)));
}

}  // namespace
}  // namespace emperor::process
