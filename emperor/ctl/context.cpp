// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/context.h"

#include "emperor/ctl/text.h"

namespace emperor::ctl {

Answer<Json> ask(const Context& context, const std::string& command, const Json& args,
                 std::chrono::milliseconds otherwise) {
    const Deadline deadline = context.deadline(otherwise);
    Answer<Client> client = Client::connect(context.control_path(), deadline);
    if (const auto* error = std::get_if<CallError>(&client)) return *error;
    return std::get<Client>(client).call(command, args, deadline);
}

int report(const Context& context, const CallError& error) {
    if (context.output == Output::json) {
        const Json document = {
            {"error", {{"code", name_of(error.code)}, {"message", error.message}, {"nearest", error.nearest}}}};
        context.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    }
    context.err << "emperorctl: " << error.message << "\n";
    if (!error.nearest.empty()) {
        context.err << "the nearest names:";
        for (const std::string& name : error.nearest) context.err << " " << harmless(name);
        context.err << "\n";
    }
    return exit_with(error.code);
}

std::string_view name_of(ExitCode code) noexcept {
    switch (code) {
        case ExitCode::done: return "done";
        case ExitCode::failed: return "failed";
        case ExitCode::usage: return "usage";
        case ExitCode::not_running: return "not_running";
        case ExitCode::not_permitted: return "not_permitted";
        case ExitCode::no_such_app: return "no_such_app";
        case ExitCode::timed_out: return "timed_out";
        case ExitCode::not_reachable: return "not_reachable";
    }
    return "failed";
}

int exit_with(ExitCode code) noexcept { return static_cast<int>(code); }

}  // namespace emperor::ctl
