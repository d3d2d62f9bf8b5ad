// SPDX-License-Identifier: Apache-2.0
// What the fleet is told at its start, and where its files lie in the runtime directory. Values only.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace emperor::fleet {

struct FleetOptions {
    std::vector<std::string> directories;
    std::string runtime_directory;
    std::string vassal_program;      // absolute path of the `vassal` binary
    std::string keeper_program;      // of the emperor itself, which plays the keeper too; empty: no keeper
    std::size_t start_parallelism = 4;
    common::Duration app_reload_spacing = std::chrono::seconds(10);  // between reloads that an app asks for
    rlimit open_files{};             // the limit that the emperor was started with; children get it back

    [[nodiscard]] std::string sockets_directory() const { return runtime_directory + "/sockets"; }
    [[nodiscard]] std::string by_host_directory() const { return runtime_directory + "/by-host"; }
    [[nodiscard]] std::string vassals_directory() const { return runtime_directory + "/vassals"; }
    [[nodiscard]] std::string orphans_file() const { return vassals_directory() + "/.orphans"; }
    [[nodiscard]] std::string history_directory() const { return runtime_directory + "/history"; }
    [[nodiscard]] std::string history_of(const std::string& name) const { return history_directory() + "/" + name + ".jsonl"; }
    [[nodiscard]] std::string lock_file() const { return runtime_directory + "/emperor.lock"; }
    [[nodiscard]] std::string directory_of(const std::string& name) const { return vassals_directory() + "/" + name; }
};

}  // namespace emperor::fleet
