// SPDX-License-Identifier: Apache-2.0
// emperor: options, limits, runtime directory, then the event loop.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <fstream>

#include "common/log/log.h"
#include "emperor/emperor.h"
#include "emperor/keeper/keeper.h"
#include "emperor/keeper/wire.h"

namespace {

// Some descriptors per vassal add up: as many as the system gives. The former limit is what children get back.
rlimit raise_open_files() {
    rlimit before{};
    if (::getrlimit(RLIMIT_NOFILE, &before) != 0) return {1024, 4096};
    rlim_t most = 0;
    std::ifstream("/proc/sys/fs/nr_open") >> most;
    rlimit raised{before.rlim_max, before.rlim_max};
    if (most > 0 && most > before.rlim_max) raised = {std::min<rlim_t>(most, 1u << 20), most};
    if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) {  // not root: up to the hard limit
        raised = {before.rlim_max, before.rlim_max};
        (void)::setrlimit(RLIMIT_NOFILE, &raised);
    }
    return before;
}

// A document of a thousand apps takes megabytes for a moment. Left to itself the allocator would learn from the first one to keep
// as much for ever (mallopt(3): M_MMAP_THRESHOLD is dynamic).
void return_memory() {
    constexpr int large = 256 * 1024;
    ::mallopt(M_MMAP_THRESHOLD, large);
    ::mallopt(M_TRIM_THRESHOLD, large);
}

// 0: this program could take the place of the running emperor.
int try_out() {
    const std::string vassal = emperor::vassal_program();
    if (::access(vassal.c_str(), X_OK) == 0) return 0;
    common::log::error("cannot take over", {{"reason", common::system_error("execute " + vassal).message()}});
    return 1;
}

int run(const emperor::Options& options, std::vector<std::string> arguments) {
    common::log::configure(options.log);
    if (options.is_trial) return try_out();
    return_memory();
    // logrotate and others do not know whether signals are handled already: sent before that, they would end us.
    for (const int number : {SIGHUP, SIGUSR1}) ::signal(number, SIG_IGN);
    auto runtime_dir = emperor::RuntimeDir::open(options.runtime_dir);
    if (!runtime_dir) {
        common::log::error("cannot start", {{"reason", runtime_dir.error().message()}});
        return 1;
    }
    emperor::Emperor emperor(options, std::move(*runtime_dir), raise_open_files(), std::move(arguments));
    return emperor.run();
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022);
    // Not an option: what the emperor starts beside itself (emperor/keeper).
    if (argc == 3 && std::string_view(argv[1]) == "--keeper")
        return emperor::keeper::run(argv[2], common::UniqueFd(emperor::keeper::link_fd));
    try {
        const auto parsed = emperor::parse_options(argc, argv);
        if (const int* code = std::get_if<int>(&parsed)) return *code;
        const auto& options = std::get<emperor::Options>(parsed);
        return options.is_check ? emperor::check(options) : run(options, {argv, argv + argc});
    } catch (const std::exception& error) {
        common::log::error("ended by a defect", {{"reason", error.what()}});
        return 1;
    }
}
