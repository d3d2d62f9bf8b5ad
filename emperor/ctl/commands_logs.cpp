// SPDX-License-Identifier: Apache-2.0
// logs, reopen-logs.
#include <memory>

#include "emperor/ctl/commands.h"
#include "emperor/ctl/fields.h"
#include "emperor/ctl/pattern.h"
#include "emperor/ctl/render_log.h"
#include "emperor/ctl/since.h"
#include "emperor/ctl/stream.h"

namespace emperor::ctl {

namespace {

constexpr std::size_t kept_lines = 200;     // of an app, by the emperor
constexpr std::size_t all = 1'000'000;
constexpr std::size_t default_lines = 50;
constexpr std::size_t compared_text = 900;  // the list has the first 1000 bytes of a line, what follows all of it

Item item_of(const Json& line) {
    return {text_at(line, "app"), number_at(line, "time_us"),
            text_at(line, "stream") + " " + std::to_string(number_at(line, "worker")) + " " +
                text_at(line, "text").substr(0, compared_text)};
}

}  // namespace

int logs(const Context& context, const LogsOptions& options) {
    const std::unique_ptr<Pattern> pattern = options.grep.empty() ? nullptr : std::make_unique<Pattern>(options.grep);
    const auto limit = options.lines ? static_cast<std::size_t>(*options.lines) : options.since.empty() ? default_lines : all;
    Stream stream{.command = "logs", .list_key = "lines", .item_key = "line", .limit = limit, .kept = kept_lines,
                  .follows = options.follows, .item_of = item_of};
    if (!options.apps.empty()) stream.arguments["apps"] = options.apps;
    // What does not match is left out here: a bound for the emperor would count it.
    stream.arguments["lines"] = pattern ? all : limit;
    stream.arguments["follow"] = options.follows;
    if (const auto since = parse_since(options.since, context.now_us)) stream.arguments["since_us"] = *since;
    stream.is_wanted = [&](const Json& line) { return !pattern || pattern->matches(text_at(line, "text")); };
    stream.show = [&](const Json& line) {
        if (context.output == Output::json) context.out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
        else context.out << render_log_line(text_at(line, "app"), line, context.style.is_colored);
    };
    return run_stream(context, stream);
}

int reopen_logs(const Context& context, const std::vector<std::string>& apps) {
    const Answer<Json> answer = ask(context, "reopen_logs", apps.empty() ? Json::object() : Json{{"apps", apps}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    if (context.output == Output::json) context.out << result.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    else if (context.output == Output::name)
        for (const Json& app : part_at(result, "apps")) context.out << app.get<std::string>() << "\n";
    else
        context.out << "log files reopened: " << part_at(result, "apps").size() << " apps"
                    << (is_true(result, "emperor") ? ", and the emperor's own" : "") << "\n";
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
