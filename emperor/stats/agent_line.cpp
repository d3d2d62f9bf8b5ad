// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/agent_line.h"

#include <algorithm>

namespace emperor::stats {

namespace {

constexpr std::string_view terminators = "\r\n;";

// One line of printable ASCII: whatever an exception's text or a client's name holds.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (line.size() == max_agent_reason) break;
        const bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (is_blank && (line.empty() || line.back() == ' ')) continue;
        line += is_blank ? ' ' : c > ' ' && c <= '~' ? c : '?';
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

std::string down_because(const AgentSubject& subject) {
    std::string reason(supervise::name_of(subject.state));
    if (!subject.reason.empty()) reason.append(": ").append(subject.reason);
    return agent_down(reason);
}

}  // namespace

std::string agent_down(std::string_view reason) { return "down #" + one_line(reason) + "\n"; }

std::string agent_line(const AgentSubject& subject) {
    using supervise::DisplayState;
    if (subject.is_shutting_down) return "drain\n";
    if (subject.is_asleep) return "up ready 100%\n";
    // 0% would be a drain under another name; what serves gets at least the odd request.
    if (subject.is_serving) return "up ready " + std::to_string(std::clamp(subject.weight, 1, 100)) + "%\n";
    switch (subject.state) {
        case DisplayState::stopping: return "drain\n";
        case DisplayState::running:
        case DisplayState::starting:
        case DisplayState::reloading:
        case DisplayState::observing:
        case DisplayState::rolled_back:
        case DisplayState::stopped:
        case DisplayState::sleeping:
        case DisplayState::backoff:
        case DisplayState::failed:
        case DisplayState::invalid: break;
    }
    return down_because(subject);
}

std::string_view agent_name_in(std::string_view received) noexcept {
    std::string_view name = received.substr(0, received.find_first_of(terminators));
    while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    return name;
}

bool is_agent_name_complete(std::string_view received) noexcept {
    return received.find_first_of(terminators) != std::string_view::npos;
}

}  // namespace emperor::stats
