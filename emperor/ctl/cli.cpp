// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>

#include "common/base/nearest.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/pattern.h"
#include "emperor/ctl/since.h"
#include "emperor/ctl/text.h"
#include "emperor/ctl/watch_page.h"

namespace emperor::ctl {

namespace {

struct Choices {
    std::string runtime_dir;
    std::string output = "table";
    std::string timeout;
    std::string color = "auto";
    std::vector<std::string> apps;
    std::string app;
    std::vector<std::string> command;
    std::vector<std::string> paths;
    std::string key;
    std::string workers;
    LogsOptions logs;
    EventsOptions events;
    DiffOptions diff;
    NginxOptions nginx;
    WatchOptions watch;
    std::string interval;
    bool is_watch = false;
    bool is_import = false;
    bool is_reset = false;
    bool is_no_wait = false;
    bool is_markdown = false;
};

using Action = std::function<int(const Context&)>;

CLI::App* add(CLI::App& cli, const std::string& name, const std::string& summary, const std::string& examples) {
    CLI::App* command = cli.add_subcommand(name, summary);
    command->footer("Examples:\n" + examples);
    command->fallthrough();
    return command;
}

// What logs and events have in common.
void add_stream(CLI::App& command, std::optional<int>& lines, bool& follows, std::string& since, const std::string& what) {
    command.add_option("-n,--lines", lines, "How many " + what + "; default: 50, with --since all")
        ->check(CLI::Range(0, 1'000'000));
    command.add_flag("-f,--follow", follows, "Go on with what comes from now on, also over a restart or upgrade of the emperor");
    command
        .add_option("--since", since,
                    "Nothing older: a span (10m, 2h, 3d) or a time (13:40, 2026-11-22, "
                    "'2026-11-22 13:40:05', ending in Z for UTC)")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return parse_since(text, 0)
                       ? std::string()
                       : "'" + text + "' is neither a span such as 10m nor a time such as '2026-11-22 13:40'";
        });
}

void add_queries(CLI::App& cli, Choices& choices, std::map<const CLI::App*, Action>& actions) {
    CLI::App* command = add(cli, "status", "One row per app; exit 3 when a named app does not serve",
                            "  emperorctl status\n  emperorctl status shop 'blog*'\n  emperorctl -o json status\n"
                            "  emperorctl status --watch --sort queue     (q quits, < and > choose the column, R reverses)");
    command->add_option("APP", choices.apps, "Names or globs; default: all");
    CLI::Option* watches =
        command->add_flag("--watch", choices.is_watch,
                          "Look again and again: busy workers, queue, requests in flight; on a terminal in place");
    command->add_option("--sort", choices.watch.sort, "By which column")
        ->needs(watches)
        ->check(CLI::IsMember(column_names()))
        ->capture_default_str();
    command->add_option("--interval", choices.interval, "How often, e.g. 500ms, 2s (default: 2s)")
        ->needs(watches)
        ->check([](const std::string& text) {
            const auto span = parse_span(text);
            return span && *span >= std::chrono::milliseconds(100)
                       ? std::string()
                       : "'" + text + "' is not a span of time of at least 100ms";
        });
    actions[command] = [&choices](const Context& context) {
        if (!choices.is_watch) return status(context, choices.apps);
        choices.watch.apps = choices.apps;
        if (!choices.interval.empty()) choices.watch.interval = parse_span(choices.interval).value();
        return watch(context, choices.watch);
    };

    command = add(cli, "show", "Everything about one app, on one page", "  emperorctl show shop");
    command->add_option("APP", choices.app, "The app")->required();
    actions[command] = [&choices](const Context& context) { return show(context, choices.app); };

    command = add(cli, "logs", "The last lines of the output of apps, merged in the order of time",
                  "  emperorctl logs shop\n  emperorctl logs shop 'blog*' -n 200 -f\n"
                  "  emperorctl logs --since 10m --grep 'Error|Traceback'\n"
                  "  emperorctl -o json logs shop > shop.jsonl");
    command->add_option("APP", choices.logs.apps, "Names or globs; default: all");
    add_stream(*command, choices.logs.lines, choices.logs.follows, choices.logs.since,
               "lines (the emperor keeps 200 of each app)");
    command->add_option("--grep", choices.logs.grep, "Only lines that match this extended regular expression, as grep -E has it")
        ->type_name("RE")
        ->check([](const std::string& text) { return Pattern::problem_of(text); });
    actions[command] = [&choices](const Context& context) { return logs(context, choices.logs); };

    command = add(cli, "why", "How an app came to be as it is: who changed or ordered what, what failed and how, with times",
                  "  emperorctl why shop\n  emperorctl -o json why shop");
    command->add_option("APP", choices.app, "The app")->required();
    actions[command] = [&choices](const Context& context) { return why(context, choices.app); };

    command = add(cli, "events",
                  "What happened to apps: starts, reloads, crashes, edits, orders; also before the emperor's last restart",
                  "  emperorctl events\n  emperorctl events -f 'blog*' shop\n"
                  "  emperorctl -o json events -n 1000 > events.jsonl");
    command->add_option("APP", choices.events.apps, "Names or globs; default: all");
    add_stream(*command, choices.events.lines, choices.events.follows, choices.events.since,
               "events (the emperor keeps 100 of each app)");
    actions[command] = [&choices](const Context& context) { return events(context, choices.events); };

    command = add(cli, "config", "The effective values of an app, and where each comes from",
                  "  emperorctl config shop\n  emperorctl -o json config shop");
    command->add_option("APP", choices.app, "The app")->required();
    actions[command] = [&choices](const Context& context) { return config(context, choices.app); };

    command = add(cli, "diff",
                  "What a rescan would do and what each change takes, before it is done; exit 2 when a file is invalid",
                  "  emperorctl diff\n  emperorctl diff shop\n"
                  "  emperorctl diff --against ./apps.d      (before it is deployed)\n"
                  "  emperorctl -o json diff --against shop.yaml");
    command->add_option("APP", choices.diff.apps, "Names or globs; default: all");
    command
        ->add_option("--against", choices.diff.against,
                     "Compare what runs with these files or this directory, which need not be deployed")
        ->type_name("PATH");
    command->add_flag("--reveal", choices.diff.reveals, "Show also values of `env` that look like secrets");
    actions[command] = [&choices](const Context& context) { return diff(context, choices.diff); };

    command = add(cli, "version", "The version of this program and of the emperor", "  emperorctl version");
    actions[command] = version;
}

void add_nginx(CLI::App& cli, Choices& choices, std::map<const CLI::App*, Action>& actions) {
    CLI::App* group = add(cli, "nginx", "Configuration for nginx in front of the apps", "  emperorctl nginx print");
    group->require_subcommand(1);
    CLI::App* command =
        add(*group, "print", "An upstream for each app and a server block for its hosts, also over several machines",
            "  emperorctl nginx print > /etc/nginx/conf.d/emperor-apps.conf && nginx -t\n"
            "  emperorctl nginx print shop 'blog*' --listen 127.0.0.1:8080\n"
            "  emperorctl nginx print shop --box 10.0.0.1:9117 --box 10.0.0.2:9117");
    command->add_option("APP", choices.nginx.apps, "Names or globs; default: all");
    command
        ->add_option("--box", choices.nginx.boxes,
                     "Stats address of an emperor, a path or HOST:PORT; several: weights over all of them. "
                     "Default: this emperor's")
        ->type_name("ADDRESS")
        ->allow_extra_args(false);
    command->add_option("--listen", choices.nginx.listen, "What server blocks listen on (default: 80 and [::]:80)")
        ->type_name("ADDRESS")->allow_extra_args(false);
    actions[command] = [&choices](const Context& context) { return nginx_print(context, choices.nginx); };
}

void add_operations(CLI::App& cli, Choices& choices, std::map<const CLI::App*, Action>& actions) {
    const std::pair<std::string, std::string> verbs[] = {
        {"start", "Start apps that were stopped; ends a backoff"},
        {"stop", "Stop apps and keep them stopped until `start`"},
        {"restart", "Stop, then start; clients wait in the queue meanwhile"},
        {"reload", "Start a successor, prove it, then replace the running one: no request is lost"},
        {"rollback", "Return to the configuration that served before; the file is left alone, until it changes or `reload`"}};
    for (const auto& [verb, summary] : verbs) {
        CLI::App* command = add(cli, verb, summary,
                                "  emperorctl " + verb + " shop\n  emperorctl " + verb +
                                    " 'blog*' crm\n  emperorctl --timeout 30s " + verb + " shop");
        command->add_option("APP", choices.apps, "Names or globs")->required();
        command->add_flag("--no-wait", choices.is_no_wait, "Do not wait for the outcome");
        actions[command] = [&choices, name = verb](const Context& context) {
            return operate(context, name, choices.apps, !choices.is_no_wait);
        };
    }
    CLI::App* command =
        add(cli, "scale", "Change an app's number of workers in place, until its file says another number",
            "  emperorctl scale shop 8\n  emperorctl scale shop 2-8\n"
            "  emperorctl scale shop --reset     (what the file says)");
    command->add_option("APP", choices.app, "The app")->required();
    CLI::Option* workers = command->add_option("WORKERS", choices.workers, "A number, or a range MIN-MAX");
    CLI::Option* reset = command->add_flag("--reset", choices.is_reset, "Back to what the file says")->excludes(workers);
    command->add_flag("--no-wait", choices.is_no_wait, "Do not wait until so many serve");
    command->callback([reset, &choices] {
        if (choices.workers.empty() && reset->count() == 0) throw CLI::RequiredError("WORKERS or --reset");
    });
    actions[command] = [&choices](const Context& context) {
        return scale(context, choices.app, choices.workers, !choices.is_no_wait);
    };

    command = add(cli, "exec", "Run a command as the app's user, in its directory, venv and environment",
                            "  emperorctl exec shop -- manage.py migrate\n  emperorctl exec shop -- python -m pip list");
    command->add_option("APP", choices.app, "The app")->required();
    command->add_option("COMMAND", choices.command, "The command, after --")->required();
    actions[command] = [&choices](const Context& context) { return exec(context, choices.app, choices.command); };

    command = add(cli, "reopen-logs", "Open log files anew, after something else has moved them (logrotate)",
                  "  emperorctl reopen-logs        (the emperor's own, and every app's log.file)\n  emperorctl reopen-logs shop");
    command->add_option("APP", choices.apps, "Names or globs; default: all, and the emperor's own log file");
    actions[command] = [&choices](const Context& context) { return reopen_logs(context, choices.apps); };

    command = add(cli, "upgrade", "Execute the emperor's program anew, in place: the same pid, and no app is disturbed",
                  "  emperorctl upgrade            (after the new version was installed)");
    actions[command] = upgrade;
}

void add_offline(CLI::App& cli, Choices& choices, std::map<const CLI::App*, Action>& actions) {
    CLI::App* command = add(cli, "check", "Validate configuration files; needs no emperor; exit 2 on errors",
                            "  emperorctl check /etc/apps.d\n  emperorctl check shop.yaml\n  emperorctl -o json check .\n"
                            "  emperorctl check --import shop.yaml   (exit 1 when the app cannot be imported)");
    command->add_flag("--import", choices.is_import,
                      "Also import each app, in a throwaway process with its user, venv, directory and environment, within\n"
                      "timeouts.start (or --timeout). It serves nothing and does not run before_start");
    command->add_option("PATH", choices.paths, "Files or directories; default: those of the running emperor");
    actions[command] = [&choices](const Context& context) { return check(context, choices.paths, choices.is_import); };

    command = add(cli, "explain", "What a configuration key means",
                  "  emperorctl explain timeouts.request\n  emperorctl explain timeouts");
    command->add_option("KEY", choices.key, "A key or a group of keys")->required();
    actions[command] = [&choices](const Context& context) { return explain(context, choices.key); };

    command = add(cli, "schema", "The JSON Schema of a vassal file, for editors and CI",
                  "  emperorctl schema > emperor.schema.json\n  emperorctl schema --markdown");
    command->add_flag("--markdown", choices.is_markdown, "The reference of all keys instead");
    actions[command] = [&choices](const Context& context) { return schema(context, choices.is_markdown); };
}

void add_globals(CLI::App& cli, Choices& choices) {
    cli.add_option("--runtime-dir", choices.runtime_dir, "The emperor's runtime directory");
    cli.add_option("-o,--output", choices.output, "How to write")
        ->check(CLI::IsMember({"table", "wide", "json", "name"}))
        ->capture_default_str();
    cli.add_option("--timeout", choices.timeout, "How long to wait, e.g. 500ms, 30s, 5m (default: 10s, operations 5m)")
        ->check([](const std::string& text) {
            return parse_span(text) ? std::string() : "'" + text + "' is not a span of time such as 30s";
        });
    cli.add_option("--color", choices.color, "Colours in tables")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str();
    cli.footer("Exit codes: 0 done, 1 failed, 2 usage or invalid configuration, 3 an app named in `status` does not serve,\n"
               "4 not permitted, 5 no such app, 6 timed out, 7 emperor not reachable.\n\n"
               "Examples:\n  emperorctl status\n  emperorctl reload shop\n  emperorctl check /etc/apps.d");
    cli.require_subcommand(1);
    cli.set_version_flag("--version", std::string("emperorctl ") + EMPEROR_VERSION);
}

// CLI11 calls a mistyped command "A subcommand is required".
std::string complaint(const CLI::App& cli, const CLI::ParseError& error) {
    const std::vector<std::string> rest = cli.get_subcommands().empty() ? cli.remaining() : std::vector<std::string>();
    if (rest.empty() || rest.front().starts_with("-")) return error.what();
    std::vector<std::string> names;
    for (const CLI::App* command : cli.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    std::string text = "unknown command '" + rest.front() + "'";
    // "stat" is cut short, not "start" with a letter missing.
    std::vector<std::string> begun;
    std::ranges::copy_if(names, std::back_inserter(begun),
                         [&](const std::string& name) { return name.starts_with(rest.front()); });
    if (const auto near = begun.size() == 1 ? begun : common::nearest(rest.front(), names, 1); !near.empty())
        text.append(" (did you mean '").append(near.front()).append("'?)");
    return text;
}

bool asks_for_json(const std::vector<std::string>& arguments) {
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        if (arguments[at] == "-ojson" || arguments[at] == "-o=json" || arguments[at] == "--output=json") return true;
        const bool is_option = arguments[at] == "-o" || arguments[at] == "--output";
        if (is_option && at + 1 < arguments.size() && arguments[at + 1] == "json") return true;
    }
    return false;
}

bool wants_color(const std::string& choice, const Surroundings& surroundings) {
    if (choice != "auto") return choice == "always";
    const std::string terminal = surroundings.variable("TERM").value_or("");
    const bool is_refused = !surroundings.variable("NO_COLOR").value_or("").empty();
    return surroundings.is_terminal && !is_refused && terminal != "dumb";
}

Context context_of(const Choices& choices, const Surroundings& surroundings) {
    const std::map<std::string, Output> outputs = {
        {"table", Output::table}, {"wide", Output::wide}, {"json", Output::json}, {"name", Output::name}};
    Context context{surroundings.out, surroundings.err, choices.runtime_dir, outputs.at(choices.output), std::nullopt,
                    {wants_color(choices.color, surroundings), surroundings.is_terminal ? surroundings.width : 0},
                    surroundings.is_terminal, surroundings.now_us};
    if (context.runtime_dir.empty()) context.runtime_dir = default_runtime_dir(surroundings, ::geteuid());
    if (!choices.timeout.empty()) context.timeout = parse_span(choices.timeout);
    return context;
}

}  // namespace

std::string default_runtime_dir(const Surroundings& surroundings, unsigned uid) {
    const std::string system = "/run/emperor";
    if (uid == 0) return system;
    const std::string session = surroundings.variable("XDG_RUNTIME_DIR").value_or("");
    const std::string own = session.empty() ? "/tmp/emperor-" + std::to_string(uid) : session + "/emperor";
    const auto has_emperor = [](const std::string& path) { return ::access((path + "/control.sock").c_str(), F_OK) == 0; };
    return !has_emperor(own) && has_emperor(system) ? system : own;
}

int run(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
    Choices choices;
    std::map<const CLI::App*, Action> actions;
    CLI::App cli("See and steer the apps of an emperor", "emperorctl");
    add_globals(cli, choices);
    add_queries(cli, choices, actions);
    add_nginx(cli, choices, actions);
    add_operations(cli, choices, actions);
    add_offline(cli, choices, actions);
    try {
        cli.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return cli.exit(error, surroundings.out, surroundings.err);  // help, version
        // Parsing may have ended before -o was reached.
        Context context{surroundings.out, surroundings.err, "", asks_for_json(arguments) ? Output::json : Output::table,
                        std::nullopt, {}, false, surroundings.now_us};
        const int code = report(context, {ExitCode::usage, complaint(cli, error), {}, {}});
        surroundings.err << "run it with --help for more\n";
        return code;
    }
    const Context context = context_of(choices, surroundings);
    const CLI::App* chosen = cli.get_subcommands().front();
    while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
    return actions.at(chosen)(context);
}

}  // namespace emperor::ctl
