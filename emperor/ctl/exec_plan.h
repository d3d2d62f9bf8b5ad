// SPDX-License-Identifier: Apache-2.0
// Which program `emperorctl exec APP -- COMMAND…` runs, decided as a person in the app's directory would expect it:
// PATH of the app (its venv first); a script of the directory by name ("manage.py"), run by the app's Python when it
// cannot run by itself; "python" is the app's Python. Pure but for the question whether a file is there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace emperor::ctl {

enum class FileKind { missing, plain, executable };

struct ExecPlace {
    std::vector<std::string> environment;  // KEY=value
    std::string directory;
    std::string venv;  // empty: none
    std::function<FileKind(const std::string&)> look;
};

// argv with an absolute argv[0] to execute.
[[nodiscard]] common::Result<std::vector<std::string>> plan_exec(const std::vector<std::string>& command,
                                                                 const ExecPlace& place);

}  // namespace emperor::ctl
