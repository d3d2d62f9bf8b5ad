// SPDX-License-Identifier: Apache-2.0
#include "vassal/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace vassal {

namespace {

constexpr int usage_error = 2;

constexpr const char* examples = R"(
Examples:
  vassal app.py                                         the callable in ./app.py on http://127.0.0.1:8000/
  vassal --chdir /srv/shop --venv /srv/shop/venv shop.wsgi:application
  vassal --listen http:127.0.0.1:8000 --listen uwsgi:/tmp/shop.sock --workers 4 --threads 2 shop.wsgi
  vassal --dev app.py                                   while you write it: reloads at each save
  vassal --env DEBUG=1 --set timeouts.request=5s 'shop:create_app()'

APP is package.module:callable, path/file.py:callable or module:factory(); the callable defaults to `application`,
then `app`. Ctrl-C finishes the requests that run, a second one ends at once.
Exit codes: 0 stopped, 1 the app or a socket could not be started, 2 bad usage or configuration.
)";

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
    Options options;
    std::vector<std::string> listen, env, python_path, set;
    std::string workers, threads, chdir, venv, access_log;
    bool preload = false;

    CLI::App cli{"Hosts one Python web app (WSGI).", "vassal"};
    cli.footer(examples);
    cli.set_version_flag("--version", "vassal " EMPEROR_VERSION);
    cli.add_option("--listen", listen, "Listen on PROTO:ADDRESS, repeatable (default http:127.0.0.1:8000)")
        ->type_name("PROTO:ADDRESS")
        ->allow_extra_args(false);
    cli.add_option("--workers", workers, "Worker processes: a number or 'auto' (default 1)")->type_name("N");
    cli.add_option("--threads", threads, "Threads of each worker (default 1)")->type_name("N");
    cli.add_option("--chdir", chdir, "Directory to run in (default: this one)")->type_name("DIR");
    cli.add_option("--venv", venv, "Virtual environment of the app")->type_name("DIR");
    cli.add_option("--env", env, "Variable of the app's environment, repeatable; it has no others than the usual")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    cli.add_option("--python-path", python_path, "Directory for sys.path, repeatable")
        ->type_name("DIR")
        ->allow_extra_args(false);
    cli.add_option("--access-log", access_log, "Log each request on standard output: off, text or json (default off)")
        ->type_name("off|text|json");
    cli.add_flag("--preload,!--no-preload", preload, "Import the app once and fork the workers from that process");
    cli.add_flag("--dev", options.is_dev,
                 "For development: reload when the code changes, show tracebacks to clients, log each request");
    cli.add_option("--set", set, "Any configuration key, repeatable: --set timeouts.request=5s")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    cli.add_option("--link", options.link, "Descriptor of the channel to an emperor")->group("");
    cli.add_flag("--check-import", options.only_imports, "With --link: import the app and say how it went")->group("");
    cli.add_option("APP", options.app, "What to host");
    // A word whose time has not come: an answer of its own rather than "unknown option".
    std::string later;
    cli.add_option("--stats", later)->group("");

    try {
        cli.parse(argc, argv);
        if (cli.count("--stats") > 0) throw CLI::ValidationError("--stats", "is not available in this version");
        if (options.link < 0 && options.app.empty()) throw CLI::RequiredError("APP");
        if (options.only_imports && options.link < 0) throw CLI::RequiredError("--link");
        if (options.link >= 0 && !options.app.empty()) throw CLI::ExcludesError("--link", "APP");
    } catch (const CLI::ParseError& error) {
        const int code = cli.exit(error, std::cout, std::cerr);
        return {std::nullopt, code == 0 ? 0 : usage_error};
    }

    auto& settings = options.settings;
    const auto add = [&settings](const std::string& key, const std::string& value) {
        settings.push_back(std::string(key).append("=").append(value));
    };
    if (!options.app.empty()) add("app", options.app);
    for (const auto& address : listen) add("listen", address);
    for (const auto& path : python_path) add("python_path", path);
    for (const auto& variable : env) settings.push_back(std::string("env.").append(variable));
    if (!workers.empty()) add("workers", workers);
    if (!threads.empty()) add("threads", threads);
    add("chdir", chdir.empty() ? "." : chdir);
    if (!venv.empty()) add("venv", venv);
    if (cli.count("--access-log") > 0) add("log.access", access_log);
    if (cli.count("--preload") > 0) add("preload", preload ? "true" : "false");
    const auto names = [&set](std::string_view key) {
        for (const std::string& setting : set)
            if (setting.starts_with(key) && setting.substr(key.size()).starts_with('=')) return true;
        return false;
    };
    if (options.is_dev && !names("autoreload")) add("autoreload", "true");
    if (options.is_dev && cli.count("--access-log") == 0 && !names("log.access")) add("log.access", "text");
    if (listen.empty() && !names("listen")) add("listen", "http:127.0.0.1:8000");
    settings.insert(settings.end(), set.begin(), set.end());
    return {std::move(options), 0};
}

}  // namespace vassal
