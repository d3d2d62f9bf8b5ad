// SPDX-License-Identifier: Apache-2.0
#include "tests/component/vassal/master/shop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "common/base/clock.h"
#include "common/config/decode.h"
#include "vassal/link/signals.h"
#include "vassal/link/worker_messages.h"
#include "vassal/master/fork_loop.h"

namespace vassal::master::test {

namespace {

using namespace std::chrono_literals;
using common::UniqueFd;

constexpr int patience_ms = 10'000;

UniqueFd listen_at(const std::string& path, int type) {
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0) << path;
    EXPECT_EQ(::listen(fd.get(), 64), 0);
    return fd;
}

bool readable(int fd, int limit_ms) {
    pollfd ready{fd, POLLIN, 0};
    return ::poll(&ready, 1, limit_ms) == 1;
}

void say(int fd, const link::WorkerMessage& message) {
    static_cast<void>(common::link::send(fd, link::encode(message)));
}

// What the worker's own handler does in the end: nobody is left who serves.
int timed_out_sequence = 0;
int peer_of_master = -1;
const link::Activity* activity = nullptr;
void on_request_timeout(int, siginfo_t* info, void*) {
    if (info->si_value.sival_int == timed_out_sequence) ::_exit(0);
}

void catch_request_timeouts() {
    struct sigaction action {};
    action.sa_sigaction = on_request_timeout;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(link::request_timeout_signal(), &action, nullptr);
}

// One connection: one byte, one answer.
void answer(const UniqueFd& peer, common::scoreboard::ThreadSlot& slot) {
    char what = 0;
    if (!readable(peer.get(), patience_ms) || ::read(peer.get(), &what, 1) != 1) return;
    if (activity != nullptr) activity->note();
    std::string text = "ok";
    switch (what) {
        case 'p': text = std::to_string(::getpid()); break;
        case 'm': {  // grows, as an app that leaks
            static std::vector<std::string> leak;
            leak.emplace_back(64u << 20, 'x');
            break;
        }
        case 'c': ::close(peer_of_master); for (;;) ::pause();
        case 'g':
            static_cast<void>(common::link::send(peer_of_master, link::encode(link::WorkerMessage(link::Handover{0})),
                                                 std::array{peer.get()}));
            return;
        case 'o': std::printf("a line on stdout\n"); break;
        case 'e': std::fprintf(stderr, "a line on stderr\n"); break;
        case 'x': ::_exit(3);
        case 'u': std::printf("no newline"); std::fflush(stdout); ::_exit(0);
        case 'i':
            std::signal(link::request_timeout_signal(), SIG_IGN);
            [[fallthrough]];
        case 'h':
            slot.thread_id = ::gettid();
            slot.request_sequence.fetch_add(1);
            timed_out_sequence = link::timeout_value(slot.request_sequence);
            std::snprintf(slot.request_line.data(), 10, "GET /hang");
            slot.request_line_length = 9;
            slot.request_started_us = static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(common::Clock::now().time_since_epoch()).count());
            for (;;) ::pause();
        default: break;
    }
    std::fflush(stdout);
    slot.requests.fetch_add(1);
    static_cast<void>(::write(peer.get(), text.data(), text.size()) + 1);
}

int worker(const Child& child) {
    const std::string app = child.generation.config.app;
    catch_request_timeouts();
    if (app.starts_with("exit")) return 7;
    if (app.starts_with("hang")) for (;;) ::pause();
    if (app.starts_with("fail") || std::filesystem::exists(child.generation.config.chdir + "/broken")) {
        say(child.link, link::Failed{"import", "NameError: name 'x'", "Traceback\n  line 1\nNameError: name 'x'"});
        return 1;
    }
    peer_of_master = child.link;
    if (child.generation.activity) activity = &*child.generation.activity;
    say(child.link, link::Ready{});
    auto& slot = child.generation.scoreboard.board()
                     .worker[common::scoreboard::row_of(child.generation.bank, child.lane)]
                            [static_cast<std::size_t>(child.worker) - 1]
                     .thread[0];
    const int listener = child.generation.listeners.front().fd.get();
    bool is_promoted = false;
    for (;;) {
        pollfd ready[] = {{child.link, POLLIN, 0}, {is_promoted ? listener : -1, POLLIN, 0}};
        ::poll(ready, 2, -1);
        if (ready[0].revents != 0) {
            const auto received = receive(child.link);
            if (!received || received->state == ReceiveState::closed) return 0;
            if (received->state == ReceiveState::empty) continue;
            const auto order = link::decode_master_order(received->packet.payload);
            if (std::holds_alternative<link::Promote>(*order)) is_promoted = true;
            if (std::holds_alternative<link::Poke>(*order) && app.starts_with("poke")) {
                std::printf("poked\n");
                std::fflush(stdout);
            }
            if (const auto* adopt = std::get_if<link::Adopt>(&*order)) {
                say(child.link, link::Adopted{adopt->ticket});
                answer(received->packet.fds.front(), slot);
            }
            if (std::holds_alternative<link::Drain>(*order) || std::holds_alternative<link::Stop>(*order)) return 0;
        }
        if (ready[1].revents != 0) {
            const UniqueFd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
            if (peer) answer(peer, slot);
        }
    }
}

[[noreturn]] void be_the_master(UniqueFd link) {
    MasterOptions options;
    options.link = std::move(link);
    Master master(std::move(options));
    Roles roles;
    roles.worker = worker;
    roles.mold = [](const Child&) { return 1; };
    ::_exit(fork_loop(master, roles));
}

}  // namespace

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    const auto deadline = common::Clock::now() + limit;
    while (!condition()) {
        if (common::Clock::now() > deadline) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }

void Shop::SetUp() {
    // Workers of a killed master become our children and must not stay zombies.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    char name[] = "/tmp/master_test_XXXXXX";
    directory = ::mkdtemp(name);
}

void Shop::TearDown() {
    if (master > 0) ::kill(-master, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0) continue;
    std::filesystem::remove_all(directory);
}

nlohmann::json Shop::document(std::vector<std::string> settings, const std::string& app) const {
    settings.push_back("app=" + app);
    settings.push_back("chdir=" + directory);
    settings.push_back("listen=uwsgi:" + directory + "/app.sock");
    const auto decoded = common::config::decode_settings(settings, {});
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return decoded.effective ? *decoded.effective->values : nlohmann::json::object();
}

void Shop::start(std::vector<std::string> settings, std::string app) {
    const nlohmann::json values = document(std::move(settings), app);
    auto channel = make_channel().value();
    auto logs = make_channel().value();
    listener = listen_at(directory + "/app.sock", SOCK_STREAM);
    rendezvous = listen_at(directory + "/rendezvous.sock", SOCK_SEQPACKET);
    board_fd = std::move(common::scoreboard::create("shop").value());
    board = std::move(common::scoreboard::map(board_fd.get()).value());
    master = ::fork();
    if (master == 0) {
        ::setsid();
        channel.first.reset();
        logs.first.reset();
        be_the_master(std::move(channel.second));
    }
    channel.second.reset();
    link = std::move(channel.first);
    log = std::move(logs.first);

    Start message;
    message.name = "shop";
    message.generation = 4;
    message.bank = 1;
    message.config = values;
    message.identity.uid = ::getuid();
    message.identity.gid = ::getgid();
    message.identity.home = "/";
    message.listeners = {"uwsgi:" + directory + "/app.sock"};
    const int fds[] = {listener.get(), board_fd.get(), logs.second.get(), rendezvous.get()};
    ASSERT_TRUE(common::link::send(link.get(), encode(EmperorMessage(message)), fds));
}

void Shop::send(const EmperorMessage& message) const {
    ASSERT_TRUE(common::link::send(link.get(), encode(message)));
}

std::optional<MasterMessage> Shop::next() {
    if (!readable(link.get(), patience_ms)) return std::nullopt;
    auto received = receive(link.get());
    if (!received || received->state != ReceiveState::packet) return std::nullopt;
    auto message = decode_master_message(received->packet.payload);
    EXPECT_TRUE(message);
    return message ? std::optional(*message) : std::nullopt;
}

void Shop::serve(std::vector<std::string> settings) {
    start(std::move(settings));
    expect<Ready>();
    send(Promote{});
    expect<Promoted>();
}

int Shop::connect_and_send(char what) const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    (directory + "/app.sock").copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::write(fd, &what, 1), 1);
    return fd;
}

std::string Shop::ask(char what) const {
    const UniqueFd fd(connect_and_send(what));
    return answer_on(fd.get());
}

std::string Shop::answer_on(int fd) {
    std::string answer;
    char buffer[100];
    while (readable(fd, patience_ms)) {
        const ssize_t size = ::read(fd, buffer, sizeof buffer);
        if (size <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(size));
    }
    return answer;
}

LogRecord Shop::expect_line(std::string_view text) {
    for (;;) {
        for (const LogRecord& line : lines)
            if (line.text.find(text) != std::string::npos) return line;
        if (!readable(log.get(), patience_ms)) break;
        auto received = receive(log.get());
        if (!received || received->state != ReceiveState::packet) break;
        lines.push_back(decode_log_record(received->packet.payload).value());
    }
    ADD_FAILURE() << "no line with '" << text << "'";
    return {};
}

int Shop::exit_code() {
    int status = 0;
    const bool is_over = wait_until([&] { return ::waitpid(master, &status, WNOHANG) == master; });
    if (!is_over) return -1;
    master = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

common::scoreboard::WorkerFigures Shop::worker(int id) const {
    return common::scoreboard::read_workers(board.board(), 1, id).back();
}

}  // namespace vassal::master::test
