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
    context.err << "emperorctl: " << error.message << "\n";
    if (!error.nearest.empty()) {
        context.err << "the nearest names:";
        for (const std::string& name : error.nearest) context.err << " " << harmless(name);
        context.err << "\n";
    }
    return exit_with(error.code);
}

int exit_with(ExitCode code) noexcept { return static_cast<int>(code); }

}  // namespace emperor::ctl
