// SPDX-License-Identifier: Apache-2.0
#include "common/config/verify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string_view>

#include "common/config/accounts.h"
#include "common/config/bounded_file.h"
#include "common/config/env_file.h"
#include "common/config/finding.h"
#include "common/config/source_text.h"

namespace common::config {

namespace {

constexpr std::string_view python_version = "3.11";

class Verifier {
public:
    Verifier(const Effective& effective, const Identity& identity, Diagnostics& diagnostics)
        : effective_(effective),
          config_(effective.config),
          diagnostics_(diagnostics),
          who_(identity.user.empty() ? "uid " + std::to_string(identity.uid) : in_quotes(identity.user)) {}

    void run() {
        if (!config_.chdir.empty()) check_directory("chdir", "chdir", config_.chdir, X_OK);
        if (!config_.venv.empty() && check_directory("venv", "venv", config_.venv, X_OK)) check_venv();
        for (std::size_t i = 0; i < config_.python_path.size(); ++i) check_python_path(i);
        for (std::size_t i = 0; i < config_.env_file.size(); ++i) check_env_file(i);
        for (const auto& [prefix, directory] : config_.static_files) check_static(prefix, directory);
        check_log_file();
        if (!config_.socket.owner.empty() && !find_user(config_.socket.owner))
            fail("socket.owner",
                 "socket.owner: there is no user " + in_quotes(config_.socket.owner) + " on this machine");
        if (!config_.socket.group.empty() && !find_group(config_.socket.group))
            fail("socket.group",
                 "socket.group: there is no group " + in_quotes(config_.socket.group) + " on this machine");
    }

private:
    void fail(std::string_view path, std::string message) {
        diagnostics_.push_back(finding(effective_, path, std::move(message)));
    }

    // "there is no directory /srv/x" or "/srv/x cannot be entered by 'mysite': Permission denied".
    bool check_directory(std::string_view where, const std::string& key, const std::string& path, int access) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) {
            if (errno == ENOENT || errno == ENOTDIR)
                fail(where, key + ": there is no directory " + printable(path));
            else
                fail(where,
                     key + ": " + printable(path) + " cannot be reached by " + who_ + ": " + std::strerror(errno));
            return false;
        }
        if (!S_ISDIR(status.st_mode)) {
            fail(where, key + ": " + printable(path) + " is not a directory");
            return false;
        }
        if (::eaccess(path.c_str(), access) == 0) return true;
        const std::string verb = access == X_OK ? " cannot be entered by " : " cannot be written to by ";
        fail(where, key + ": " + printable(path) + verb + who_ + ": " + std::strerror(errno));
        return false;
    }

    // Python refuses nothing by itself: with packages of another version imports fail one by one.
    void check_venv() {
        const std::string again = " (make it anew: /usr/bin/python3 -m venv --clear " + printable(config_.venv) + ")";
        const auto settings = read_small_file(config_.venv + "/pyvenv.cfg");
        if (!settings) {
            const bool is_missing = settings.error().code == std::errc::no_such_file_or_directory;
            return fail("venv", is_missing ? "venv: " + printable(config_.venv) +
                                                 " is not a virtual environment, it has no pyvenv.cfg"
                                           : "venv: " + printable(settings.error().message()));
        }
        const std::string version = version_in(*settings);
        const bool fits = version == python_version || version.starts_with(std::string(python_version) + ".");
        if (!version.empty() && !fits)
            return fail("venv", "venv: " + printable(config_.venv) + " is for Python " + printable(version, 20) +
                                    ", needed is " + std::string(python_version) + again);
        struct stat status {};
        const std::string packages = config_.venv + "/lib/python" + std::string(python_version);
        if (::stat(packages.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
            fail("venv",
                 "venv: " + printable(config_.venv) + " has no lib/python" + std::string(python_version) + again);
    }

    // `version = 3.11.2` as the venv module writes it, `version_info = 3.11.2.final.0` as virtualenv does.
    static std::string version_in(std::string_view settings) {
        while (!settings.empty()) {
            const std::size_t end = settings.find('\n');
            const std::string_view line = settings.substr(0, end);
            settings.remove_prefix(end == std::string_view::npos ? settings.size() : end + 1);
            const std::size_t equals = line.find('=');
            if (equals == std::string_view::npos) continue;
            const std::string_view name = trimmed(line.substr(0, equals));
            if (name == "version" || name == "version_info") return std::string(trimmed(line.substr(equals + 1)));
        }
        return {};
    }

    static std::string_view trimmed(std::string_view text) {
        const std::size_t begin = text.find_first_not_of(" \t\r");
        return begin == std::string_view::npos ? std::string_view{}
                                               : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
    }

    void check_python_path(std::size_t index) {
        const std::string& path = config_.python_path[index];
        struct stat status {};
        const bool is_archive = ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);  // a zip of modules
        if (!is_archive) check_directory("python_path." + std::to_string(index), "python_path", path, X_OK);
    }

    void check_env_file(std::size_t index) {
        const std::string where = "env_file." + std::to_string(index);
        const auto text = read_small_file(config_.env_file[index]);
        if (!text) return fail(where, "env_file: " + printable(text.error().message(), 400));
        std::map<std::string, std::string> ignored;
        const auto parsed = parse_env_file(config_.env_file[index], *text, ignored);
        if (!parsed) fail(where, "env_file: " + printable(parsed.error().message(), 400));
    }

    // What before_start may still make (collected files, a link) is not missing yet.
    void check_static(const std::string& prefix, const std::string& directory) {
        struct stat status {};
        if (!config_.before_start.empty() && ::stat(directory.c_str(), &status) != 0 && errno == ENOENT) return;
        check_directory("static." + prefix, "static: " + printable(prefix), directory, X_OK);
    }

    void check_log_file() {
        const std::string& path = config_.log.file;
        if (path.empty()) return;
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0) {
            if (S_ISDIR(status.st_mode)) return fail("log.file", "log.file: " + printable(path) + " is a directory");
            if (::eaccess(path.c_str(), W_OK) == 0) return;
            return fail("log.file", "log.file: " + printable(path) + " cannot be written to by " + who_ + ": " +
                                        std::strerror(errno));
        }
        const std::size_t slash = path.rfind('/');
        check_directory("log.file", "log.file", slash == 0 ? "/" : path.substr(0, slash), W_OK | X_OK);
    }

    const Effective& effective_;
    const VassalConfig& config_;
    Diagnostics& diagnostics_;
    std::string who_;
};

}  // namespace

void verify_environment(const Effective& effective, const Identity& identity, Diagnostics& diagnostics) {
    Verifier(effective, identity, diagnostics).run();
}

}  // namespace common::config
