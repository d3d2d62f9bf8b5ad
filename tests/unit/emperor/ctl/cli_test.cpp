// SPDX-License-Identifier: Apache-2.0
// The command line as a whole, without an emperor: exit codes, help, and `check` on real files.
#include "emperor/ctl/cli.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "emperor/ctl/check.h"

namespace emperor::ctl {
namespace {

struct Emperorctl : ::testing::Test {
    std::string folder = "/tmp/emperorctl-test-XXXXXX";
    std::ostringstream out, err;
    std::map<std::string, std::string> variables;

    Emperorctl() { (void)!::mkdtemp(folder.data()); }
    ~Emperorctl() override { std::filesystem::remove_all(folder); }

    int call(std::vector<std::string> arguments) {
        out.str("");
        err.str("");
        arguments.insert(arguments.begin(), {"--runtime-dir", folder + "/run"});
        return run(arguments, {out, err,
                               [this](const char* name) {
                                   const auto found = variables.find(name);
                                   return found == variables.end() ? std::nullopt : std::optional(found->second);
                               },
                               false, 0, 0});
    }
    std::string write(const std::string& name, const std::string& text) {
        const std::string path = folder + "/" + name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0644));
        return path;
    }
};

TEST_F(Emperorctl, every_misuse_exits_2_and_help_and_version_0) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{}, {"nonsense"}, {"reload"}, {"show"}, {"-o", "xml", "status"},
                                               {"--timeout", "3x", "status"}, {"--color", "pink", "status"},
                                               {"logs", "shop", "-n", "-4"}, {"logs", "--grep", "(a"},
                                               {"logs", "--since", "yesterdayish"}, {"events", "--since", "10x"},
                                               {"status", "--bogus"}, {"exec", "shop"}})
        EXPECT_EQ(call(arguments), 2) << (arguments.empty() ? "" : arguments.front());
    EXPECT_EQ(call({"--help"}), 0);
    EXPECT_EQ(call({"--version"}), 0);
    for (const char* command : {"status", "show", "start", "stop", "restart", "reload", "rollback", "exec", "logs", "check",
                                "explain", "schema", "config", "version"}) {
        EXPECT_EQ(call({command, "--help"}), 0) << command;
        EXPECT_NE(out.str().find("Examples:\n  emperorctl "), std::string::npos) << command;
    }
}

TEST_F(Emperorctl, a_mistyped_command_gets_a_suggestion) {
    EXPECT_EQ(call({"relaod", "shop"}), 2);
    EXPECT_NE(err.str().find("unknown command 'relaod' (did you mean 'reload'?)"), std::string::npos) << err.str();
    EXPECT_EQ(call({"stat"}), 2);
    EXPECT_NE(err.str().find("unknown command 'stat' (did you mean 'status'?)"), std::string::npos) << err.str();
}

TEST_F(Emperorctl, without_an_emperor_commands_exit_7_and_name_the_path_they_tried) {
    for (const char* command : {"show", "stop", "reload", "rollback", "logs", "config"})
        EXPECT_EQ(call({command, "shop"}), 7) << command;
    EXPECT_EQ(call({"status"}), 7);
    EXPECT_NE(err.str().find(folder + "/run/control.sock"), std::string::npos);
    EXPECT_NE(err.str().find("--runtime-dir"), std::string::npos);
    EXPECT_EQ(call({"exec", "shop", "--", "manage.py", "migrate", "--fake"}), 7);
    EXPECT_EQ(call({"version"}), 0);
}

TEST_F(Emperorctl, check_finds_every_error_of_every_file_and_counts_them) {
    write("old.yaml", "app: a:b\nproceses: 4\n");
    write("shop.yaml", "app: a:b\nworkers: four\n");
    write("good.yaml", "app: a:b\n");
    EXPECT_EQ(call({"check", folder}), 2);
    EXPECT_NE(out.str().find("old.yaml:2:1: error: unknown key 'proceses'"), std::string::npos) << out.str();
    EXPECT_NE(out.str().find("shop.yaml:2:10: error:"), std::string::npos) << out.str();
    EXPECT_TRUE(out.str().ends_with("\n2 errors in 2 files\n")) << out.str();
    EXPECT_EQ(call({"check", folder + "/good.yaml"}), 0);
    EXPECT_EQ(out.str(), "1 file is valid\n");
}

TEST_F(Emperorctl, check_speaks_json) {
    write("old.yaml", "app: a:b\nproceses: 4\n");
    EXPECT_EQ(call({"-o", "json", "check", folder}), 2);
    const auto json = nlohmann::json::parse(out.str());
    EXPECT_EQ(json["errors"], 1);
    EXPECT_EQ(json["diagnostics"][0]["line"], 2);
    EXPECT_EQ(json["diagnostics"][0]["column"], 1);
}

TEST_F(Emperorctl, check_applies_the_defaults_of_the_same_directory) {
    write("_defaults.yaml", "workerz: 4\n");
    write("good.yaml", "app: a:b\n");
    EXPECT_EQ(call({"check", folder + "/good.yaml"}), 2);
    EXPECT_NE(out.str().find("_defaults.yaml:1:1: error: unknown key 'workerz'"), std::string::npos) << out.str();
}

TEST_F(Emperorctl, check_refuses_missing_paths_odd_names_directories_and_two_files_of_one_name) {
    EXPECT_EQ(call({"check", folder + "/nothing.yaml"}), 2);
    EXPECT_NE(out.str().find("no such file"), std::string::npos);
    EXPECT_EQ(call({"check", write("notes.txt", "x")}), 2);
    write("a b.yaml", "app: a:b\n");
    std::filesystem::create_directory(folder + "/x.yaml");
    write("twin.yaml", "app: a:b\n");
    write("twin.yml", "app: a:b\n");
    EXPECT_EQ(call({"check", folder}), 2);
    for (const char* text : {"a b.yaml", "x.yaml: error: is a directory", "the vassal 'twin' is also defined by"})
        EXPECT_NE(out.str().find(text), std::string::npos) << text << "\n" << out.str();
}

TEST_F(Emperorctl, check_names_a_missing_path_as_it_was_given) {
    EXPECT_EQ(call({"check", "/no-such-file.yaml"}), 2);
    EXPECT_TRUE(out.str().starts_with("/no-such-file.yaml: error: no such file")) << out.str();
}

TEST_F(Emperorctl, check_names_an_address_in_use_at_its_position_unless_it_is_the_vassals_own) {
    const std::string path = write("shop.yaml", "app: a:b\nlisten: [\"http:127.0.0.1:80\", uwsgi:/tmp/shop.sock]\n");
    CheckOptions options{folder, {}, [](const common::net::Address& address) { return address.port == 80; }};
    CheckReport report = check_paths({path}, options);
    ASSERT_EQ(report.errors(), 1u) << common::config::render(report.diagnostics);
    EXPECT_EQ(report.diagnostics[0].position, (common::config::Position{2, 10}));
    EXPECT_NE(report.diagnostics[0].message.find("address in use: http:127.0.0.1:80"), std::string::npos);
    options.own_addresses["shop"] = {"http:127.0.0.1:80"};
    EXPECT_EQ(check_paths({path}, options).errors(), 0u);
}

TEST_F(Emperorctl, errors_are_json_too_where_json_is_asked_for) {
    EXPECT_EQ(call({"-o", "json", "status"}), 7);
    EXPECT_EQ(nlohmann::json::parse(out.str())["error"]["code"], "not_reachable");
    EXPECT_NE(err.str(), "");
    EXPECT_EQ(call({"-o", "json", "explain", "wokers"}), 2);
    EXPECT_EQ(nlohmann::json::parse(out.str())["error"]["message"], "unknown key 'wokers' (did you mean 'workers'?)");
}

TEST_F(Emperorctl, check_hides_roots_variables_from_a_tenants_file_as_the_emperor_does) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ::setenv("CHECK_TEST_SECRET", "hush", 1);
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    const std::string path = write("shop.yaml", "app: shop:app\nchdir: /\nenv: {A: '${CHECK_TEST_SECRET}'}\n");
    EXPECT_EQ(call({"check", path}), 0) << out.str();
    ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
    EXPECT_EQ(call({"check", path}), 2);
    EXPECT_NE(out.str().find("unknown variable 'CHECK_TEST_SECRET'"), std::string::npos) << out.str();
    ::unsetenv("CHECK_TEST_SECRET");
}

TEST_F(Emperorctl, explain_knows_keys_groups_and_slips) {
    EXPECT_EQ(call({"explain", "timeouts.request"}), 0);
    EXPECT_EQ(call({"explain", "timeouts"}), 0);
    EXPECT_EQ(call({"explain", "workerz"}), 2);
    EXPECT_NE(err.str().find("did you mean 'workers'"), std::string::npos);
    (void)call({"explain", "harakiri"});
    EXPECT_NE((out.str() + err.str()).find("timeouts.request"), std::string::npos);
    EXPECT_EQ(call({"schema"}), 0);
    EXPECT_EQ(nlohmann::json::parse(out.str())["$schema"], "http://json-schema.org/draft-07/schema#");
}

TEST(RuntimeDirectory, is_the_users_own_unless_only_the_system_has_one) {
    std::ostringstream sink;
    Surroundings surroundings{sink, sink, [](const char*) { return std::optional<std::string>("/nowhere"); }, false, 0, 0};
    EXPECT_EQ(default_runtime_dir(surroundings, 0), "/run/emperor");
    if (::access("/run/emperor/control.sock", F_OK) != 0) {
        EXPECT_EQ(default_runtime_dir(surroundings, 1000), "/nowhere/emperor");
    }
}

}  // namespace
}  // namespace emperor::ctl
