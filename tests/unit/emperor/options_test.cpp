// SPDX-License-Identifier: Apache-2.0
#include "emperor/options.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace emperor {
namespace {

using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
protected:
    ~OptionsTest() override { std::filesystem::remove_all(place_); }

    std::variant<Options, int> parse(std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), "emperor");
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        auto parsed = parse_options(static_cast<int>(arguments.size()), arguments.data());
        printed = ::testing::internal::GetCapturedStdout();
        complaint = ::testing::internal::GetCapturedStderr();
        return parsed;
    }
    Options good(std::vector<const char*> arguments) {
        auto parsed = parse(std::move(arguments));
        EXPECT_TRUE(std::holds_alternative<Options>(parsed)) << complaint;
        return std::holds_alternative<Options>(parsed) ? std::get<Options>(parsed) : Options{};
    }
    int code(std::vector<const char*> arguments) {
        const auto parsed = parse(std::move(arguments));
        return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
    }
    std::string write(const std::string& text) {
        const std::string path = place_ + "/emperor.yaml";
        std::ofstream(path) << text;
        return path;
    }

    std::string printed, complaint;

private:
    static std::string make_place() {
        std::string pattern = (std::filesystem::temp_directory_path() / "options-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }
    std::string place_ = make_place();
};

TEST_F(OptionsTest, one_directory_is_enough) {
    const Options options = good({"--vassals", "/etc/apps.d"});
    EXPECT_EQ(options.vassals, std::vector<std::string>{"/etc/apps.d"});
    EXPECT_FALSE(options.is_check);
    EXPECT_GE(options.start_parallelism, 4u);
    EXPECT_EQ(options.log.format, common::log::Format::text);
    EXPECT_EQ(options.log.level, common::log::Level::info);
    EXPECT_TRUE(options.runtime_dir.starts_with('/')) << options.runtime_dir;
}

TEST_F(OptionsTest, directories_add_up) {
    EXPECT_EQ(good({"--vassals", "a", "--vassals", "b"}).vassals, (std::vector<std::string>{"a", "b"}));
}

TEST_F(OptionsTest, the_runtime_directory_becomes_absolute_and_loses_its_last_slash) {
    const std::string here = std::filesystem::current_path().string();
    EXPECT_EQ(good({"--vassals", "a", "--runtime-dir", "run/"}).runtime_dir, here + "/run");
    EXPECT_EQ(good({"--vassals", "a", "--runtime-dir", "/tmp/x/../y//"}).runtime_dir, "/tmp/y");
}

TEST_F(OptionsTest, the_command_line_wins_over_the_file_and_the_file_over_what_is_built_in) {
    const std::string file = write("start_parallelism: 7\nadmin_group: staff\nstats: 127.0.0.1:9117\nagent: 127.0.0.1:9101\n"
                                   "log: {format: json, level: debug, file: /var/log/emperor.log}\n");
    const Options from_file = good({"--vassals", "a", "--config", file.c_str()});
    EXPECT_EQ(from_file.start_parallelism, 7u);
    EXPECT_EQ(from_file.admin_group, "staff");
    EXPECT_EQ(from_file.stats, "127.0.0.1:9117");
    EXPECT_EQ(from_file.agent, "127.0.0.1:9101");
    EXPECT_EQ(from_file.log.format, common::log::Format::json);
    EXPECT_EQ(from_file.log.level, common::log::Level::debug);
    EXPECT_EQ(from_file.log.file, "/var/log/emperor.log");

    const Options both = good({"--vassals", "a", "--config", file.c_str(), "--stats", "127.0.0.1:1", "--log-format", "text",
                               "--log-level", "error", "--agent", "127.0.0.1:2"});
    EXPECT_EQ(both.stats, "127.0.0.1:1");
    EXPECT_EQ(both.agent, "127.0.0.1:2");
    EXPECT_EQ(both.log.format, common::log::Format::text);
    EXPECT_EQ(both.log.level, common::log::Level::error);
}

TEST_F(OptionsTest, help_and_version_are_exit_0) {
    EXPECT_EQ(code({"--help"}), 0);
    EXPECT_THAT(printed, HasSubstr("emperor --vassals /etc/apps.d"));
    EXPECT_EQ(code({"--version"}), 0);
    EXPECT_EQ(printed, std::string("emperor ") + EMPEROR_VERSION + "\n");
}

TEST_F(OptionsTest, bad_usage_is_exit_2_and_names_what_is_bad) {
    EXPECT_EQ(code({}), 2);
    EXPECT_THAT(complaint, HasSubstr("--vassals"));
    EXPECT_EQ(code({"--vassals", "a", "--log-format", "xml"}), 2);
    EXPECT_THAT(complaint, HasSubstr("xml"));
    EXPECT_EQ(code({"--vassals", "a", "--frobnicate"}), 2);
    EXPECT_THAT(complaint, HasSubstr("--frobnicate"));
    EXPECT_EQ(code({"--vassals", "a", "--stats", "nowhere"}), 2);
    EXPECT_THAT(complaint, HasSubstr("--stats nowhere"));
    EXPECT_EQ(code({"--vassals", "a", "--agent", "nowhere"}), 2);
    EXPECT_THAT(complaint, HasSubstr("--agent nowhere"));
}

TEST_F(OptionsTest, the_dashboard_is_where_the_command_line_says_else_where_the_file_does) {
    const std::string file = write("http: 127.0.0.1:9180\nhttp_token_file: /etc/emperor/token\nhttp_hosts: [ops.example.com]\n");
    const Options of_file = good({"--vassals", "a", "--config", file.c_str()});
    EXPECT_EQ(of_file.http, "127.0.0.1:9180");
    EXPECT_EQ(of_file.http_token_file, "/etc/emperor/token");
    EXPECT_EQ(of_file.http_hosts, std::vector<std::string>{"ops.example.com"});
    const Options of_line = good({"--vassals", "a", "--config", file.c_str(), "--http", "/run/e.sock", "--http-host", "x"});
    EXPECT_EQ(of_line.http, "/run/e.sock");
    EXPECT_EQ(of_line.http_hosts, std::vector<std::string>{"x"});
    EXPECT_EQ(code({"--vassals", "a", "--http", "nowhere"}), 2);
    EXPECT_THAT(complaint, HasSubstr("--http nowhere"));
    for (const char* name : {"ops.example.com:9180", "*.example.com", "http://ops.example.com", "", "ops.example.com."}) {
        EXPECT_EQ(code({"--vassals", "a", "--http-host", name}), 2) << name;
        EXPECT_THAT(complaint, HasSubstr("--http-host " + std::string(name) + ": "));
    }
    EXPECT_EQ(good({"--vassals", "a", "--http-host", "ops_box"}).http_hosts, std::vector<std::string>{"ops_box"});
}

TEST_F(OptionsTest, a_file_that_cannot_be_used_is_exit_2) {
    EXPECT_EQ(code({"--vassals", "a", "--config", "/nowhere/emperor.yaml"}), 2);
    EXPECT_THAT(complaint, HasSubstr("cannot read /nowhere/emperor.yaml: No such file or directory"));
    EXPECT_EQ(code({"--vassals", "a", "--config", "/"}), 2);
    EXPECT_THAT(complaint, HasSubstr("cannot read /: it is a directory"));
    const std::string file = write("stat: 127.0.0.1:9117\n");
    EXPECT_EQ(code({"--vassals", "a", "--config", file.c_str()}), 2);
    EXPECT_THAT(complaint, HasSubstr(file + ":1:1: error: unknown key 'stat' (did you mean 'stats'?)"));
}

}  // namespace
}  // namespace emperor
