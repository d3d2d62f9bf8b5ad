// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/generation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "common/config/environment.h"

namespace vassal::master {

namespace {

// What does not exist stays as it is written: Python ignores such entries, and the venv was checked before.
std::string resolved(const std::string& path) {
    if (path.empty()) return path;
    char buffer[PATH_MAX];
    return ::realpath(path.c_str(), buffer) != nullptr ? std::string(buffer) : path;
}

}  // namespace

common::Result<void> prepare(Generation& generation) {
    const auto& config = generation.config;
    auto environment = common::config::build_environment(config, generation.identity);
    if (!environment) return environment.error();
    generation.environment = std::move(*environment);
    if (config.umask) ::umask(static_cast<mode_t>(*config.umask));
    const std::string directory = common::config::working_directory(config, generation.identity);
    if (::chdir(directory.c_str()) != 0) return common::system_error("enter the directory " + directory);
    generation.venv = resolved(config.venv);
    generation.python_path.clear();
    for (const std::string& path : config.python_path) generation.python_path.push_back(resolved(path));
    auto site = files::Site::open(config.static_files);
    if (!site) return site.error();
    generation.site = std::move(*site);
    return {};
}

}  // namespace vassal::master
