// SPDX-License-Identifier: Apache-2.0
// events, why: what happened.
#include "emperor/ctl/commands.h"
#include "emperor/ctl/fields.h"
#include "emperor/ctl/render_history.h"
#include "emperor/ctl/since.h"
#include "emperor/ctl/stream.h"

namespace emperor::ctl {

namespace {

std::string dump(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

constexpr std::size_t kept_events = 100;  // of an app, by the emperor
constexpr std::size_t all = 1'000'000;
constexpr std::size_t default_events = 50;

Item item_of(const Json& event) {
    return {text_at(event, "app"), number_at(event, "time_us"),
            std::to_string(number_at(event, "generation")) + " " + text_at(event, "event") + " " + text_at(event, "text")};
}

}  // namespace

int events(const Context& context, const EventsOptions& options) {
    const auto limit = options.lines ? static_cast<std::size_t>(*options.lines) : options.since.empty() ? default_events : all;
    Stream stream{.command = "events", .list_key = "events", .item_key = "event", .limit = limit, .kept = kept_events,
                  .follows = options.follows, .item_of = item_of};
    if (!options.apps.empty()) stream.arguments["apps"] = options.apps;
    stream.arguments["lines"] = limit;
    stream.arguments["follow"] = options.follows;
    if (const auto since = parse_since(options.since, context.now_us)) stream.arguments["since_us"] = *since;
    stream.is_wanted = [](const Json&) { return true; };
    stream.show = [&](const Json& event) {
        context.out << (context.output == Output::json ? dump(event, -1) : render_event(event, context.style));
    };
    return run_stream(context, stream);
}

int why(const Context& context, const std::string& app) {
    const Answer<Json> answer = ask(context, "why", {{"app", app}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    context.out << (context.output == Output::json ? dump(result, 2)
                                                   : render_why(result, context.style, context.now_us));
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
