// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "emperor/emperor.h"
#include "emperor/fleet/desired.h"
#include "emperor/plan/plan.h"

namespace emperor {
namespace {

std::string counted(std::size_t count, const std::string& word) {
    return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::size_t errors_in(const common::config::Diagnostics& diagnostics) {
    return static_cast<std::size_t>(std::count_if(diagnostics.begin(), diagnostics.end(), [](const auto& item) {
        return item.severity == common::config::Diagnostic::Severity::error;
    }));
}

void print(const common::config::Diagnostics& diagnostics) {
    const std::string text = common::config::render(diagnostics);
    std::cout << text << (text.empty() || text.ends_with('\n') ? "" : "\n");
}

}  // namespace

int check(const Options& options) {
    watch::Scanner scanner(options.vassals, ::geteuid());
    // Nobody waits for a half-written file here: an empty one is looked at as if it were old.
    const watch::Scan scan = scanner.scan(std::chrono::system_clock::now() + std::chrono::hours(1));
    fleet::DesiredBuilder builder(options.runtime_dir + "/sockets");
    const plan::Desired desired = builder.build(scan);

    std::size_t errors = 0, files_with_errors = 0;
    for (const watch::ScannedDirectory& directory : scan.directories) {
        if (directory.problem.empty()) continue;
        std::cout << directory.path << ": error: " << directory.problem << "\n";
        ++errors;
        ++files_with_errors;
    }
    // Nothing is known: every file is either added, perhaps with warnings, or invalid.
    for (const plan::Action& action : plan::plan(desired, {})) {
        const auto& diagnostics = action.kind == plan::Action::Kind::invalid ? action.diagnostics : action.file->diagnostics;
        print(diagnostics);
        errors += errors_in(diagnostics);
        files_with_errors += errors_in(diagnostics) > 0 ? 1 : 0;
    }
    if (errors > 0) std::cout << counted(errors, "error") << " in " << counted(files_with_errors, "file") << "\n";
    else std::cout << counted(desired.files.size(), "file") << " checked, no errors\n";
    return errors > 0 ? 2 : 0;
}

}  // namespace emperor
