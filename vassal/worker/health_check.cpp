// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/health_check.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "common/link/channel.h"
#include "vassal/link/signals.h"
#include "vassal/protocol/http.h"
#include "vassal/worker/last_words.h"
#include "vassal/worker/note.h"
#include "vassal/worker/probe_response.h"
#include "vassal/worker/request_ids.h"
#include "vassal/worker/signal_text.h"

#ifndef sigev_notify_thread_id  // glibc 2.36 has the field, but not its name
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace vassal::worker {
namespace {

constexpr int pause_ms = 1000;

std::string seconds_text(common::config::Milliseconds duration) {
    const auto ms = duration.count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string wanted_text(const common::config::StatusRange& range) {
    const std::string from = std::to_string(range.from);
    return range.from == range.to ? from : from + "-" + std::to_string(range.to);
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

// What the handler needs, made before the attempt. Handlers have no argument of ours.
struct Patience {
    const app::Application* application = nullptr;
    int link = -1;
    int worker = 0;
    std::string request;       // "GET /healthz"
    std::string last_message;  // encoded
    std::atomic<bool> is_asked{false};
    std::atomic<int> left{0};     // attempts, the running one included
    std::atomic<int> expired{0};  // of the running one: how many times health.timeout has passed
};
std::atomic<Patience*> patience{nullptr};

void on_time_passed(int, siginfo_t*, void*) noexcept {
    Patience* const mine = patience.load();
    if (mine == nullptr || !mine->is_asked.load()) return;
    const int error = errno;
    if (mine->expired.fetch_add(1) + 1 >= mine->left.load()) {
        SignalText text;
        text.append("emperor: worker ").append_number(mine->worker).append(" (pid ").append_number(::getpid());
        text.append(") does not answer its health check: ").append(mine->request).write_line();
        dump_tracebacks(*mine->application);
        static_cast<void>(::send(mine->link, mine->last_message.data(), mine->last_message.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        ::_exit(1);
    }
    errno = error;
}

// The handler and the timer behind it, while one exists.
class Alarm {
public:
    Alarm(Patience& whose, common::config::Milliseconds interval) {
        patience.store(&whose);
        struct sigaction action {};
        action.sa_sigaction = on_time_passed;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        ::sigfillset(&action.sa_mask);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigdelset(&action.sa_mask, fault);
        ::sigaction(link::health_timeout_signal(), &action, &before_);
        sigset_t mine;
        ::sigemptyset(&mine);
        ::sigaddset(&mine, link::health_timeout_signal());
        ::pthread_sigmask(SIG_UNBLOCK, &mine, nullptr);
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = link::health_timeout_signal();
        event.sigev_notify_thread_id = ::gettid();
        has_timer_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
        interval_.it_value = {.tv_sec = interval.count() / 1000, .tv_nsec = interval.count() % 1000 * 1'000'000};
        interval_.it_interval = interval_.it_value;
    }
    ~Alarm() {
        if (has_timer_) ::timer_delete(timer_);
        std::signal(link::health_timeout_signal(), SIG_IGN);  // an app that blocks it may have let one pend: it would kill
        ::sigaction(link::health_timeout_signal(), &before_, nullptr);
        patience.store(nullptr);
    }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void start() noexcept { set(interval_); }
    void stop() noexcept { set({}); }

private:
    void set(const itimerspec& to) noexcept {
        if (has_timer_) ::timer_settime(timer_, 0, &to, nullptr);
    }
    timer_t timer_{};
    bool has_timer_ = false;  // false: timeouts.start is the only bound
    itimerspec interval_{};
    struct sigaction before_ {};
};

class HealthCheck {
public:
    explicit HealthCheck(Shared& shared)
        : shared_(shared), options_(shared.config.health), request_("GET " + options_.path) {
        const std::vector<std::string>& hosts = shared.config.hosts;
        const std::string host = !options_.host.empty() ? options_.host : hosts.empty() ? "localhost" : hosts.front();
        head_text_ = request_ + " HTTP/1.1\r\nHost: " + host +
                     "\r\nUser-Agent: emperor-health\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    }

    [[nodiscard]] std::optional<link::Failed> run() {
        patience_.application = &shared_.application;
        patience_.link = shared_.options.link;
        patience_.worker = shared_.options.worker;
        patience_.request = request_;
        patience_.last_message = link::encode(link::WorkerMessage(silence()));
        Alarm alarm(patience_, options_.timeout);
        tell("");
        for (int left = options_.attempts;;) {
            auto failed = attempt(left, alarm);
            if (!failed) return std::nullopt;
            left -= std::max(1, patience_.expired.load());
            log_failure(*failed, left);
            if (left <= 0 || !pause()) return failed;
            tell(failed->reason);
        }
    }

private:
    [[nodiscard]] link::Failed story(const std::string& what, std::string detail = {}) const {
        return {"health", request_ + " " + what, std::move(detail)};
    }
    [[nodiscard]] link::Failed silence() const {
        return story("gave no answer within " + seconds_text(options_.timeout), "The traceback is in the log.\n");
    }

    [[nodiscard]] std::optional<link::Failed> attempt(int left, Alarm& alarm) {
        protocol::Head head;
        protocol::HttpScan scan;
        const WorkerListener& listener = shared_.options.listeners.front();
        const protocol::Facts facts{
            .server_name = listener.server_name.empty() ? std::string_view("localhost") : listener.server_name,
            .server_port = listener.server_port,
            .mount = shared_.config.mount,
            .remote_addr = "127.0.0.1",
            .remote_port = "0"};
        const auto decoded = protocol::decode_http(head_text_, scan, {}, facts, head);
        if (decoded.outcome != protocol::Outcome::complete) return story("is no request that this server would take");
        head.params.add("emperor.health_check", "1", protocol::Known::other);
        const app::Request request{.params = head.params.all(),
                                   .method = head.method,
                                   .url_scheme = head.url_scheme,
                                   .listener = 0,
                                   .request_id = ids_.next(),
                                   .body = {}};
        ProbeResponse response;
        patience_.left.store(left);
        patience_.expired.store(0);
        patience_.is_asked.store(true);
        alarm.start();
        shared_.application.serve(request, response);
        alarm.stop();
        patience_.is_asked.store(false);
        if (shared_.is_forked_child.load(std::memory_order_relaxed)) ::_exit(0);  // the app forked and came back here
        return judge(response);
    }

    [[nodiscard]] std::optional<link::Failed> judge(const ProbeResponse& response) const {
        if (patience_.expired.load() > 0) return silence();
        if (!response.exception().empty()) return story("failed: " + response.exception(), response.traceback());
        const std::string wanted = ", wanted " + wanted_text(options_.status);
        if (response.status() == 0 || !response.is_complete()) return story("got no whole answer" + wanted);
        if (response.status() >= options_.status.from && response.status() <= options_.status.to) return std::nullopt;
        return story("answered " + std::to_string(response.status()) + wanted, response.body());
    }

    void log_failure(const link::Failed& failed, int left) const {
        std::string text = "health check of worker " + std::to_string(shared_.options.worker) + ": " + failed.reason;
        // A traceback was logged when it arose.
        if (!failed.detail.empty() && !failed.detail.starts_with("Traceback")) text += ": " + one_line(failed.detail);
        if (left > 0) text += " (" + std::to_string(left) + (left == 1 ? " attempt" : " attempts") + " left)";
        note(text);
    }

    void tell(const std::string& failure) const {
        static_cast<void>(
            common::link::send(shared_.options.link, link::encode(link::WorkerMessage(link::Probing{failure}))));
    }

    // False: the master is gone. Threads of the app may run meanwhile.
    [[nodiscard]] bool pause() const {
        shared_.application.release();
        const std::int64_t until = now_us() + pause_ms * 1000;
        bool is_there = true;
        for (std::int64_t left = until - now_us(); is_there && left > 0; left = until - now_us()) {
            pollfd link{shared_.options.link, 0, 0};  // its end is told in any case
            is_there = ::poll(&link, 1, static_cast<int>(left / 1000 + 1)) <= 0;
        }
        shared_.application.acquire();
        return is_there;
    }

    Shared& shared_;
    const common::config::HealthConfig& options_;
    std::string request_, head_text_;
    RequestIds ids_;
    Patience patience_;
};

}  // namespace

std::optional<link::Failed> check_health(Shared& shared) {
    if (shared.config.health.path.empty()) return std::nullopt;
    return HealthCheck(shared).run();
}

}  // namespace vassal::worker
