// SPDX-License-Identifier: Apache-2.0
#include "common/config/environment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <map>
#include <string_view>

#include "common/config/bounded_file.h"
#include "common/config/env_file.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace common::config {

namespace {

constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string resolved(const std::string& path) {
    std::string buffer(PATH_MAX, '\0');
    return ::realpath(path.c_str(), buffer.data()) != nullptr ? std::string(buffer.c_str()) : path;
}

bool can_enter(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && ::eaccess(path.c_str(), X_OK) == 0;
}

bool is_inherited(std::string_view name) {
    return name == "PATH" || name == "LANG" || name == "LANGUAGE" || name == "TZ" || name.starts_with("LC_");
}

using Variables = std::map<std::string, std::string>;

Variables inherited() {
    Variables variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos && is_inherited(text.substr(0, equals)))
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    if (!variables.contains("PATH") || variables["PATH"].empty()) variables.insert_or_assign("PATH", default_path);
    // A service manager sets no locale; the C locale would make ASCII of what an app's subprocesses read and write.
    if (!variables.contains("LANG") && !variables.contains("LC_ALL")) variables.emplace("LANG", "C.UTF-8");
    return variables;
}

}  // namespace

std::string working_directory(const VassalConfig& config, const Identity& identity) {
    if (!config.chdir.empty()) return resolved(config.chdir);
    return !identity.home.empty() && can_enter(identity.home) ? identity.home : "/";
}

Result<std::vector<std::string>> build_environment(const VassalConfig& config, const Identity& identity) {
    Variables variables = inherited();
    variables.insert_or_assign("HOME", identity.home.empty() ? std::string("/") : identity.home);
    const std::string user = identity.user.empty() ? std::to_string(identity.uid) : identity.user;
    variables["USER"] = user;
    variables["LOGNAME"] = user;
    variables.emplace("PYTHONUNBUFFERED", "1");
    if (!config.venv.empty()) {
        const std::string venv = resolved(config.venv);
        variables["VIRTUAL_ENV"] = venv;
        variables["PATH"] = venv + "/bin:" + variables["PATH"];
    }
    for (const std::string& file : config.env_file) {
        const auto text = read_small_file(file);
        if (!text) return text.error();
        if (auto parsed = parse_env_file(file, *text, variables); !parsed) return parsed.error();
    }
    for (const auto& [name, value] : config.env) variables.insert_or_assign(name, value);
    std::vector<std::string> environment;
    environment.reserve(variables.size());
    for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
    return environment;
}

}  // namespace common::config
