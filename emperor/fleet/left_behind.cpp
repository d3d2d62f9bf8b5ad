// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/left_behind.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "common/log/log.h"
#include "emperor/fleet/orphan_record.h"
#include "emperor/process/child.h"
#include "emperor/process/orphans.h"

namespace emperor::fleet {

namespace log = common::log;
using common::Result;

namespace {

// Empty: fit to be used. Nothing there is fit too.
std::string unfit(const std::string& path, bool is_directory) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? "" : common::system_error("look at " + path).message();
    if (is_directory ? !S_ISDIR(found.st_mode) : !S_ISREG(found.st_mode))
        return path + " is not a " + (is_directory ? "directory" : "file");
    if (found.st_uid != ::geteuid())
        return path + " belongs to uid " + std::to_string(found.st_uid) + ", not to the emperor";
    if ((found.st_mode & 022) != 0) return path + " is writable by others";
    return "";
}

// The record; an error where it, or what it lies in, is not to be trusted.
Result<std::vector<RecordedInstance>> trusted_record(const std::string& directory) {
    for (const auto& problem : {unfit(directory, true), unfit(directory + "/record.json", false)}) {
        if (!problem.empty()) return common::failure(problem);
    }
    return read_record(directory);
}

}  // namespace

std::vector<std::string> recorded_names(const FleetOptions& options) {
    std::vector<std::string> names;
    std::error_code code;
    for (std::filesystem::directory_iterator item(options.vassals_directory(), code), end; !code && item != end;
         item.increment(code)) {
        std::string name = item->path().filename().string();
        if (!name.starts_with('.')) names.push_back(std::move(name));  // the orphans' file
    }
    return names;
}

std::string why_foreign(const std::string& directory) {
    const auto record = trusted_record(directory);
    return record ? "" : record.error().message();
}

LeftBehind find_left_behind(const FleetOptions& options) {
    LeftBehind found;
    const std::string program = std::filesystem::path(options.vassal_program).filename().string();
    for (const std::string& name : recorded_names(options)) {
        const std::string directory = options.directory_of(name);
        auto record = trusted_record(directory);
        if (!record) {
            log::error("record not understood",
                       {{"vassal", name}, {"reason", record.error().message()}, {"action", "left alone"}});
            found.foreign.emplace(name, record.error().message());
            continue;
        }
        AdoptableVassal vassal{name, {}};
        for (RecordedInstance& instance : *record) {
            if (process::open_process(instance.pid, instance.start_ticks)) {
                vassal.instances.push_back(std::move(instance));
                continue;
            }
            log::info("former master is gone", {{"vassal", name}, {"pid", instance.pid}});
            if (process::has_orphan_that_runs(program, instance.pid))
                found.gone.push_back({instance.pid, instance.deployment->spec->drain_timeout});
        }
        if (vassal.instances.empty()) remove_record(directory);
        else found.vassals.push_back(std::move(vassal));
    }
    for (const RecordedOrphans& orphans : read_orphans(options.orphans_file())) {
        if (process::has_orphan_that_runs(program, orphans.leader)) found.gone.push_back({orphans.leader, orphans.patience});
    }
    return found;
}

}  // namespace emperor::fleet
