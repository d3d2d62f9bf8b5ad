// SPDX-License-Identifier: Apache-2.0
// A stand-in for the `vassal` program that speaks the link protocol by a script, the word after "fake:" in the `app` of
// its configuration. It never accepts a connection itself but echoes what the tests need to see:
//
//   fake:ok                  ready, promoted, serves (answers each connection with its generation and pid), stops when told
//   fake:fail-import         Failed{import, "no module named shop"} and exit code 1
//   fake:exit-3              exits with code 3 before it is ready
//   fake:crash-after-ms-N    serves, then dies by SIGKILL after N milliseconds
//   fake:never-ready         says a step, then nothing
//   fake:ignore-stop         serves, and ends by SIGKILL only, and so does its child
//   fake:worker              serves with a child process that outlives a killed master until end of file on its link
//   fake:talk                serves, and writes two lines to the log channel
//   fake:reload-storm        serves, and asks for its own reload, 200 times
//   fake:late-reload-wish    serves, and asks for its own reload when it is told to stop
//   fake:silent-rendezvous   serves, and never answers a new emperor
//   fake:older               serves, and speaks a link protocol that knows no reconfiguring
//   fake:refuse              serves, and takes no other configuration
//   fake:other-version       serves, and answers a new emperor in version 999 of the protocol; drains on SIGTERM like any
//   fake:small-scoreboard    serves, and hands a new emperor a scoreboard of the wrong size
//   fake:other-name          serves, and tells a new emperor that it runs another vassal
//   fake:deputy              serves, and lets a child of it answer a new emperor
// All others take another configuration at once.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "common/link/channel.h"
#include "common/link/log_record.h"
#include "common/link/messages.h"

namespace {

namespace link = common::link;
using common::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr int link_fd = 3;

struct Fake {
    link::Start start;
    std::string script;
    std::vector<UniqueFd> listeners;
    UniqueFd scoreboard, log, rendezvous, link{link_fd}, unanswered;
    std::string state = "starting";
    bool is_alone = false;  // the emperor is gone

    void say(const link::MasterMessage& message) { (void)link::send(link.get(), link::encode(message)); }

    void log_line(const std::string& text) {
        link::LogRecord record;
        record.generation = start.generation;
        record.worker = 1;
        record.text = text;
        (void)link::send(log.get(), link::encode(record));
    }

    void answer_client(int listener) {
        const UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) return;
        const std::string text = std::to_string(start.generation) + " " + std::to_string(::getpid()) + "\n";
        [[maybe_unused]] const ssize_t sent = ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }

    // A new emperor: everything goes over the new link from here on.
    void attach() {
        UniqueFd peer(::accept4(rendezvous.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!peer) return;
        if (script == "silent-rendezvous") {
            unanswered = std::move(peer);
            return;
        }
        pollfd waited{peer.get(), POLLIN, 0};
        ::poll(&waited, 1, 1000);
        (void)link::receive(peer.get());
        auto channel = link::make_channel();
        if (!channel) return;
        const UniqueFd small_board(
            script == "small-scoreboard" ? ::memfd_create("scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1);
        link::Snapshot snapshot;
        snapshot.name = start.name;
        snapshot.generation = start.generation;
        snapshot.bank = start.bank;
        snapshot.state = state;
        if (script == "other-version") snapshot.version = 999;
        if (script == "other-name") snapshot.name = "till";
        if (small_board && (::ftruncate(small_board.get(), 4096) != 0 ||
                            ::fcntl(small_board.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0))
            return;
        snapshot.config = start.config;
        snapshot.identity = start.identity;
        snapshot.listeners = start.listeners;
        if (script == "older") snapshot.minor = 0;
        std::vector<int> fds;
        for (const UniqueFd& listener : listeners) fds.push_back(listener.get());
        fds.insert(fds.end(), {script == "small-scoreboard" ? small_board.get() : scoreboard.get(), channel->first.get()});
        if (script == "deputy" && ::fork() != 0) return;
        (void)link::send(peer.get(), link::encode(link::MasterMessage(snapshot)), fds);
        if (script == "deputy") ::_exit(0);
        log = std::move(channel->second);
        link = std::move(peer);
        is_alone = false;
    }

    void on_emperor() {
        for (;;) {
            auto received = link::receive(link.get());
            if (!received || received->state == link::ReceiveState::closed) {
                is_alone = true;
                link.reset();
                return;
            }
            if (received->state == link::ReceiveState::empty) return;
            const auto message = link::decode_emperor_message(received->packet.payload);
            if (!message) continue;
            if (std::get_if<link::Promote>(&*message)) {
                state = "serving";
                say(link::Promoted{});
                if (script == "talk") {
                    log_line("hello from the app");
                    log_line("second line");
                }
                for (int i = 0; script == "reload-storm" && i < 200; ++i) say(link::ReloadRequested{2, 99, "new prices"});
            } else if (const auto* order = std::get_if<link::Reconfigure>(&*message)) {
                if (script == "refuse")
                    say(link::Reconfigured{order->id, "refused", "it does not want to"});
                else
                    say(link::Reconfigured{order->id, "applied", ""});
            } else if (std::get_if<link::Stop>(&*message) && script != "ignore-stop") {
                if (script == "late-reload-wish") say(link::ReloadRequested{1, 99, "too late"});
                say(link::Stopping{"told to"});
                ::_exit(0);
            }
        }
    }
};

std::optional<int> number_after(const std::string& text, const std::string& prefix) {
    if (!text.starts_with(prefix)) return std::nullopt;
    return std::atoi(text.c_str() + prefix.size());
}

// A "worker": holds the other end of a pipe and ends when its master is gone. The pipe's number is returned.
void fork_worker(bool obeys) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    if (::fork() != 0) {
        ::close(ends[0]);
        return;  // ends[1] stays open as long as the master lives
    }
    ::close(ends[1]);
    char byte = 0;
    while (::read(ends[0], &byte, 1) > 0) {
    }
    if (!obeys)
        for (;;) ::pause();
    ::_exit(0);
}

bool receive_start(Fake& fake) {
    pollfd waited{link_fd, POLLIN, 0};
    if (::poll(&waited, 1, 5000) != 1) return false;
    auto received = link::receive(link_fd);
    if (!received || received->state != link::ReceiveState::packet) return false;
    auto message = link::decode_emperor_message(received->packet.payload);
    auto* start = message ? std::get_if<link::Start>(&*message) : nullptr;
    auto& fds = received->packet.fds;
    if (!start || fds.size() != start->listeners.size() + 3) return false;
    const std::size_t count = start->listeners.size();
    for (std::size_t i = 0; i < count; ++i) fake.listeners.push_back(std::move(fds[i]));
    fake.scoreboard = std::move(fds[count]);
    fake.log = std::move(fds[count + 1]);
    fake.rendezvous = std::move(fds[count + 2]);
    fake.start = std::move(*start);
    const std::string app = fake.start.config.value("app", "");
    fake.script = app.substr(app.find(':') + 1);
    for (char& c : fake.script) c = c == '_' ? '-' : c;  // callables have no dashes
    return true;
}

int serve(Fake& fake) {
    std::optional<Clock::time_point> crash_at;
    if (const auto delay = number_after(fake.script, "crash-after-ms-"))
        crash_at = Clock::now() + std::chrono::milliseconds(*delay);
    for (;;) {
        std::vector<pollfd> waited{{fake.link.get(), POLLIN, 0}, {fake.rendezvous.get(), POLLIN, 0}};
        if (fake.state == "serving")
            for (const UniqueFd& listener : fake.listeners) waited.push_back({listener.get(), POLLIN, 0});
        int timeout = -1;
        if (crash_at)
            timeout = static_cast<int>(std::max<long>(
                0, std::chrono::duration_cast<std::chrono::milliseconds>(*crash_at - Clock::now()).count()));
        ::poll(waited.data(), waited.size(), timeout);
        if (crash_at && Clock::now() >= *crash_at) ::raise(SIGKILL);
        if (waited[0].revents != 0 && !fake.is_alone) fake.on_emperor();
        if ((waited[1].revents & POLLIN) != 0) fake.attach();
        for (std::size_t i = 2; i < waited.size(); ++i)
            if ((waited[i].revents & POLLIN) != 0) fake.answer_client(waited[i].fd);
    }
}

}  // namespace

int main() {
    ::signal(SIGPIPE, SIG_IGN);
    Fake fake;
    if (!receive_start(fake)) return 64;
    if (fake.script == "ignore-stop") ::signal(SIGTERM, SIG_IGN);
    fake.say(link::Hello{link::protocol_version, ::getpid(), fake.script == "older" ? 0 : link::protocol_minor});
    fake.say(link::Step{"import"});
    if (fake.script == "fail-import") {
        fake.say(link::Failed{"import", "no module named shop", "Traceback: ..."});
        return 1;
    }
    if (fake.script == "exit-3") return 3;
    if (fake.script == "worker") fork_worker(true);
    if (fake.script == "ignore-stop") fork_worker(false);
    if (fake.script != "never-ready") {
        fake.state = "ready";
        fake.say(link::Ready{1});
    }
    return serve(fake);
}
