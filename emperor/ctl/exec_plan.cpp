// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/exec_plan.h"

#include <sstream>
#include <string_view>

namespace emperor::ctl {

namespace {

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
    for (const std::string& entry : environment)
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
    return "";
}

std::string interpreter(const ExecPlace& place) {
    return place.venv.empty() ? "/usr/bin/python3" : place.venv + "/bin/python";
}

std::vector<std::string> with_program(std::vector<std::string> program, const std::vector<std::string>& command) {
    program.insert(program.end(), command.begin() + 1, command.end());
    return program;
}

// The command names a file: run it, by the app's Python when it is a script without the right to run.
common::Result<std::vector<std::string>> plan_file(const std::string& path, const std::vector<std::string>& command,
                                                   const ExecPlace& place) {
    const FileKind kind = place.look(path);
    if (kind == FileKind::executable) return with_program({path}, command);
    if (kind == FileKind::missing) return common::failure("no such file: " + path);
    if (path.ends_with(".py")) return with_program({interpreter(place), path}, command);
    return common::failure("not executable: " + path);
}

}  // namespace

common::Result<std::vector<std::string>> plan_exec(const std::vector<std::string>& command, const ExecPlace& place) {
    if (command.empty() || command.front().empty()) return common::failure("no command was given");
    const std::string& name = command.front();
    if (name.find('/') != std::string::npos)
        return plan_file(name.front() == '/' ? name : place.directory + "/" + name, command, place);
    const bool is_python = name == "python" || name == "python3";
    // The Python that serves the app, not another one that PATH happens to find.
    if (is_python && place.venv.empty()) return with_program({interpreter(place)}, command);
    std::istringstream folders(variable(place.environment, "PATH"));
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (folder.empty()) continue;
        const std::string path = (folder.front() == '/' ? folder : place.directory + "/" + folder) + "/" + name;
        if (place.look(path) == FileKind::executable) return with_program({path}, command);
    }
    if (is_python) return with_program({interpreter(place)}, command);
    if (name.ends_with(".py") && place.look(place.directory + "/" + name) != FileKind::missing)
        return with_program({interpreter(place), name}, command);
    return common::failure("command not found: " + name + " (neither on the app's PATH nor a script in " +
                           place.directory + ")");
}

}  // namespace emperor::ctl
