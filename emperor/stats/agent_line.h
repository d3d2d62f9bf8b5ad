// SPDX-License-Identifier: Apache-2.0
// What HAProxy's agent-check is answered about one vassal: a line of words that say whether new requests may be sent to
// it and how many. Pure. The words, as HAProxy 2.6 takes them (all of them tried, tests/e2e/test_haproxy_agent.py):
//
//     up ready N%     serve; N percent of the configured weight. Both words, always: only `up` ends a `down`, only
//                     `ready` ends a `drain`
//     drain           finish what is under way, nothing new
//     down #REASON    nothing at all, until a later `up`; without the blank before '#' HAProxy ignores the line
//
// | what the vassal does                                        | line            |
// |-------------------------------------------------------------|-----------------|
// | serves (running, reloading, observed, a rejected edit …)    | up ready N%     |
// | sleeps (on_demand): the next request wakes it               | up ready 100%   |
// | stops, or the emperor does                                  | drain           |
// | starts and nothing serves yet                               | down #starting… |
// | stopped, invalid, in backoff, failed, unknown               | down #STATE…    |
//
// A starting vassal is down, not up with little weight: its sockets are open and clients would wait there, but another
// machine can serve them at once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "emperor/supervise/types.h"

namespace emperor::stats {

struct AgentSubject {
    supervise::DisplayState state = supervise::DisplayState::stopped;
    std::string_view reason = {};
    bool is_serving = false;         // the app answers requests now
    bool is_asleep = false;          // a connection starts it
    bool is_shutting_down = false;   // the emperor
    int weight = 0;                  // 0…100
};

// Longest text after '#', in bytes: HAProxy keeps it for `show stat` and its log.
inline constexpr std::size_t max_agent_reason = 160;

// With the line feed.
[[nodiscard]] std::string agent_line(const AgentSubject& subject);
// Where there is no such vassal to speak of.
[[nodiscard]] std::string agent_down(std::string_view reason);

// The name in what a client sent: up to the first CR, LF or ';', without blanks around it. ';' because HAProxy's runtime
// API cannot send a line feed (`agent-send shop;`).
[[nodiscard]] std::string_view agent_name_in(std::string_view received) noexcept;
[[nodiscard]] bool is_agent_name_complete(std::string_view received) noexcept;

}  // namespace emperor::stats
