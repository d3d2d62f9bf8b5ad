// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/import_check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/exit_status.h"
#include "common/base/unique_fd.h"
#include "common/link/channel.h"
#include "common/link/messages.h"
#include "emperor/process/spawn.h"

extern char** environ;

namespace emperor::ctl {

namespace {

namespace link = common::link;
using Clock = std::chrono::steady_clock;

// The app's exit handlers, which end by themselves after five seconds.
constexpr std::chrono::seconds exit_patience{7};

// What a master inherits from an emperor.
std::vector<std::string> inherited_environment() {
    std::vector<std::string> kept;
    for (char** item = environ; item != nullptr && *item != nullptr; ++item)
        for (const std::string_view name : {"PATH=", "LANG=", "LC_", "TZ=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="})
            if (std::string_view(*item).starts_with(name)) kept.emplace_back(*item);
    return kept;
}

int milliseconds_until(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 24 * 3600 * 1000));
}

bool is_readable(int fd, Clock::time_point deadline) {
    pollfd waited{fd, POLLIN, 0};
    for (;;) {
        const int ready = ::poll(&waited, 1, milliseconds_until(deadline));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

// Nothing: the process ended, or time is over, without a word.
std::optional<ImportOutcome> listen_to(int fd, Clock::time_point deadline) {
    while (is_readable(fd, deadline)) {
        const auto received = link::receive(fd);
        if (!received || received->state == link::ReceiveState::closed) return std::nullopt;
        if (received->state == link::ReceiveState::empty) continue;
        const auto message = link::decode_master_message(received->packet.payload);
        if (!message) continue;
        if (const auto* ready = std::get_if<link::Ready>(&*message)) return ImportOutcome{true, ready->startup_ms, {}, {}, {}};
        if (const auto* failed = std::get_if<link::Failed>(&*message))
            return ImportOutcome{false, 0, failed->step, failed->reason, failed->detail};
    }
    return std::nullopt;
}

// It leads a session of its own; what left that too has fallen to us, its subreaper. Unreaped: the pids are their own.
common::ExitStatus end_all(const process::Spawned& process) {
    ::kill(-process.pid, SIGKILL);
    siginfo_t info{};
    common::ExitStatus status;
    if (::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED) == 0) status = common::ExitStatus::from(info);
    for (int round = 0; round < 100; ++round) {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
        std::ifstream children("/proc/self/task/" + std::to_string(::gettid()) + "/children");
        bool has_any = false;
        for (pid_t pid = 0; children >> pid; has_any = true) ::kill(pid, SIGKILL);
        if (!has_any) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(round < 10 ? 1 : 10));
    }
    return status;
}

// What the app prints is no part of our answer: it goes to standard error.
common::Result<process::Spawned> spawn_beside_our_output(const process::SpawnRequest& request) {
    const common::UniqueFd ours(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    auto spawned = process::spawn(request);
    if (ours) ::dup2(ours.get(), STDOUT_FILENO);
    return spawned;
}

ImportOutcome failure(std::string step, std::string reason) { return {false, 0, std::move(step), std::move(reason), {}}; }

}  // namespace

std::string vassal_program() {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (self.parent_path() / "vassal").string();
}

ImportOutcome import_app(const Importable& app, const std::string& vassal, std::chrono::milliseconds limit) {
    const Clock::time_point deadline = Clock::now() + limit;
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    auto channel = link::make_channel();
    if (!channel) return failure("spawn", channel.error().message());
    link::Start order;
    order.name = app.name;
    order.config = *app.effective->values;
    order.identity = app.identity;
    if (const auto sent = link::send(channel->first.get(), link::encode(link::EmperorMessage(order))); !sent)
        return failure("spawn", sent.error().message());
    process::SpawnRequest request;
    request.program = vassal;
    request.arguments = {"vassal", "--link=3", "--check-import"};
    request.environment = inherited_environment();
    request.directory = "/";
    request.fds = {channel->second.get()};
    if (::geteuid() == 0) request.identity = app.identity;
    const auto process = spawn_beside_our_output(request);
    if (!process) return failure("spawn", process.error().message());
    channel->second.reset();
    std::optional<ImportOutcome> outcome = listen_to(channel->first.get(), deadline);
    const bool is_late = !outcome && Clock::now() >= deadline;
    // Its exit handlers are the app's too; a process that says nothing is not waited for.
    if (outcome) static_cast<void>(is_readable(process->pidfd.get(), Clock::now() + exit_patience));
    const common::ExitStatus status = end_all(*process);
    if (outcome) return *outcome;
    if (is_late) return failure("timeout", "not imported within " + std::to_string(limit.count()) + " ms (timeouts.start)");
    return failure("exit", "the process ended while importing: " + status.text());
}

}  // namespace emperor::ctl
