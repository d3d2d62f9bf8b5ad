// SPDX-License-Identifier: Apache-2.0
// events, why: what happened.
#include "emperor/ctl/commands.h"
#include "emperor/ctl/render_history.h"

namespace emperor::ctl {

namespace {

std::string dump(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int events(const Context& context, const EventsOptions& options) {
    const Deadline deadline = context.deadline(query_timeout);
    Answer<Client> connected = Client::connect(context.control_path(), deadline);
    if (const auto* error = std::get_if<CallError>(&connected)) return report(context, *error);
    auto& client = std::get<Client>(connected);
    Json arguments = {{"lines", options.lines}, {"follow", options.follows}};
    if (!options.apps.empty()) arguments["apps"] = options.apps;
    const Answer<Json> answer = client.call("events", arguments, deadline);
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto write = [&](const Json& event) {
        context.out << (context.output == Output::json ? dump(event, -1) : render_event(event, context.style));
    };
    for (const Json& event : std::get<Json>(answer).value("events", Json::array())) write(event);
    context.out.flush();
    while (options.follows && context.out) {
        const Answer<Json> next = client.next(Deadline::max());
        if (const auto* error = std::get_if<CallError>(&next)) return report(context, *error);
        const auto& message = std::get<Json>(next);
        if (const auto event = message.find("event"); event != message.end()) write(*event);
        context.out.flush();
    }
    return exit_with(ExitCode::done);
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
