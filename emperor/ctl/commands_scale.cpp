// SPDX-License-Identifier: Apache-2.0
// scale: another number of workers than the file says.
#include <charconv>
#include <thread>

#include "emperor/ctl/commands.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::chrono::milliseconds look_interval{50};

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "4" or "2-8", as the emperor takes it; null: not one of them.
Json workers_of(const std::string& text) {
    const auto dash = text.find('-');
    const auto min = number(std::string_view(text).substr(0, dash));
    if (!min) return nullptr;
    if (dash == std::string::npos) return *min;
    const auto max = number(std::string_view(text).substr(dash + 1));
    if (!max) return nullptr;
    return Json{{"min", *min}, {"max", *max}};
}

struct Count {
    int serving = 0, least = 0, configured = 0;
    bool is_serving = false;
    bool is_scaled = false;  // by an operator, whatever the file says
};

Answer<Count> look(const Context& context, const std::string& app) {
    const Answer<Json> answer = ask(context, "status", {{"apps", {app}}});
    if (const auto* error = std::get_if<CallError>(&answer)) return *error;
    const Json apps = std::get<Json>(answer).value("apps", Json::array());
    if (apps.size() != 1) return CallError{ExitCode::failed, "one app at a time", {}, {}};
    const Json workers = apps.front().value("workers", Json::object());
    return Count{workers.value("serving", 0), workers.value("least", 0), workers.value("configured", 0),
                 apps.front().value("is_serving", false), workers.contains("file")};
}

int least_of(const Json& workers) { return (workers.is_object() ? workers["min"] : workers).get<int>(); }
int most_of(const Json& workers) { return (workers.is_object() ? workers["max"] : workers).get<int>(); }

// What runs has become what was asked for: the emperor answers before the master has taken it.
bool has_become(const Count& count, const Json& workers) {
    if (workers.is_null()) return !count.is_scaled;
    return count.is_scaled && count.least == least_of(workers) && count.configured == most_of(workers);
}

}  // namespace

int scale(const Context& context, const std::string& app, const std::string& workers, bool waits) {
    const Deadline deadline = context.deadline(operation_timeout);
    Json args = {{"app", app}, {"workers", nullptr}};
    if (!workers.empty()) {
        args["workers"] = workers_of(workers);
        if (args["workers"].is_null())
            return report(context, {ExitCode::usage, "'" + workers + "' is neither a number of workers nor a range such as 2-8",
                                    {}, {}});
    }
    const Answer<Json> answer = ask(context, "scale", args);
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const std::string name = std::get<Json>(answer).value("app", app);
    Count count;
    for (;; std::this_thread::sleep_for(look_interval)) {
        const Answer<Count> seen = look(context, name);
        if (const auto* error = std::get_if<CallError>(&seen)) return report(context, *error);
        count = std::get<Count>(seen);
        const bool fits =
            has_become(count, args["workers"]) && count.serving >= count.least && count.serving <= count.configured;
        if (fits || !waits || !count.is_serving) break;
        if (std::chrono::steady_clock::now() >= deadline)
            return report(context, {ExitCode::timed_out,
                                    name + ": " + std::to_string(count.serving) + " workers serve so far; it goes on", {}, {}});
    }
    if (!args["workers"].is_null()) {  // without waiting, what runs may still be what was
        count.least = least_of(args["workers"]);
        count.configured = most_of(args["workers"]);
    }
    const std::string range = count.least < count.configured
                                  ? std::to_string(count.least) + "-" + std::to_string(count.configured)
                                  : std::to_string(count.configured);
    if (context.output == Output::json)
        context.out << Json{{"app", name}, {"least", count.least}, {"most", count.configured}, {"serving", count.serving}}.dump(2)
                    << "\n";
    else if (context.output == Output::name)
        context.out << name << "\n";
    else
        context.out << name << ": " << range << (range == "1" ? " worker" : " workers")
                    << (workers.empty() ? ", as its file says" : ", until its file says another number") << "\n";
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
