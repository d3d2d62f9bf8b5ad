// SPDX-License-Identifier: Apache-2.0
// start, stop, restart, reload: ask, wait for the outcome, and say why when it is not what was wanted.
#include "emperor/ctl/commands.h"
#include "emperor/ctl/render.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

std::string past_tense(const std::string& verb) {
    if (verb == "stop") return "stopped";
    return verb + "ed";
}

void print_outcomes(const Context& context, const std::string& verb, const Json& result) {
    for (const Json& outcome : result.value("outcomes", Json::array())) {
        const std::string app = outcome.value("app", "");
        if (!outcome.value("ok", false)) context.err << render_failure(verb, outcome);
        else if (context.output == Output::name) context.out << app << "\n";
        else if (context.output != Output::json) context.out << app << ": " << past_tense(verb) << "\n";
    }
    for (const Json& app : result.value("accepted", Json::array())) {
        if (context.output == Output::name) context.out << app.get<std::string>() << "\n";
        else if (context.output != Output::json) context.out << app.get<std::string>() << ": " << verb << " requested\n";
    }
    if (context.output == Output::json)
        context.out << result.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

int operate(const Context& context, const std::string& verb, const std::vector<std::string>& apps, bool waits) {
    const Answer<Json> answer = ask(context, verb, {{"apps", apps}, {"wait", waits}}, operation_timeout);
    if (const auto* result = std::get_if<Json>(&answer)) {
        print_outcomes(context, verb, *result);
        return exit_with(ExitCode::done);
    }
    const auto& error = std::get<CallError>(answer);
    if (error.result.is_object()) {
        print_outcomes(context, verb, error.result);
        return exit_with(error.code);
    }
    const int code = report(context, error);
    if (error.code == ExitCode::timed_out)
        context.err << "the " << verb << " goes on; see `emperorctl status`\n";
    return code;
}

}  // namespace emperor::ctl
