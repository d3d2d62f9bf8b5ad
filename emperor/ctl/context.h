// SPDX-License-Identifier: Apache-2.0
// What every command of emperorctl has at hand: the global options, where to write, and the way to the emperor. Built
// once in run() (cli.h) and borrowed by the command for the length of its call.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "emperor/ctl/client.h"
#include "emperor/ctl/table.h"

namespace emperor::ctl {

enum class Output { table, wide, json, name };

struct Context {
    std::ostream& out;
    std::ostream& err;
    std::string runtime_dir;
    Output output = Output::table;
    std::optional<std::chrono::milliseconds> timeout;  // --timeout
    Style style;              // of `out`
    bool is_terminal = false; // `out` is one: lines of an app are made harmless
    std::int64_t now_us = 0;  // epoch

    [[nodiscard]] std::string control_path() const { return runtime_dir + "/control.sock"; }
    [[nodiscard]] Deadline deadline(std::chrono::milliseconds otherwise) const {
        return std::chrono::steady_clock::now() + timeout.value_or(otherwise);
    }
};

// How long a command waits unless --timeout says otherwise.
inline constexpr std::chrono::seconds query_timeout{10};
inline constexpr std::chrono::minutes operation_timeout{5};

// Connects and asks once.
[[nodiscard]] Answer<Json> ask(const Context& context, const std::string& command, const Json& args,
                               std::chrono::milliseconds otherwise = query_timeout);

// Says what went wrong, with the nearest names, and returns what to exit with. With -o json `out` gets it too, as
// {"error": {"code", "message", "nearest"}}, so that whoever reads JSON always gets a document.
int report(const Context& context, const CallError& error);

[[nodiscard]] std::string_view name_of(ExitCode code) noexcept;
int exit_with(ExitCode code) noexcept;

}  // namespace emperor::ctl
