// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/slow_sample.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "vassal/link/signals.h"
#include "vassal/worker/last_words.h"
#include "vassal/worker/signal_text.h"

namespace vassal::worker {
namespace {

constexpr std::size_t line_size = 4000;  // one write, whole in a pipe beside other threads' lines

using Line = BasicSignalText<line_size>;

thread_local SlowSample* mine = nullptr;

// Where the stack is written to and read from again: a handler has no other place for a text of that size. One at a time.
std::atomic<int> stack_file{-1};
std::atomic<bool> is_file_in_use{false};

void append_seconds(Line& line, std::int64_t us) noexcept {
    const std::int64_t hundredths = us / 10'000;
    line.append_number(hundredths / 100).append(".");
    if (hundredths % 100 < 10) line.append("0");
    line.append_number(hundredths % 100).append(" s");
}

// CPython's   File "/srv/shop/views.py", line 12 in query   as   /srv/shop/views.py:12 in query
bool append_frame(Line& line, std::string_view text) noexcept {
    constexpr std::string_view begin = "  File \"", middle = "\", line ";
    const std::size_t file_end = text.find(middle);
    if (!text.starts_with(begin) || file_end == std::string_view::npos) return false;
    line.append(text.substr(begin.size(), file_end - begin.size())).append(":").append(text.substr(file_end + middle.size()));
    return true;
}

void append_stack(Line& line, std::string_view text) noexcept {
    constexpr std::size_t reserve = 256;  // for a frame of usual length
    std::string_view separator = ": ";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (line.room() < reserve) return static_cast<void>(line.append(" < ..."));
        line.append(text.starts_with("  File") ? separator : "");
        if (append_frame(line, text.substr(0, end))) separator = " < ";
        text.remove_prefix(std::min(text.size(), end + 1));
    }
}

}  // namespace

SlowSample::SlowSample(Shared& shared, common::scoreboard::ThreadSlot& slot, const ResponseSink& sink) noexcept
    : shared_(shared), slot_(slot), sink_(sink) {
    mine = this;
}

SlowSample::~SlowSample() { mine = nullptr; }

void SlowSample::handle(int, siginfo_t* info, void*) noexcept {
    const int error = errno;
    if (mine != nullptr) mine->take(info->si_value.sival_int);
    errno = error;
}

void SlowSample::take(int value) noexcept {
    const std::uint64_t started = slot_.request_started_us.load(std::memory_order_relaxed);
    const std::int64_t now = now_us();
    // The request may have ended, and the next one begun, since the master looked; or it waits for its client by now.
    if (started == 0 || started > static_cast<std::uint64_t>(now) || sink_.is_expired() || was_taken() ||
        link::timeout_value(slot_.request_sequence.load(std::memory_order_relaxed)) != value ||
        shared_.is_forked_child.load(std::memory_order_relaxed)) {
        return;
    }
    was_taken_.store(true, std::memory_order_relaxed);
    Line line;
    line.append("emperor: slow request ").append_escaped(sink_.request_id());
    line.append(" ").append_escaped(request_line(slot_)).append(" runs for ");
    append_seconds(line, now - static_cast<std::int64_t>(started));
    line.append(" in worker ").append_number(shared_.options.worker).append(" (pid ").append_number(::getpid()).append(")");
    const int file = stack_file.load();
    if (file >= 0 && !is_file_in_use.exchange(true)) {
        std::array<char, 2 * line_size> text;
        if (::ftruncate(file, 0) == 0 && ::lseek(file, 0, SEEK_SET) == 0) {
            dump_own_traceback(shared_.application, file);
            const ssize_t size = ::pread(file, text.data(), text.size(), 0);
            if (size > 0) append_stack(line, {text.data(), static_cast<std::size_t>(size)});
        }
        is_file_in_use.store(false);
    }
    line.write_line();
}

void SlowSample::tell_end(std::string_view request_id, int status, std::int64_t busy_us) noexcept {
    was_taken_.store(false, std::memory_order_relaxed);
    Line line;
    line.append("emperor: slow request ").append_escaped(request_id);
    line.append(" ").append_escaped(request_line(slot_)).append(" took ");
    append_seconds(line, busy_us);
    line.append(", status ").append_number(status).write_line();
}

SlowSignal::SlowSignal(const Shared& shared) noexcept {
    if (shared.config.log.slow.count() > 0) stack_file.store(::memfd_create("stack", MFD_CLOEXEC));
    struct sigaction action {};
    action.sa_sigaction = &SlowSample::handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigfillset(&action.sa_mask);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigdelset(&action.sa_mask, fault);
    ::sigaction(link::slow_request_signal(), &action, nullptr);
}

SlowSignal::~SlowSignal() {
    // A last one may be on its way, and what was there before may be the end of the process.
    std::signal(link::slow_request_signal(), SIG_IGN);
    if (const int file = stack_file.exchange(-1); file >= 0) ::close(file);
}

}  // namespace vassal::worker
