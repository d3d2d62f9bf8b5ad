// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/last_words.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>

#include "vassal/link/signals.h"
#include "vassal/worker/signal_text.h"

namespace vassal::worker {
namespace {

using common::scoreboard::ThreadSlot;

struct Fatal {
    int number;
    std::string_view name;
};
constexpr std::array<Fatal, 5> fatal{
    {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}}};
constexpr std::size_t stack_size = 64 * 1024;  // pages that no handler touches cost nothing

// Handlers have no argument of ours.
std::atomic<const Shared*> guarded{nullptr};
std::array<struct sigaction, fatal.size()> before;
thread_local sigjmp_buf* way_out = nullptr;
thread_local const ResponseSink* own_sink = nullptr;

bool is_in_request(const ThreadSlot& slot) noexcept {
    return slot.request_started_us.load(std::memory_order_relaxed) != 0;
}

void say_words(const Shared& shared, std::string_view signal) noexcept {
    const auto& slots = shared.options.slot->thread;
    const auto own_id = static_cast<std::int32_t>(::gettid());
    const auto all = std::span(slots).first(static_cast<std::size_t>(shared.threads));
    const auto own = std::ranges::find_if(
        all, [&](const ThreadSlot& slot) { return slot.thread_id.load(std::memory_order_relaxed) == own_id; });
    SignalText text;
    text.append("emperor: ").append(signal).append(" in worker ").append_number(shared.options.worker);
    text.append(" (pid ").append_number(::getpid()).append(")");
    if (shared.is_forked_child.load(std::memory_order_relaxed)) text.append(", in a process that the app forked");
    if (own == all.end()) {
        text.append(", in a thread of the app");
    } else if (is_in_request(*own)) {
        text.append(", in request ").append_escaped(own_sink != nullptr ? own_sink->request_id() : "");
        text.append(" ").append_escaped(request_line(*own));
    }
    text.write_line();
    if (shared.is_forked_child.load(std::memory_order_relaxed)) return;
    for (auto slot = all.begin(); slot != all.end(); ++slot) {
        if (slot == own || !is_in_request(*slot)) continue;
        SignalText other;
        other.append("emperor: it was also in ").append_escaped(request_line(*slot)).write_line();
    }
}

// The signal is blocked until this returns: the raise() of whoever is called here takes effect then.
void die(int number, siginfo_t* info, void* context) noexcept {
    if (sigjmp_buf* const target = way_out; target != nullptr) {
        way_out = nullptr;
        ::siglongjmp(*target, 1);
    }
    const auto which = std::ranges::find(fatal, number, &Fatal::number);
    if (const Shared* const shared = guarded.load(std::memory_order_acquire)) say_words(*shared, which->name);
    const struct sigaction& former = before[static_cast<std::size_t>(which - fatal.begin())];
    if ((former.sa_flags & SA_SIGINFO) != 0) return former.sa_sigaction(number, info, context);
    if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) return former.sa_handler(number);
    std::signal(number, SIG_DFL);
    static_cast<void>(::raise(number));
}

}  // namespace

std::string_view request_line(const ThreadSlot& slot) noexcept {
    const std::size_t size = slot.request_line_length.load(std::memory_order_relaxed);
    return {slot.request_line.data(), std::min(size, slot.request_line.size())};
}

LastWords::LastWords(Shared& shared) noexcept {
    guarded.store(&shared, std::memory_order_release);
    struct sigaction action {};
    action.sa_sigaction = die;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    for (std::size_t i = 0; i < fatal.size(); ++i) ::sigaction(fatal[i].number, &action, &before[i]);
}

LastWords::~LastWords() {
    for (std::size_t i = 0; i < fatal.size(); ++i) ::sigaction(fatal[i].number, &before[i], nullptr);
    guarded.store(nullptr, std::memory_order_release);
}

SignalStack::SignalStack(const ResponseSink& sink) noexcept
    : memory_(::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    own_sink = &sink;
    if (memory_ != MAP_FAILED) {
        const stack_t stack{.ss_sp = memory_, .ss_flags = 0, .ss_size = stack_size};
        ::sigaltstack(&stack, nullptr);
    }
    // Threads beside the main one are started with every signal blocked; a fault that is blocked kills in silence.
    sigset_t mine;
    ::sigemptyset(&mine);
    for (const Fatal& each : fatal) ::sigaddset(&mine, each.number);
    ::sigaddset(&mine, link::request_timeout_signal());
    ::sigaddset(&mine, link::slow_request_signal());
    ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr);
}

SignalStack::~SignalStack() {
    own_sink = nullptr;
    if (memory_ == MAP_FAILED) return;
    const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, stack_size);
}

void dump_tracebacks(const app::Application& application) noexcept {
    sigjmp_buf here;
    if (::sigsetjmp(here, 1) == 0) {
        way_out = &here;
        application.dump_tracebacks(STDERR_FILENO);
    }
    way_out = nullptr;
}

void dump_own_traceback(const app::Application& application, int fd) noexcept {
    sigjmp_buf here;
    if (::sigsetjmp(here, 1) == 0) {
        way_out = &here;
        application.dump_own_traceback(fd);
    }
    way_out = nullptr;
}

}  // namespace vassal::worker
