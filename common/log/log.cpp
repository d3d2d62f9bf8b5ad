// SPDX-License-Identifier: Apache-2.0
#include "common/log/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "common/log/output.h"
#include "common/log/text.h"

namespace common::log {
namespace {

// The one mutable global of the program: a log that every room would have to be handed is a log that nobody writes.
struct State {
    Options options;
    std::optional<Output> output;
    std::function<void()> when_waiting;
    std::uint64_t lost = 0, told = 0;
};

State& state() {
    static State instance;
    return instance;
}

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// Opens the output; a file that cannot be opened is reported on standard error, which then takes its place. Non-blocking, because
// it may be a FIFO or a terminal (/dev/stdout): one that nobody reads must hold up neither this nor a write.
void open_output(State& current) {
    current.output.reset();
    if (current.options.file.empty()) return void(current.output.emplace(STDERR_FILENO));
    UniqueFd file(::open(current.options.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
    if (file) return void(current.output.emplace(std::move(file)));
    const std::string problem = std::error_code(errno, std::generic_category()).message();
    current.output.emplace(STDERR_FILENO);
    error("log file cannot be opened", {{"file", current.options.file}, {"reason", problem}});
}

std::string line_of(Level level, std::string_view event, Fields fields) {
    const Options& options = state().options;
    return options.format == Format::json ? json_line(now_us(), level, event, fields)
                                          : text_line(now_us(), level, event, fields, options.color);
}

bool is_taken(State& current, std::string line) {
    line += '\n';
    return current.output->write(line);
}

void tell_losses(State& current) {
    const std::uint64_t news = current.lost - current.told;
    if (news > 0 && is_taken(current, line_of(Level::warn, "log lines lost", {{"lines", news}}))) current.told = current.lost;
}

void emit(std::string line) {
    State& current = state();
    if (!current.output) open_output(current);
    const bool waited = current.output->has_backlog();
    // What was lost is told when all that was kept is out, before what comes next.
    current.output->drain();
    if (current.lost > current.told && !current.output->has_backlog()) tell_losses(current);
    if (!is_taken(current, std::move(line))) ++current.lost;
    if (!waited && current.output->has_backlog() && current.when_waiting) current.when_waiting();
}

}  // namespace

void configure(const Options& options) {
    state().options = options;
    open_output(state());
}

void reopen() {
    if (!state().options.file.empty()) open_output(state());
}

void when_waiting(std::function<void()> callback) { state().when_waiting = std::move(callback); }

bool drain() {
    State& current = state();
    if (!current.output) return false;
    current.output->drain();
    if (!current.output->has_backlog() && current.lost > current.told) tell_losses(current);
    return current.output->has_backlog();
}

std::uint64_t lost_lines() noexcept { return state().lost; }

bool is_journal() {
    const char* stream = ::getenv("JOURNAL_STREAM");
    State& current = state();
    if (!current.output) open_output(current);
    return stream != nullptr && current.output->is_journal_stream(stream);
}

void write(Level level, std::string_view event, Fields fields) {
    const Options& options = state().options;
    if (level < options.level) return;
    emit(line_of(level, event, fields));
}

void app_line(std::string_view vassal, int worker, std::string_view stream, std::int64_t time_us, std::string_view text) {
    const Options& options = state().options;
    if (Level::info < options.level) return;
    if (options.format == Format::json) {
        emit(json_line(time_us, Level::info, "app",
                       {{"vassal", vassal}, {"worker", worker}, {"stream", stream}, {"text", text}}));
    } else {
        emit(text_app_line(time_us, vassal, worker, text, options.color));
    }
}

}  // namespace common::log
