// SPDX-License-Identifier: Apache-2.0
// start, stop, restart, reload, rollback: ask, wait for the outcome, and say why when it is not what was wanted.
#include <thread>

#include "emperor/ctl/commands.h"
#include "emperor/ctl/render.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::chrono::seconds upgrade_timeout{60};

std::string past_tense(const std::string& verb) {
    if (verb == "stop") return "stopped";
    if (verb == "rollback") return "rolled back";
    return verb + "ed";
}

void print_outcomes(const Context& context, const std::string& verb, const Json& result) {
    for (const Json& outcome : result.value("outcomes", Json::array())) {
        const std::string app = outcome.value("app", "");
        if (!outcome.value("ok", false)) context.err << render_failure(verb, outcome);
        else if (context.output == Output::name) context.out << app << "\n";
        else if (context.output != Output::json) {
            const std::string note = outcome.value("note", "");
            context.out << app << ": " << past_tense(verb) << (note.empty() ? "" : " (" + note + ")") << "\n";
        }
    }
    for (const Json& app : result.value("accepted", Json::array())) {
        if (context.output == Output::name) context.out << app.get<std::string>() << "\n";
        else if (context.output != Output::json) context.out << app.get<std::string>() << ": " << verb << " requested\n";
    }
    const bool is_nobody_meant =
        result.value("outcomes", Json::array()).empty() && result.value("accepted", Json::array()).empty();
    if (is_nobody_meant && context.output != Output::json)
        context.err << "nothing to " << verb << ": what matches was stopped; `emperorctl start` brings it back\n";
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

// Waits until the other program answers, which opens the control socket anew, and knows all apps.
int upgrade(const Context& context) {
    const Deadline deadline = context.deadline(upgrade_timeout);
    const Answer<Json> asked = ask(context, "upgrade", Json::object(), upgrade_timeout);
    if (const auto* error = std::get_if<CallError>(&asked)) return report(context, *error);
    const auto& before = std::get<Json>(asked);
    while (std::chrono::steady_clock::now() < deadline) {
        const Answer<Json> answer = ask(context, "version", Json::object(), std::chrono::seconds(1));
        const auto* now = std::get_if<Json>(&answer);
        const bool is_the_other = now != nullptr && now->value("started_us", 0ll) != before.value("started_us", 0ll);
        if (is_the_other && now->value("has_scanned", true)) {
            if (context.output == Output::json)
                context.out << Json{{"before", before}, {"now", *now}}.dump(2) << "\n";
            else
                context.out << "emperor: upgraded from " << before.value("version", "?") << " to "
                            << now->value("version", "?") << " (pid " << now->value("pid", 0) << ")\n";
            return exit_with(ExitCode::done);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return report(context, {ExitCode::timed_out, "the new program does not answer yet; see the emperor's log", {}, {}});
}

}  // namespace emperor::ctl
