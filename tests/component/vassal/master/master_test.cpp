// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/component/vassal/master/shop.h"

namespace vassal::master::test {
namespace {

using common::UniqueFd;
using common::scoreboard::WorkerState;
using testing::HasSubstr;

std::vector<std::string> steps(const std::vector<MasterMessage>& seen) {
    std::vector<std::string> names;
    for (const auto& message : seen)
        if (const auto* step = std::get_if<Step>(&message)) names.push_back(step->name);
    return names;
}

TEST_F(Shop, starts_promotes_serves_and_drains) {
    start({"workers=2"});
    EXPECT_EQ(expect<Hello>().pid, master);
    expect<Ready>();
    EXPECT_THAT(steps(seen), testing::ElementsAre("environment", "import"));
    EXPECT_EQ(worker(2).state, WorkerState::ready);
    send(Promote{});
    expect<Promoted>();
    const pid_t pid = std::stoi(ask('p'));
    EXPECT_TRUE(pid == worker(1).pid || pid == worker(2).pid);
    EXPECT_EQ(worker(1).state, WorkerState::serving);
    EXPECT_EQ(worker(1).generation, 4u);
    EXPECT_GT(board.board().worker[1][0].pid_start_ticks.load(), 0u);

    send(Stop{true, "removed"});
    EXPECT_EQ(expect<Stopping>().reason, "removed");
    EXPECT_TRUE(expect<WorkerExited>().expected);
    EXPECT_TRUE(expect<WorkerExited>().expected);
    // Said when the last one let go; the first one may have been gone by then.
    const auto is_draining = [](const MasterMessage& message) { return std::holds_alternative<Draining>(message); };
    if (std::ranges::none_of(seen, is_draining)) expect<Draining>();
    EXPECT_EQ(exit_code(), 0);
    EXPECT_EQ(worker(1).pid, 0);
    EXPECT_EQ(worker(1).state, WorkerState::empty);
    EXPECT_EQ(worker(1).crashes + worker(2).crashes, 0u);
}

TEST_F(Shop, nothing_is_accepted_before_promotion) {
    start({});
    expect<Ready>();
    const UniqueFd client(connect_and_send('p'));
    char byte = 0;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
    send(Promote{});
    EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 1);
}

TEST_F(Shop, a_killed_worker_is_replaced_at_once_and_its_cause_is_told) {
    serve({});
    const pid_t first = std::stoi(ask('p'));
    ::kill(first, SIGKILL);
    const auto exited = expect<WorkerExited>();
    EXPECT_EQ(exited.worker, 1);
    EXPECT_EQ(exited.pid, first);
    EXPECT_EQ(exited.reason, "killed by signal 9 (SIGKILL)");
    EXPECT_EQ(exited.retry_ms, 0);
    const auto started = expect<WorkerStarted>();
    EXPECT_NE(started.pid, first);
    EXPECT_EQ(std::stoi(ask('p')), started.pid);
    EXPECT_EQ(worker(1).crashes, 1u);
    EXPECT_EQ(worker(1).signal_deaths, 1u);
    EXPECT_EQ(worker(1).spawns, 2u);
    EXPECT_EQ(worker(1).requests, 2u);
    EXPECT_EQ(worker(1).delta_requests, 1u);
}

TEST_F(Shop, a_crash_loop_backs_off_and_says_when_nobody_serves) {
    serve({"restart.initial=50ms"});
    ask('x');
    EXPECT_EQ(expect<WorkerExited>().reason, "exit code 3");
    ask('x');
    EXPECT_GT(expect<WorkerExited>().retry_ms, 0);
    EXPECT_FALSE(expect<ServingChanged>().is_serving);
    EXPECT_TRUE(expect<ServingChanged>().is_serving);
    EXPECT_EQ(std::stoi(ask('p')), worker(1).pid);
}

TEST_F(Shop, output_is_captured_line_by_line) {
    serve({"log.file=" + directory + "/app.log"});
    ask('o');
    ask('e');
    const LogRecord out = expect_line("a line on stdout");
    EXPECT_EQ(out.stream, LogStream::out);
    EXPECT_EQ(out.worker, 1);
    EXPECT_EQ(out.generation, 4u);
    EXPECT_EQ(expect_line("a line on stderr").stream, LogStream::err);
    const auto ring = common::scoreboard::read_log(board.board());
    ASSERT_EQ(ring.size(), 2u);
    EXPECT_EQ(ring[0].text, "a line on stdout");
    std::string text;
    EXPECT_TRUE(wait_until([&] {
        std::ifstream file(directory + "/app.log");
        text.assign(std::istreambuf_iterator<char>(file), {});
        return text == "a line on stdout\na line on stderr\n";
    })) << text;
}

TEST_F(Shop, the_last_words_of_a_dying_worker_are_kept_though_they_lack_a_newline) {
    serve({});
    ask('u');
    EXPECT_EQ(expect_line("no newline").text, "no newline");
}

TEST_F(Shop, a_log_file_is_opened_again_on_order_and_its_trouble_is_told_once) {
    serve({"log.file=" + directory + "/app.log"});
    ask('o');
    expect_line("a line on stdout");
    std::filesystem::rename(directory + "/app.log", directory + "/old.log");
    send(ReopenLogs{});
    EXPECT_TRUE(wait_until([&] { return std::filesystem::exists(directory + "/app.log"); }));
    std::filesystem::remove(directory + "/app.log");
    std::filesystem::create_directory(directory + "/app.log");
    send(ReopenLogs{});
    EXPECT_THAT(expect_line("log.file").text, HasSubstr("Is a directory"));
    EXPECT_EQ(std::stoi(ask('p')), worker(1).pid);
}

TEST_F(Shop, a_failed_import_ends_the_start_with_its_traceback) {
    start({"workers=3"}, "fail:app");
    const auto failed = expect<Failed>();
    EXPECT_EQ(failed.step, "import");
    EXPECT_EQ(failed.reason, "NameError: name 'x'");
    EXPECT_THAT(failed.detail, HasSubstr("Traceback"));
    EXPECT_EQ(exit_code(), 1);
    EXPECT_EQ(expect_line("NameError").stream, LogStream::err);
}

TEST_F(Shop, a_worker_that_just_exits_fails_the_start_with_its_code) {
    start({}, "exit:app");
    EXPECT_THAT(expect<Failed>().reason, HasSubstr("exit code 7"));
    EXPECT_EQ(exit_code(), 1);
}

TEST_F(Shop, an_import_that_hangs_fails_within_timeouts_start) {
    start({"timeouts.start=1s"}, "hang:app");
    const auto failed = expect<Failed>();
    EXPECT_EQ(failed.step, "timeout");
    EXPECT_EQ(exit_code(), 1);
}

TEST_F(Shop, before_start_runs_once_in_chdir_with_the_environment) {
    start({"workers=2", "env.COLOR=blue", "before_start=echo $COLOR >> made; pwd"});
    expect<Ready>();
    EXPECT_THAT(steps(seen), testing::ElementsAre("environment", "before_start", "import"));
    std::ifstream made(directory + "/made");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(made), {}), "blue\n");
    EXPECT_EQ(expect_line(directory).worker, 0);
}

TEST_F(Shop, a_failed_before_start_shows_its_last_lines) {
    start({"before_start=echo migrating; echo no such table >&2; exit 5"});
    const auto failed = expect<Failed>();
    EXPECT_EQ(failed.step, "before_start");
    EXPECT_EQ(failed.reason, "exit code 5");
    EXPECT_THAT(failed.detail, HasSubstr("no such table"));
    EXPECT_EQ(exit_code(), 1);
}

TEST_F(Shop, a_before_start_that_hangs_is_ended_with_all_that_it_started) {
    start({"timeouts.start=1s", "before_start=sleep 1000 & echo $! > pid; sleep 1000"});
    EXPECT_EQ(expect<Failed>().reason, "not finished within timeouts.start");
    EXPECT_EQ(exit_code(), 1);
    pid_t sleeper = 0;
    std::ifstream(directory + "/pid") >> sleeper;
    ASSERT_GT(sleeper, 0);
    EXPECT_TRUE(is_gone(sleeper));
}

TEST_F(Shop, a_request_timeout_is_logged_dumped_counted_and_replaced) {
    serve({"timeouts.request=1s"});
    const UniqueFd client(connect_and_send('h'));
    const auto exited = expect<WorkerExited>();
    EXPECT_THAT(exited.reason, HasSubstr("request timeout: GET /hang after 1 s"));
    EXPECT_TRUE(exited.status.is_success()) << "its own handler ended it";
    EXPECT_EQ(exited.retry_ms, 0);
    const LogRecord line = expect_line("request timeout");
    EXPECT_EQ(line.stream, LogStream::master);
    EXPECT_THAT(line.text, HasSubstr("(worker 1, pid " + std::to_string(exited.pid) + ")"));
    EXPECT_EQ(std::stoi(ask('p')), worker(1).pid);
    EXPECT_NE(worker(1).pid, exited.pid);
    EXPECT_EQ(worker(1).timeouts, 1u);
}

TEST_F(Shop, a_stop_kills_a_worker_that_ignores_it) {
    serve({"timeouts.drain=200ms", "timeouts.kill=100ms"});
    const UniqueFd client(connect_and_send('h'));
    ASSERT_TRUE(wait_until([&] { return worker(1).threads[0].request_started_us != 0; }));
    send(Stop{true, "stop"});
    EXPECT_EQ(expect<WorkerExited>().status.value, SIGKILL);
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(Shop, sigterm_drains_and_a_second_one_hurries) {
    serve({"timeouts.kill=100ms"});
    const UniqueFd client(connect_and_send('h'));
    ASSERT_TRUE(wait_until([&] { return worker(1).threads[0].request_started_us != 0; }));
    ::kill(master, SIGTERM);
    EXPECT_EQ(expect<Stopping>().reason, "SIGTERM");
    ::kill(master, SIGTERM);
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(Shop, without_its_emperor_it_goes_on_and_the_next_one_adopts_it) {
    serve({});
    link.reset();
    log.reset();
    const pid_t first = std::stoi(ask('p'));
    ::kill(first, SIGKILL);
    ASSERT_TRUE(wait_until([&] { return worker(1).spawns == 2; }));
    EXPECT_EQ(std::stoi(ask('p')), worker(1).pid);
    ask('o');

    UniqueFd newcomer(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    (directory + "/rendezvous.sock").copy(name.sun_path, sizeof name.sun_path - 1);
    ASSERT_EQ(::connect(newcomer.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    ASSERT_TRUE(common::link::send(newcomer.get(), encode(EmperorMessage(Attach{}))));
    ASSERT_TRUE(wait_until([&] {
        char byte;
        return ::recv(newcomer.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    }));
    auto received = receive(newcomer.get()).value();
    const auto message = decode_master_message(received.packet.payload).value();
    const auto& snapshot = std::get<Snapshot>(message);
    EXPECT_EQ(snapshot.name, "shop");
    EXPECT_EQ(snapshot.state, "serving");
    EXPECT_EQ(snapshot.generation, 4u);
    EXPECT_EQ(snapshot.listeners, std::vector<std::string>{"uwsgi:" + directory + "/app.sock"});
    ASSERT_EQ(received.packet.fds.size(), 3u);
    EXPECT_TRUE(common::scoreboard::map(received.packet.fds[1].get()));

    link = std::move(newcomer);
    log = std::move(received.packet.fds[2]);
    ask('e');
    const LogRecord line = expect_line("a line on stderr");
    EXPECT_GE(line.dropped, 1u);
    send(Stop{true, "done"});
    expect<Stopping>();
    EXPECT_EQ(exit_code(), 0);
}

// An emperor that is killed right after a spawn has not recorded it: nobody would ever end this one.
TEST_F(Shop, a_start_ends_with_its_emperor) {
    start({}, "hang:app");
    link.reset();
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(Shop, who_waits_for_its_promotion_ends_with_its_emperor) {
    start({});
    expect<Ready>();
    link.reset();
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(Shop, a_stop_during_the_start_ends_it) {
    start({}, "hang:app");
    send(Stop{false, "never mind"});
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(Shop, workers_of_a_killed_master_drain_and_end) {
    serve({"workers=2"});
    const pid_t pids[] = {worker(1).pid, worker(2).pid};
    ::kill(master, SIGKILL);
    for (const pid_t pid : pids)
        EXPECT_TRUE(wait_until([pid] {
            while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
            return is_gone(pid);
        }));
    master = -1;
}

}  // namespace
}  // namespace vassal::master::test
