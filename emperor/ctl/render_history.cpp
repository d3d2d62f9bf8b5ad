// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/render_history.h"

#include <algorithm>
#include <chrono>

#include "emperor/ctl/render.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

// Event names are an interface, kept as they are in -o json.
std::string words_of(std::string event) {
    std::ranges::replace(event, '_', ' ');
    return harmless(event);
}

Color color_of(const std::string& event) {
    if (event == "running" || event == "reloaded" || event == "recovered" || event == "adopted") return Color::green;
    if (event == "crashed" || event == "invalid" || event == "rolled back" || event.ends_with("failed") ||
        event.starts_with("worker_"))
        return Color::red;
    return Color::yellow;
}

std::string what_of(const Json& event, const Style& style) {
    std::string text = paint(words_of(text_at(event, "event")), color_of(text_at(event, "event")), style.is_colored);
    if (const std::string said = text_at(event, "text"); !said.empty()) text += ": " + harmless(said);
    return text;
}

std::string generation_of(const Json& event) {
    const std::int64_t generation = number_at(event, "generation");
    return generation > 0 ? " (generation " + std::to_string(generation) + ")" : "";
}

// "14 times until 13:40:05.001"
std::string repetition_of(const Json& cause) {
    const std::int64_t count = number_at(cause, "count");
    if (count < 2) return "";
    return " - " + std::to_string(count) + " times, last " + time_text(number_at(cause, "last_us"));
}

std::string advice_for(const Json& why, std::int64_t now_us) {
    const std::string state = text_at(why, "state"), app = harmless(text_at(why, "app"));
    if (const std::int64_t retry = number_at(why, "retry_at_us"); retry > 0)
        return "next attempt in " + span_text(std::chrono::microseconds(std::max<std::int64_t>(0, retry - now_us))) +
               "; a change of its file or `emperorctl start " + app + "` tries at once";
    if (state == "stopped") return "`emperorctl start " + app + "` starts it, unless its file says enabled: false";
    if (state == "invalid") return "mend its file; `emperorctl check` says more";
    if (state == "rolled back" || text_at(why, "last_reload").starts_with("failed"))
        return "the former generation serves; mend what is wrong, then `emperorctl reload " + app + "`";
    return "";
}

}  // namespace

std::string render_event(const Json& event, const Style& style) {
    std::string text = time_text(number_at(event, "time_us")) + " " + harmless(text_at(event, "app")) + " " +
                       what_of(event, style) + generation_of(event) + "\n";
    return text + indented("    ", text_at(event, "detail"));
}

std::string render_why(const Json& why, const Style& style, std::int64_t now_us) {
    const std::string state = text_at(why, "state");
    std::string page = paint(harmless(text_at(why, "app")), Color::bold, style.is_colored) + " is " + harmless(state);
    if (const std::int64_t since = number_at(why, "since_us"); since > 0)
        page += " for " + span_text(std::chrono::microseconds(std::max<std::int64_t>(0, now_us - since)));
    if (const std::string reason = text_at(why, "reason"); !reason.empty()) page += ": " + harmless(reason);
    page += "\n";
    const Json& causes = part_at(why, "causes");
    if (causes.empty()) page += "  nothing is recorded about it\n";
    for (const Json& cause : causes) {
        page += "  " + time_text(number_at(cause, "time_us")) + "  " + what_of(cause, style) + generation_of(cause) +
                repetition_of(cause) + "\n";
        page += indented("      | ", text_at(cause, "detail"));
    }
    if (const Json& log = part_at(why, "log"); !log.empty()) {
        page += "last log lines\n";
        for (const Json& line : log) page += "  " + render_log_line(text_at(why, "app"), line);
    }
    if (const std::string advice = advice_for(why, now_us); !advice.empty()) page += advice + "\n";
    return page;
}

}  // namespace emperor::ctl
