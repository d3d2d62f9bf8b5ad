// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/fork_loop.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <vector>

namespace vassal::master {

namespace {

constexpr unsigned last_fd = ~0u;

void reset_signals() {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        action.sa_handler = number == SIGPIPE ? SIG_IGN : SIG_DFL;
        static_cast<void>(::sigaction(number, &action, nullptr));  // KILL, STOP and the C library's own refuse
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void take_output(const ChildEnds& ends) {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) ::dup2(null, STDIN_FILENO);
    ::dup2(ends.out.get(), STDOUT_FILENO);
    ::dup2(ends.err.get(), STDERR_FILENO);
}

// The master's descriptors are of no use here, and some would do harm: a held writing end hides an end of file.
void close_all_but(std::vector<int> kept) {
    std::ranges::sort(kept);
    unsigned from = STDERR_FILENO + 1;
    for (const int fd : kept) {
        if (fd < static_cast<int>(from)) continue;
        if (static_cast<unsigned>(fd) > from) ::close_range(from, static_cast<unsigned>(fd) - 1, 0);
        from = static_cast<unsigned>(fd) + 1;
    }
    ::close_range(from, last_fd, 0);
}

void become_child(const Generation& generation, const ChildEnds& ends) {
    // Ctrl-C on a terminal is for the master alone; under an emperor the process group is what it kills as a whole.
    if (generation.is_standalone && ends.link) ::setpgid(0, 0);
    take_output(ends);
    std::vector<int> kept;
    if (ends.link) {
        kept.push_back(ends.link.get());
        for (const Listener& listener : generation.listeners) kept.push_back(listener.fd.get());
        for (const int directory : generation.site.descriptors()) kept.push_back(directory);
        if (generation.activity) kept.push_back(generation.activity->eventfd());
    }
    close_all_but(std::move(kept));
    reset_signals();
}

[[noreturn]] void run_shell(const RunCommand& command, char* const* environment) {
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char* const arguments[] = {shell, option, const_cast<char*>(command.command.c_str()), nullptr};
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &action, nullptr);
    ::execve(shell, arguments, environment);
    ::_exit(127);
}

[[noreturn]] void play(const Master& master, const Roles& roles, const Outcome& outcome, char* const* environment) {
    const Generation& generation = master.generation();
    if (const auto* worker = std::get_if<ForkWorker>(&outcome)) {
        become_child(generation, worker->ends);
        ::_exit(roles.worker({generation, worker->ends.link.get(), worker->place.slot, worker->place.lane}));
    }
    if (const auto* mold = std::get_if<ForkMold>(&outcome)) {
        become_child(generation, mold->ends);
        ::_exit(roles.mold({generation, mold->ends.link.get(), 0, 0}));
    }
    const auto& command = std::get<RunCommand>(outcome);
    become_child(generation, command.ends);
    run_shell(command, environment);
}

}  // namespace

int fork_loop(Master& master, const Roles& roles) {
    for (;;) {
        const Outcome outcome = master.run();
        if (const auto* exit = std::get_if<Exit>(&outcome)) return exit->code;
        std::vector<char*> environment;
        for (const std::string& entry : master.generation().environment)
            environment.push_back(const_cast<char*>(entry.c_str()));
        environment.push_back(nullptr);

        std::fflush(nullptr);  // nobody prints it twice
        sigset_t all, before;
        ::sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, &before);
        master.before_fork();
        const pid_t pid = ::fork();
        const int number = errno;
        if (pid == 0) {
            master.after_fork_in_child();
            play(master, roles, outcome, environment.data());
        }
        master.after_fork_in_parent();
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        master.forked(outcome, pid, number);
    }
}

}  // namespace vassal::master
