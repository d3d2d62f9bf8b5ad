// SPDX-License-Identifier: Apache-2.0
#include "emperor/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "common/config/host_name.h"
#include "common/net/address.h"
#include "emperor/runtime_dir.h"

namespace emperor {
namespace {

constexpr int usage_error = 2;

constexpr const char* examples = R"(
Examples:
  emperor --vassals /etc/apps.d
  emperor --vassals /etc/apps.d --vassals /srv/tenants --log-format json
  emperor --vassals /etc/apps.d --check          look at every file, start nothing
  emperor --vassals apps.d --runtime-dir /tmp/my-emperor
  emperor --vassals apps.d --http 127.0.0.1:9180 --http-token-file /etc/emperor/token

Signals: SIGTERM and SIGINT stop every app gracefully (a second one: fast), SIGQUIT leaves the apps
running for the next emperor, SIGHUP looks at the directories again, SIGUSR1 reopens log files.
Exit codes: 0 done, 1 failed, 2 usage or invalid configuration.)";

struct CommandLine {
    Options options;
    std::string log_format, log_level;
};

void declare(CLI::App& app, CommandLine& line) {
    app.footer(examples);
    app.set_version_flag("--version", std::string("emperor ") + EMPEROR_VERSION);
    app.add_option("--vassals", line.options.vassals, "directory of YAML files, one per app (may be given several times)")
        ->required()->type_name("DIR");
    app.add_option("--config", line.options.config_file, "emperor-wide settings (YAML)")->type_name("FILE");
    app.add_option("--runtime-dir", line.options.runtime_dir, "sockets and state; default " + RuntimeDir::default_path())
        ->type_name("DIR");
    app.add_option("--stats", line.options.stats, "one more address for the stats of all apps")->type_name("ADDRESS");
    app.add_option("--agent", line.options.agent, "where HAProxy's agent-check is answered")->type_name("ADDRESS");
    app.add_option("--control", line.options.control, "one more control socket (unix)")->type_name("ADDRESS");
    app.add_option("--log-format", line.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
    app.add_option("--log-level", line.log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    app.add_flag("--check", line.options.is_check, "print what is wrong with the files, start nothing; exit 0 or 2");
    app.add_flag("--can-start", line.options.is_trial)->group("");
    app.add_option("--http", line.options.http, "serve the dashboard there, e.g. 127.0.0.1:9180 or a unix socket")
        ->type_name("ADDRESS");
    app.add_option("--http-token-file", line.options.http_token_file,
                   "the dashboard's actions take the token in this file; without it, or $EMPEROR_HTTP_TOKEN, it is read-only")
        ->type_name("FILE");
    app.add_option("--http-host", line.options.http_hosts,
                   "a name under which the dashboard is reached (may be given several times)")
        ->type_name("NAME");
}

int complain(const std::string& message) {
    std::cerr << "emperor: " << message << "\n";
    return usage_error;
}

common::Result<std::string> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return common::system_error("cannot read " + path);
    std::error_code code;
    if (std::filesystem::is_directory(path, code)) return common::failure("cannot read " + path + ": it is a directory");
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

common::log::Level level_of(const std::string& word) {
    if (word == "debug") return common::log::Level::debug;
    if (word == "warn") return common::log::Level::warn;
    return word == "error" ? common::log::Level::error : common::log::Level::info;
}

// The command line wins, then the file, then what is built in.
void merge(CommandLine& line, const EmperorConfig& config) {
    Options& options = line.options;
    if (options.stats.empty()) options.stats = config.stats.value_or("");
    if (options.agent.empty()) options.agent = config.agent.value_or("");
    if (options.control.empty()) options.control = config.control.value_or("");
    if (options.http.empty()) options.http = config.http.value_or("");
    if (options.http_token_file.empty()) options.http_token_file = config.http_token_file.value_or("");
    if (options.http_hosts.empty()) options.http_hosts = config.http_hosts;
    options.admin_group = config.admin_group.value_or("");
    const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
    options.start_parallelism = config.start_parallelism ? static_cast<std::size_t>(*config.start_parallelism)
                                                         : std::max<std::size_t>(4, 2 * processors);
    const std::string format = line.log_format.empty() ? config.log_format.value_or("text") : line.log_format;
    options.log.format = format == "json" ? common::log::Format::json : common::log::Format::text;
    options.log.level = level_of(line.log_level.empty() ? config.log_level.value_or("info") : line.log_level);
    options.log.file = config.log_file.value_or("");
    options.log.color = options.log.file.empty() && ::isatty(STDERR_FILENO) && !::getenv("NO_COLOR");
    if (options.runtime_dir.empty()) options.runtime_dir = RuntimeDir::default_path();
    options.runtime_dir = std::filesystem::absolute(options.runtime_dir).lexically_normal().string();
    while (options.runtime_dir.size() > 1 && options.runtime_dir.ends_with('/')) options.runtime_dir.pop_back();
}

std::optional<std::string> bad_address(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto address = common::net::parse_address(text);
    if (address) return std::nullopt;
    return std::string(option) + " " + text + ": " + address.error().message();
}

// What no Host header would ever be equal to, such as a name with a port. An underscore is in no host name, but in use.
std::optional<std::string> bad_host(const std::string& name) {
    std::string text = name;
    std::ranges::replace(text, '_', 'x');
    const auto problem = common::config::check_host_name(text);
    return problem ? std::optional("--http-host " + name + ": " + *problem) : std::nullopt;
}

}  // namespace

std::variant<Options, int> parse_options(int argc, const char* const* argv) {
    CLI::App app{"emperor: supervises Python web apps, one YAML file each", "emperor"};
    CommandLine line;
    declare(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_error;
    }
    EmperorConfig config;
    if (!line.options.config_file.empty()) {
        const auto text = read_file(line.options.config_file);
        if (!text) return complain(text.error().message());
        const auto parsed = parse_emperor_config(line.options.config_file, *text);
        if (!parsed) {
            std::cerr << parsed.error().message() << (parsed.error().context.ends_with('\n') ? "" : "\n");
            return usage_error;
        }
        config = *parsed;
    }
    merge(line, config);
    if (const auto problem = bad_address("--stats", line.options.stats)) return complain(*problem);
    if (const auto problem = bad_address("--agent", line.options.agent)) return complain(*problem);
    if (const auto problem = bad_address("--http", line.options.http)) return complain(*problem);
    if (const auto problem = bad_address("--control", line.options.control)) return complain(*problem);
    for (const std::string& name : line.options.http_hosts)
        if (const auto problem = bad_host(name)) return complain(*problem);
    return line.options;
}

}  // namespace emperor
