// SPDX-License-Identifier: Apache-2.0
// One line of the control socket as a value: {"id":1,"command":"reload","args":{"app":"mysite"}}. Pure; never throws on
// input. Unknown commands, unknown arguments and wrong types are answered, not guessed at.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "emperor/fleet/fleet_api.h"

namespace emperor::control {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t max_line_size = 64 * 1024;

enum class Command {
    status, show, start, stop, restart, reload, logs, config, exec_context, version, rescan, upgrade, why,
    events, rollback, scale, diff, reopen_logs
};
[[nodiscard]] std::string_view name_of(Command command) noexcept;

enum class ErrorCode { bad_request, unknown_command, no_such_app, not_permitted, failed, busy };
[[nodiscard]] std::string_view name_of(ErrorCode code) noexcept;

struct Request {
    Json id;  // an integer or a string, echoed in every answer; null when none was given
    Command command = Command::version;
    std::vector<std::string> apps;  // names and globs, from "app" or "apps"
    bool waits = true;              // "wait": answer when the outcome is known
    bool follows = false;           // "follow": logs or events go on
    std::int64_t lines = 50;        // "lines" of the log; how many events
    std::int64_t since_us = 0;      // "since_us" of logs and events: no older ones; epoch
    // "workers" of scale: a number or {"min","max"}; null or left out: what the file says.
    std::optional<fleet::WorkersRange> workers;
    // "text" of diff: a vassal file that is not deployed; "defaults" likewise.
    std::optional<std::string> text, defaults;
    std::string file;  // of diff: what messages call that file; empty: as if it were deployed
};

struct RequestError {
    Json id;
    ErrorCode code = ErrorCode::bad_request;
    std::string message;
    std::vector<std::string> nearest;  // of no_such_app: up to three names
};

[[nodiscard]] std::variant<Request, RequestError> decode_request(std::string_view line);

// Lines ready to be sent, newline included. Invalid UTF-8 (an app's own bytes) becomes U+FFFD.
[[nodiscard]] std::string encode_result(const Json& id, const Json& result);
[[nodiscard]] std::string encode_error(const RequestError& error);
// An operation that failed for some app: the error, and the outcomes of all of them.
[[nodiscard]] std::string encode_failure(const RequestError& error, const Json& result);
[[nodiscard]] std::string encode_log_line(const Json& id, const Json& line);
[[nodiscard]] std::string encode_event(const Json& id, const Json& event);

}  // namespace emperor::control
