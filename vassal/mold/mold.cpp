// SPDX-License-Identifier: Apache-2.0
#include "vassal/mold/mold.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot to say so in the header
#include <sys/pidfd.h>
}

#include <cstdio>
#include <optional>

#include "common/base/unique_fd.h"
#include "common/link/channel.h"
#include "vassal/link/worker_messages.h"
#include "vassal/mold/worker_main.h"

namespace vassal::mold {

namespace {

using common::UniqueFd;
using common::link::ReceiveState;

struct Order {
    int worker = 0, lane = 0;
    UniqueFd link, out, err;
};

// The next order to fork; nothing at the end of the link, or when the master says stop.
std::optional<Order> next_order(int link) {
    for (;;) {
        pollfd ready{link, POLLIN, 0};
        if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return std::nullopt;
        auto received = common::link::receive(link);
        if (!received || received->state == ReceiveState::closed) return std::nullopt;
        if (received->state == ReceiveState::empty) continue;
        const auto message = link::decode_master_order(received->packet.payload);
        if (!message) continue;
        if (std::holds_alternative<link::Stop>(*message)) return std::nullopt;
        const auto* fork = std::get_if<link::ForkWorker>(&*message);
        auto& fds = received->packet.fds;
        if (fork == nullptr || fds.size() != 3) continue;
        return Order{fork->worker, fork->lane, std::move(fds[0]), std::move(fds[1]), std::move(fds[2])};
    }
}

// waitid(P_PIDFD) works for the master from the moment on that the worker is its child.
void wait_for_adoption(pid_t intermediate) {
    for (int i = 0; i < 10'000 && ::getppid() == intermediate; ++i) ::usleep(100);
}

void say_started(int link) {
    const pid_t pid = ::getpid();
    const UniqueFd pidfd(::pidfd_open(pid, 0));
    const int fds[] = {pidfd.get()};
    static_cast<void>(common::link::send(link, link::encode(link::WorkerMessage(link::Started{pid})), fds));
}

void take_over(const Order& order, int mold_link) {
    ::dup2(order.out.get(), STDOUT_FILENO);
    ::dup2(order.err.get(), STDERR_FILENO);
    ::close(mold_link);
    say_started(order.link.get());
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text;
}

void say(int link, const link::WorkerMessage& message) {
    static_cast<void>(common::link::send(link, link::encode(message)));
}

}  // namespace

int mold_main(const Shop& shop, int link) {
    shop.set_title("mold");
    use_environment(*shop.environment);
    const auto interpreter = import_app(shop, 0, link);
    if (!interpreter) return 1;
    if (const auto threads = interpreter->prepare_to_fork(); !threads.empty()) {
        say(link, link::Unforkable{joined(threads)});
        ::_exit(0);  // what the app's exit handlers would undo is not the workers' to lose
    }
    say(link, link::Ready{});

    while (auto order = next_order(link)) {
        std::fflush(nullptr);
        interpreter->before_fork();
        const pid_t intermediate = ::fork();
        if (intermediate == 0) {
            const pid_t self = ::getpid();
            const pid_t worker = ::fork();
            if (worker != 0) {
                if (worker < 0) say(order->link.get(), link::Failed{"fork", "the mold could not fork", ""});
                ::_exit(0);
            }
            wait_for_adoption(self);
            interpreter->after_fork_child();
            take_over(*order, link);
            ::_exit(forked_worker_main(shop, {order->worker, order->lane, order->link.get()}, *interpreter));
        }
        interpreter->after_fork_parent();
        if (intermediate < 0) say(order->link.get(), link::Failed{"fork", "the mold could not fork", ""});
        while (intermediate > 0 && ::waitpid(intermediate, nullptr, 0) < 0 && errno == EINTR) continue;
    }
    ::_exit(0);  // likewise
}

}  // namespace vassal::mold
