// SPDX-License-Identifier: Apache-2.0
// exec: becomes the app's user in the app's directory with the app's environment, then the command. It execs in place,
// so that the terminal, signals and the exit status are the command's own.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "common/config/decode.h"
#include "common/config/environment.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/exec_plan.h"

namespace emperor::ctl {

namespace {

using common::config::Identity;

FileKind look(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return FileKind::missing;
    return ::access(path.c_str(), X_OK) == 0 ? FileKind::executable : FileKind::plain;
}

common::Result<Identity> identity_of(const Json& json) {
    if (!json.is_object() || !json.value("uid", Json()).is_number_unsigned() ||
        !json.value("gid", Json()).is_number_unsigned())
        return common::failure("the emperor did not say whom the app runs as");
    Identity identity;
    identity.uid = json["uid"].get<uid_t>();
    identity.gid = json["gid"].get<gid_t>();
    for (const Json& group : json.value("groups", Json::array()))
        if (group.is_number_unsigned()) identity.groups.push_back(group.get<gid_t>());
    identity.user = json.value("user", "");
    identity.home = json.value("home", "/");
    return identity;
}

// The order matters: after setuid() there is no right left to change the groups.
common::Result<void> become(const Identity& identity) {
    if (::geteuid() != 0 || (identity.uid == 0 && identity.gid == ::getegid())) return {};
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) return common::system_error("set the groups");
    if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return common::system_error("set the group");
    if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) return common::system_error("set the user");
    return {};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (const std::string& text : strings) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
}

int fail(const Context& context, const std::string& message, ExitCode code = ExitCode::failed) {
    return report(context, {code, message, {}, {}});
}

// The app's environment starts from the emperor's PATH, LANG and TZ, not from those of the operator's shell. Returns
// what belongs to this terminal and goes to the command as well.
std::vector<std::string> swap_environment(const Json& inherited) {
    std::vector<std::string> terminal;
    for (const char* name : {"TERM", "COLORTERM", "LINES", "COLUMNS"})
        if (const char* value = ::getenv(name)) terminal.push_back(std::string(name) + "=" + value);
    ::clearenv();
    for (const auto& [name, value] : inherited.items())
        if (value.is_string()) ::setenv(name.c_str(), value.get<std::string>().c_str(), 1);
    return terminal;
}

int run_there(const Context& context, const common::config::VassalConfig& config, const Identity& identity,
              const Json& inherited, const std::vector<std::string>& command) {
    if (common::Result<void> done = become(identity); !done)
        return fail(context, done.error().message(), ExitCode::not_permitted);
    if (config.umask) ::umask(*config.umask);
    const std::vector<std::string> terminal = swap_environment(inherited);
    const std::string directory = common::config::working_directory(config, identity);
    if (::chdir(directory.c_str()) != 0) return fail(context, common::system_error("enter " + directory).message());
    const common::Result<std::vector<std::string>> environment = common::config::build_environment(config, identity);
    if (!environment) return fail(context, environment.error().message());
    std::vector<std::string> variables = *environment;
    variables.insert(variables.end(), terminal.begin(), terminal.end());
    const auto argv = plan_exec(command, {variables, directory, config.venv, look});
    if (!argv) return fail(context, argv.error().message());
    context.out.flush();
    ::execve(argv->front().c_str(), pointers(*argv).data(), pointers(variables).data());
    return fail(context, common::system_error("run " + argv->front()).message());
}

}  // namespace

int exec(const Context& context, const std::string& app, const std::vector<std::string>& command) {
    const Answer<Json> answer = ask(context, "exec_context", {{"app", app}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    const common::Result<Identity> identity = identity_of(result.value("identity", Json()));
    if (!identity) return fail(context, identity.error().message());
    if (::geteuid() != 0 && ::geteuid() != identity->uid) {
        const std::string user = identity->user.empty() ? std::to_string(identity->uid) : identity->user;
        return fail(context, app + " runs as user " + user + "; run this as root or as " + user, ExitCode::not_permitted);
    }
    const auto config = common::config::config_from_json(nlohmann::json(result.value("values", Json::object())));
    if (!config) return fail(context, config.error().message());
    return run_there(context, *config, *identity, result.value("environment", Json::object()), command);
}

}  // namespace emperor::ctl
