// SPDX-License-Identifier: Apache-2.0
// Structured logging: an event name, then fields. log::info("ready", {{"vassal", name}, {"pid", pid}}).
// Text:  2026-11-22T13:40:00.123Z info  ready vassal=shop pid=4711
// JSON:  {"ts":"2026-11-22T13:40:00.123456Z","level":"info","event":"ready","vassal":"shop","pid":4711}
// Control characters are escaped in both (no log injection). error = someone must act; warn = odd but handled;
// info = one line per lifecycle change; debug = the rest. Single-threaded use.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace common::log {

enum class Level { debug, info, warn, error };
enum class Format { text, json };

struct Field {
    using Value = std::variant<std::string, std::int64_t, double, bool>;

    std::string_view key;
    Value value;

    Field(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
    Field(std::string_view k, const std::string& v) : key(k), value(v) {}
    Field(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
    Field(std::string_view k, bool v) : key(k), value(v) {}
    Field(std::string_view k, double v) : key(k), value(v) {}
    template <std::integral T>
    Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
};
using Fields = std::initializer_list<Field>;

struct Options {
    Format format = Format::text;
    Level level = Level::info;
    std::string file;   // empty: standard error
    bool color = false; // text format on a terminal
};

// The log never waits for whoever reads it (output.h). Lines that found no taker are counted, and named in one line
// ("log lines lost") when lines are taken again.
void configure(const Options& options);
void reopen();  // after rotation of Options::file

// Lines wait for their reader: call drain() again soon. Called from within a write.
void when_waiting(std::function<void()> callback);
// True: some wait still.
bool drain();
[[nodiscard]] std::uint64_t lost_lines() noexcept;  // since the start
// Whether what is written here goes to the systemd journal by itself.
[[nodiscard]] bool is_journal();

void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

// One line of an app: text "… info  shop[2] | Starting", JSON event "app" with vassal, worker, stream, text.
void app_line(std::string_view vassal, int worker, std::string_view stream, std::int64_t time_us, std::string_view text);

// `text` with control characters (and invalid UTF-8) as \n, \t, \x1b… for one-line output; tabs stay when `keeps_tabs`.
[[nodiscard]] std::string escape(std::string_view text, bool keeps_tabs = false);

}  // namespace common::log
