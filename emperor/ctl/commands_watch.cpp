// SPDX-License-Identifier: Apache-2.0
// status --watch: asks again and again. On a terminal it draws in place, on the alternate screen, which is left however it
// ends; elsewhere one table after the other, or one JSON document a line.
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "emperor/ctl/commands.h"
#include "emperor/ctl/watch_page.h"

namespace emperor::ctl {

namespace {

constexpr std::chrono::seconds answer_timeout{3};

volatile std::sig_atomic_t end_signal = 0;
volatile std::sig_atomic_t has_resized = 0;

void on_end(int number) { end_signal = number; }
void on_resize(int) { has_resized = 1; }

// Signals arrive only inside ppoll(), so that none is missed between a look at the flags and the wait.
class Signals {
public:
    Signals() {
        sigset_t caught;
        ::sigemptyset(&caught);
        for (const int number : ends) take(number, on_end, caught);
        take(SIGWINCH, on_resize, caught);
        ::sigprocmask(SIG_BLOCK, &caught, &before_);
    }
    ~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    [[nodiscard]] const sigset_t& outside() const noexcept { return before_; }

private:
    static constexpr std::array<int, 4> ends = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    static void take(int number, void (*handler)(int), sigset_t& caught) {
        struct sigaction action {};
        action.sa_handler = handler;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(number, &action, nullptr);
        ::sigaddset(&caught, number);
    }

    sigset_t before_{};
};

// The alternate screen and single keys, for as long as it lives.
class Screen {
public:
    explicit Screen(std::ostream& out) : out_(out) {
        if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
            termios raw = before_;
            raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
            raw.c_cc[VSUSP] = _POSIX_VDISABLE;
            raw.c_cc[VMIN] = 0;
            raw.c_cc[VTIME] = 0;
            has_keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
        }
        out_ << "\x1b[?1049h\x1b[?25l\x1b[2J" << std::flush;
    }
    ~Screen() {
        out_ << "\x1b[?25h\x1b[?1049l" << std::flush;
        if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void draw(const std::vector<std::string>& lines) {
        std::string page = "\x1b[H";
        for (std::size_t at = 0; at < lines.size(); ++at) page += (at == 0 ? "" : "\r\n") + lines[at] + "\x1b[K";
        out_ << page << "\x1b[J" << std::flush;
    }
    [[nodiscard]] bool has_keys() const noexcept { return has_keys_; }

    static PageSize size() {
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
        return {size.ws_col, size.ws_row};
    }

private:
    std::ostream& out_;
    termios before_{};
    bool has_keys_ = false;
};

std::int64_t epoch_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Until something is typed, a signal arrives, or `deadline`. What was typed.
std::string wait(const Signals& signals, bool has_keys, Deadline deadline) {
    const auto left = std::max(Deadline::duration::zero(), deadline - std::chrono::steady_clock::now());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), std::chrono::duration_cast<std::chrono::nanoseconds>(left - seconds).count()};
    pollfd typed{has_keys ? STDIN_FILENO : -1, POLLIN, 0};
    if (::ppoll(&typed, 1, &timeout, &signals.outside()) <= 0 || (typed.revents & (POLLIN | POLLHUP)) == 0) return {};
    std::array<char, 256> keys;
    const ssize_t size = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (size == 0) return "q";  // the terminal is gone
    return size > 0 ? std::string(keys.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

int watch(const Context& context, const WatchOptions& options) {
    const Json arguments = options.apps.empty() ? Json::object() : Json{{"apps", options.apps}};
    WatchPage page(column_of(options.sort).value_or(Column::name));
    bool has_answer = false;
    const auto look = [&]() -> std::optional<CallError> {
        Answer<Json> answer = ask(context, "status", arguments, answer_timeout);
        if (const auto* error = std::get_if<CallError>(&answer)) {
            page.fail(error->message);
            return *error;
        }
        has_answer = true;
        if (context.output == Output::json && !context.is_terminal)
            context.out << std::get<Json>(answer).dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
        page.take(std::get<Json>(std::move(answer)), epoch_us());
        return std::nullopt;
    };
    // What is wrong from the start (no emperor, no such app) is an error like any other, on the ordinary screen.
    if (const auto error = look()) return report(context, *error);
    const Signals signals;
    std::optional<Screen> screen;
    if (context.is_terminal) screen.emplace(context.out);
    Deadline next = std::chrono::steady_clock::now() + options.interval;
    while (end_signal == 0 && context.out) {
        if (screen) screen->draw(page.lines(Screen::size(), context.style.is_colored));
        else if (context.output != Output::json) context.out << page.plain() << std::endl;
        bool is_due = false;
        while (end_signal == 0 && has_resized == 0 && !is_due) {
            const std::string keys = wait(signals, screen && screen->has_keys(), next);
            if (!page.type(keys, Screen::size())) return exit_with(ExitCode::done);
            if (!keys.empty()) break;
            is_due = std::chrono::steady_clock::now() >= next;
        }
        has_resized = 0;
        if (!is_due) continue;
        static_cast<void>(look());
        next = std::chrono::steady_clock::now() + options.interval;
    }
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
