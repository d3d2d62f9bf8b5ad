// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace emperor::process {

using common::Result;
using common::UniqueFd;

namespace {

constexpr int exec_patience_ms = 5000;
constexpr int first_target = 3;

struct Report {
    SpawnStage stage;
    int number;
};

// Everything the child needs, ready before the fork.
struct Prepared {
    const SpawnRequest& request;
    std::vector<char*> argv;
    std::vector<char*> envp;
    std::vector<int> lifted;  // scratch of the child
    int null_fd;
    int report_fd;
    pid_t parent = ::getpid();
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

// ---- in the child: async-signal-safe calls only ---------------------------------------------------------------------

[[noreturn]] void fail(int report_fd, SpawnStage stage) {
    const Report report{stage, errno};
    // The pipe is empty and the report smaller than PIPE_BUF: it is written whole or not at all.
    [[maybe_unused]] const ssize_t written = ::write(report_fd, &report, sizeof report);
    ::_exit(127);
}

void reset_signals(int report_fd) {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        action.sa_handler = SIG_DFL;
        ::sigaction(number, &action, nullptr);  // fails for SIGKILL, SIGSTOP and those of libc: nothing to reset there
    }
    sigset_t none;
    ::sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) fail(report_fd, SpawnStage::signals);
}

// A source may sit on another one's target number: first lift all above the targets, then put them in place.
void place_descriptors(Prepared& prepared) {
    const int above = first_target + static_cast<int>(prepared.lifted.size());
    const int report = ::fcntl(prepared.report_fd, F_DUPFD_CLOEXEC, above);
    if (report < 0) fail(prepared.report_fd, SpawnStage::descriptors);
    prepared.report_fd = report;
    for (std::size_t i = 0; i < prepared.lifted.size(); ++i) {
        prepared.lifted[i] = ::fcntl(prepared.request.fds[i], F_DUPFD_CLOEXEC, above);
        if (prepared.lifted[i] < 0) fail(report, SpawnStage::descriptors);
    }
    if (prepared.request.is_silent && ::dup2(prepared.null_fd, 2) < 0) fail(report, SpawnStage::descriptors);
    if (::dup2(prepared.null_fd, 0) < 0 || ::dup2(2, 1) < 0) fail(report, SpawnStage::descriptors);
    for (std::size_t i = 0; i < prepared.lifted.size(); ++i) {
        if (::dup2(prepared.lifted[i], first_target + static_cast<int>(i)) < 0) fail(report, SpawnStage::descriptors);
    }
}

void become(const common::config::Identity& identity, int report_fd) {
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) fail(report_fd, SpawnStage::groups);
    if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) fail(report_fd, SpawnStage::group);
    if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) fail(report_fd, SpawnStage::user);
}

[[noreturn]] void run_child(Prepared& prepared) {
    const SpawnRequest& request = prepared.request;
    if (::setsid() < 0) fail(prepared.report_fd, SpawnStage::session);
    if (request.ends_with_parent && ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(prepared.report_fd, SpawnStage::parent);
    if (request.ends_with_parent && ::getppid() != prepared.parent) ::_exit(1);  // it ended meanwhile
    reset_signals(prepared.report_fd);
    place_descriptors(prepared);
    if (request.open_files && ::setrlimit(RLIMIT_NOFILE, &*request.open_files) != 0)
        fail(prepared.report_fd, SpawnStage::limits);
    if (request.identity) become(*request.identity, prepared.report_fd);
    if (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0)
        fail(prepared.report_fd, SpawnStage::directory);
    ::execve(request.program.c_str(), prepared.argv.data(), prepared.envp.data());
    fail(prepared.report_fd, SpawnStage::exec);
}

// ---- in the parent --------------------------------------------------------------------------------------------------

// The child's report; nothing when exec closed the pipe, or when patience ended.
std::optional<Report> read_report(int fd) {
    pollfd waited{fd, POLLIN, 0};
    int ready = 0;
    do ready = ::poll(&waited, 1, exec_patience_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return std::nullopt;
    Report report{};
    ssize_t got = 0;
    do got = ::read(fd, &report, sizeof report);
    while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof report)) return std::nullopt;
    return report;
}

void reap(pid_t pid) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace

const char* name_of(SpawnStage stage) noexcept {
    switch (stage) {
        case SpawnStage::session: return "new session";
        case SpawnStage::parent: return "end with its parent";
        case SpawnStage::signals: return "reset signals";
        case SpawnStage::descriptors: return "pass descriptors";
        case SpawnStage::limits: return "set open files limit";
        case SpawnStage::groups: return "set supplementary groups";
        case SpawnStage::group: return "set group";
        case SpawnStage::user: return "set user";
        case SpawnStage::directory: return "change directory";
        case SpawnStage::exec: return "exec";
    }
    return "unknown stage";
}

Result<Spawned> spawn(const SpawnRequest& request) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return common::system_error("spawn: pipe");
    UniqueFd reading(ends[0]), writing(ends[1]);
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return common::system_error("spawn: open /dev/null");
    Prepared prepared{request, pointers(request.arguments), pointers(request.environment),
                      std::vector<int>(request.fds.size(), -1), null.get(), writing.get()};

    // No signal handler of the emperor may run in the child before it is reset: block all across the fork.
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    if (pid == 0) run_child(prepared);
    const int fork_errno = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return common::system_error("spawn: fork", fork_errno);

    // Nobody reaped it yet: the number is still this process.
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const int pidfd_errno = errno;
    writing.reset();
    if (!pidfd) {
        ::kill(pid, SIGKILL);
        reap(pid);
        return common::system_error("spawn: pidfd_open", pidfd_errno);
    }
    if (const auto report = read_report(reading.get())) {
        reap(pid);
        std::string context = std::string("spawn: ") + name_of(report->stage);
        if (report->stage == SpawnStage::exec) context += " " + request.program;
        if (report->stage == SpawnStage::directory) context += " " + request.directory;
        return common::system_error(std::move(context), report->number);
    }
    return Spawned{pid, std::move(pidfd)};
}

}  // namespace emperor::process
