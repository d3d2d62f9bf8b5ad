// SPDX-License-Identifier: Apache-2.0
#include "common/log/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/log/text.h"

namespace common::log {
namespace {

// The one mutable global of the program: a log that every room would have to be handed is a log that nobody writes.
struct State {
    Options options;
    std::unique_ptr<spdlog::logger> logger;
};

State& state() {
    static State instance;
    return instance;
}

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// Opens the sink; a file that cannot be opened is reported on standard error, which then takes its place.
void open_sink(State& current) {
    std::optional<std::string> problem;
    spdlog::sink_ptr sink;
    if (!current.options.file.empty()) {
        try {
            spdlog::file_event_handlers handlers;  // spdlog opens without CLOEXEC
            handlers.after_open = [](const spdlog::filename_t&, std::FILE* file) {
                (void)::fcntl(::fileno(file), F_SETFD, FD_CLOEXEC);
            };
            sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(current.options.file, false, handlers);
        } catch (const std::exception& error) {
            problem = error.what();
        }
    }
    if (!sink) sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    current.logger = std::make_unique<spdlog::logger>("emperor", std::move(sink));
    current.logger->set_pattern("%v");
    current.logger->set_level(spdlog::level::trace);
    current.logger->flush_on(spdlog::level::trace);
    // A full disk or a closed pipe must neither end the program nor be reported for ever.
    current.logger->set_error_handler([](const std::string&) {});
    if (problem) error("log file cannot be opened", {{"file", current.options.file}, {"reason", *problem}});
}

void emit(const std::string& line) {
    State& current = state();
    if (!current.logger) open_sink(current);
    current.logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void configure(const Options& options) {
    state().options = options;
    open_sink(state());
}

void reopen() {
    if (!state().options.file.empty()) open_sink(state());
}

void write(Level level, std::string_view event, Fields fields) {
    const Options& options = state().options;
    if (level < options.level) return;
    emit(options.format == Format::json ? json_line(now_us(), level, event, fields)
                                        : text_line(now_us(), level, event, fields, options.color));
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
