// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "common/config/access_format.h"
#include "common/link/channel.h"
#include "vassal/link/worker_messages.h"
#include "vassal/worker/expiry.h"
#include "vassal/worker/fork_guard.h"
#include "vassal/worker/health_check.h"
#include "vassal/worker/open_files.h"
#include "vassal/worker/orphan_guard.h"
#include "vassal/worker/serving_thread.h"
#include "vassal/worker/shared.h"
#include "vassal/worker/slow_sample.h"
#include "vassal/worker/worker_host.h"

namespace vassal::worker {
namespace {

std::optional<common::access::Format> access_format_of(const WorkerOptions& options) {
    if (options.access_rings == nullptr) return std::nullopt;
    auto format = common::config::access_format(options.config->log);
    return format ? std::optional(std::move(*format)) : std::nullopt;  // the master has the same one
}

constexpr int exit_done = 0;
constexpr int exit_failed = 1;  // could not start, or a drain left requests behind

std::vector<int> descriptors(const WorkerOptions& options) {
    std::vector<int> fds;
    for (const WorkerListener& listener : options.listeners) fds.push_back(listener.fd);
    return fds;
}

void tell(int link, const link::WorkerMessage& message) {
    // A master that does not read is a master that is gone: the end of the link follows.
    static_cast<void>(common::link::send(link, link::encode(message)));
}

int fail(int link, std::string step, std::string reason) {
    tell(link, link::Failed{std::move(step), std::move(reason), {}});
    return exit_failed;
}

// Accepted TCP sockets inherit it. On a unix socket the call fails, and nothing is lost.
void send_without_delay(const WorkerOptions& options) noexcept {
    const int on = 1;
    for (const WorkerListener& listener : options.listeners) {
        static_cast<void>(::setsockopt(listener.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    }
}

// The threads beside the main one. Signals are the main thread's: Python handles them there.
class Crew {
public:
    explicit Crew(Shared& shared) : shared_(shared) {}

    [[nodiscard]] bool start() {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        int error = 0;
        members_.reserve(static_cast<std::size_t>(shared_.threads));
        for (int i = 1; i < shared_.threads && error == 0; ++i) {
            Member& member = members_.emplace_back(Member{&shared_, static_cast<std::size_t>(i), {}});
            error = ::pthread_create(&member.thread, nullptr, &Crew::main, &member);
            if (error != 0) members_.pop_back();
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return error == 0;
    }

    // False: one is stuck in the app. It ends with the process.
    [[nodiscard]] bool join(std::int64_t deadline_us) {
        return std::ranges::count_if(members_, [&](const Member& member) { return !join(member.thread, deadline_us); }) == 0;
    }

private:
    struct Member {
        Shared* shared;
        std::size_t index;
        pthread_t thread;
    };

#ifdef __SANITIZE_THREAD__  // its runtime (GCC 12) knows no join by the monotonic clock, and takes the thread for leaked
    static bool join(pthread_t thread, std::int64_t deadline_us) {
        timespec until{};
        ::clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += std::max<std::int64_t>(deadline_us - now_us(), 0) / 1'000'000 + 1;
        return ::pthread_timedjoin_np(thread, nullptr, &until) == 0;
    }
#else
    static bool join(pthread_t thread, std::int64_t deadline_us) {
        const timespec until{.tv_sec = deadline_us / 1'000'000, .tv_nsec = deadline_us % 1'000'000 * 1000};
        return ::pthread_clockjoin_np(thread, nullptr, CLOCK_MONOTONIC, &until) == 0;
    }
#endif

    static void* main(void* argument) {
        const Member& member = *static_cast<Member*>(argument);
        Shared& shared = *member.shared;
        shared.application.enter_thread();
        ServingThread(shared, member.index).run();
        shared.application.leave_thread();
        return nullptr;
    }

    Shared& shared_;
    std::vector<Member> members_;  // reserved: a running thread points at its entry
};

// What the threads need as long as one of them may run.
struct Run {
    Run(const WorkerOptions& options, app::Application& application, protocol::TrustedProxies trusted)
        : shared(options, application, std::move(trusted)), host(shared), crew(shared) {}
    Shared shared;
    WorkerHost host;
    Crew crew;
};

int serve_and_join(std::unique_ptr<Run> run, bool is_crew_complete) {
    Shared& shared = run->shared;
    const ForkGuard guard(shared);
    const LastWords last_words(shared);
    const ExpirySignal expiry;
    const OrphanGuard orphan_guard(shared.options.link, shared.config.timeouts.drain + shared.config.timeouts.kill);
    const SlowSignal slow(shared);
    std::optional<link::Failed> unhealthy;
    if (is_crew_complete) {
        shared.application.attach(&run->host);
        unhealthy = check_health(shared);
        if (unhealthy) {
            tell(shared.options.link, *unhealthy);
            shared.gate.finish();
        } else {
            tell(shared.options.link, link::Ready{});
            ServingThread(shared, 0).run();
        }
    } else {
        shared.gate.finish();
    }
    // The main thread keeps the interpreter lock when it returns. A drain's deadline bounds what the other threads
    // still do; after Stop the master's patience is timeouts.kill.
    const std::int64_t drained = shared.gate.drain_deadline_us();
    const std::int64_t patience = Shared::after(now_us(), shared.config.timeouts.kill);
    const int left = shared.gate.open();
    const bool was_draining = shared.gate.is_draining();
    shared.application.release();
    const bool is_joined = run->crew.join(was_draining ? std::max(drained, now_us() + 100'000) : patience);
    shared.application.acquire();
    shared.application.attach(nullptr);
    if (!is_joined) static_cast<void>(run.release());  // a stuck thread still uses it; the process ends now
    if (!is_crew_complete || unhealthy) return exit_failed;
    return was_draining && left > 0 ? exit_failed : exit_done;
}

}  // namespace

Shared::Shared(const WorkerOptions& worker_options, app::Application& the_application, protocol::TrustedProxies proxies)
    : options(worker_options),
      config(*worker_options.config),
      application(the_application),
      trusted(std::move(proxies)),
      limits{.header_size = config.limits.header_size,
             .headers = config.limits.headers,
             .body = config.limits.body,
             .connections = config.limits.connections},
      threads(std::clamp(config.threads, 1, common::scoreboard::max_threads)),
      access_format(access_format_of(worker_options)),
      gate(reactor, descriptors(worker_options), config.limits.connections, config.timeouts.drain.count() * 1000,
           config.timeouts.keepalive.count() * 1000) {}

Shared::~Shared() {
    connections.for_each([](Connection& connection) {
        if (connection.fd >= 0) ::close(connection.fd);
    });
}

int run_worker(const WorkerOptions& options, app::Application& application) {
    std::signal(SIGPIPE, SIG_IGN);  // sendfile() cannot be told
    auto trusted = protocol::TrustedProxies::parse(options.config->trusted_proxies);
    if (trusted.has_error()) return fail(options.link, "listen", trusted.error().message());
    auto run = std::make_unique<Run>(options, application, std::move(*trusted));
    if (auto opened = run->shared.reactor.open(options.link, run->shared.threads > 1); opened.has_error()) {
        return fail(options.link, "listen", opened.error().message());
    }
    send_without_delay(options);
    allow_connections(options.config->limits.connections);
    application.enter_thread();
    const bool is_crew_complete = run->crew.start();
    if (!is_crew_complete) static_cast<void>(fail(options.link, "threads", "a thread could not be created"));
    return serve_and_join(std::move(run), is_crew_complete);
}

}  // namespace vassal::worker
