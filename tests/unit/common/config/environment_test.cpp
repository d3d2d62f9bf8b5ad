// SPDX-License-Identifier: Apache-2.0
#include "common/config/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/config/env_file.h"

using namespace common::config;

namespace {

using Variables = std::map<std::string, std::string>;

Variables as_map(const std::vector<std::string>& environment) {
    Variables variables;
    for (const std::string& entry : environment)
        EXPECT_TRUE(variables.emplace(entry.substr(0, entry.find('=')), entry.substr(entry.find('=') + 1)).second)
            << entry;
    return variables;
}

class Environment : public testing::Test {
protected:
    Environment() {
        std::string pattern = (std::filesystem::temp_directory_path() / "environment-test-XXXXXX").string();
        root = ::mkdtemp(pattern.data());
        for (const char* name : {"PATH", "LANG", "LC_ALL", "TZ", "SECRET_OF_THE_EMPEROR"})
            before.emplace_back(
                name, std::getenv(name) != nullptr ? std::optional<std::string>(std::getenv(name)) : std::nullopt);
        identity.uid = 1234;
        identity.user = "shop";
        identity.home = "/home/shop";
    }
    ~Environment() override {
        std::filesystem::remove_all(root);
        for (const auto& [name, value] : before) value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    }
    Variables built() {
        const auto environment = build_environment(config, identity);
        EXPECT_TRUE(environment) << environment.error().message();
        if (!environment) return {};
        EXPECT_TRUE(std::is_sorted(environment->begin(), environment->end()));
        return as_map(*environment);
    }

    std::filesystem::path root;
    std::vector<std::pair<const char*, std::optional<std::string>>> before;
    VassalConfig config;
    Identity identity;
};

TEST_F(Environment, holds_nothing_of_the_emperors_but_path_locale_and_zone) {
    ::setenv("SECRET_OF_THE_EMPEROR", "x", 1);
    ::setenv("PATH", "/opt/bin:/bin", 1);
    ::setenv("LANG", "de_DE.UTF-8", 1);
    ::setenv("LC_ALL", "C", 1);
    ::setenv("TZ", "Europe/Berlin", 1);
    Variables expected = {{"HOME", "/home/shop"},  {"LANG", "de_DE.UTF-8"},   {"LC_ALL", "C"},
                          {"LOGNAME", "shop"},     {"PATH", "/opt/bin:/bin"}, {"PYTHONUNBUFFERED", "1"},
                          {"TZ", "Europe/Berlin"}, {"USER", "shop"}};
    Variables actual = built();
    std::erase_if(actual, [](const auto& entry) { return entry.first.starts_with("LC_") && entry.first != "LC_ALL"; });
    actual.erase("LANGUAGE");
    EXPECT_EQ(actual, expected);
}

TEST_F(Environment, has_a_path_and_a_utf8_locale_where_the_emperor_has_none) {
    ::unsetenv("PATH");
    ::unsetenv("LANG");
    ::unsetenv("LC_ALL");
    EXPECT_EQ(built().at("LANG"), "C.UTF-8");
    EXPECT_NE(built().at("PATH").find("/usr/bin"), std::string::npos);
}

TEST_F(Environment, puts_the_venv_in_front) {
    ::setenv("PATH", "/bin", 1);
    std::filesystem::create_directory(root / "release");
    std::filesystem::create_directory_symlink(root / "release", root / "current");
    config.venv = (root / "current").string();
    const std::string resolved = std::filesystem::canonical(root / "release").string();
    EXPECT_EQ(built().at("PATH"), resolved + "/bin:/bin");
    EXPECT_EQ(built().at("VIRTUAL_ENV"), resolved);
}

TEST_F(Environment, env_wins_over_later_files_over_earlier_files_over_the_rest) {
    std::ofstream(root / "1.env") << "A=1\nB=1\nC=1\nHOME=/1\n";
    std::ofstream(root / "2.env") << "B=2\nC=2\n";
    config.env_file = {(root / "1.env").string(), (root / "2.env").string()};
    config.env = {{"C", "3"}, {"PATH", "/own"}};
    const Variables variables = built();
    EXPECT_EQ(variables.at("A"), "1");
    EXPECT_EQ(variables.at("B"), "2");
    EXPECT_EQ(variables.at("C"), "3");
    EXPECT_EQ(variables.at("HOME"), "/1");
    EXPECT_EQ(variables.at("PATH"), "/own");
}

TEST_F(Environment, fails_on_a_missing_or_broken_file) {
    config.env_file = {(root / "gone.env").string()};
    EXPECT_EQ(build_environment(config, identity).error().message(),
              (root / "gone.env").string() + ": No such file or directory");
    std::ofstream(root / "bad.env") << "A=1\n=2\n";
    config.env_file = {(root / "bad.env").string()};
    EXPECT_TRUE(
        build_environment(config, identity).error().message().starts_with((root / "bad.env").string() + ":2: "));
}

TEST_F(Environment, a_user_without_a_name_is_its_number) {
    identity.user.clear();
    identity.home.clear();
    EXPECT_EQ(built().at("USER"), "1234");
    EXPECT_EQ(built().at("HOME"), "/");
}

TEST_F(Environment, the_working_directory_is_chdir_resolved_else_home_else_the_root) {
    std::filesystem::create_directory(root / "release");
    std::filesystem::create_directory_symlink(root / "release", root / "current");
    config.chdir = (root / "current").string();
    EXPECT_EQ(working_directory(config, identity), std::filesystem::canonical(root / "release").string());
    config.chdir.clear();
    EXPECT_EQ(working_directory(config, identity), "/") << "/home/shop does not exist";
    identity.home = root.string();
    EXPECT_EQ(working_directory(config, identity), root.string());
}

TEST(EnvFile, reads_comments_quotes_and_exports) {
    Variables variables;
    const auto parsed = parse_env_file("f",
                                       "\xEF\xBB\xBF# comment\n\n  A = 1 \nexport B=two words # comment\r\n"
                                       "C='# $X \\n'\nD=\"a\\n\\\"b\\\"\\$\" # c\nE=\nF=a#b\nG=\"\"\nH=a=b\nA=2",
                                       variables);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(variables, (Variables{{"A", "2"},
                                    {"B", "two words"},
                                    {"C", "# $X \\n"},
                                    {"D", "a\n\"b\"$"},
                                    {"E", ""},
                                    {"F", "a#b"},
                                    {"G", ""},
                                    {"H", "a=b"}}));
}

TEST(EnvFile, names_the_line_and_keeps_the_value_to_itself) {
    for (const char* text :
         {"A=1\nsecret", "A=1\n1B=secret", "A=1\nB='secret", "A=1\nB=\"x\" secret", "A=1\nB C=secret"}) {
        Variables variables;
        const auto parsed = parse_env_file("f.env", text, variables);
        ASSERT_FALSE(parsed) << text;
        EXPECT_TRUE(parsed.error().message().starts_with("f.env:2: ")) << parsed.error().message();
        EXPECT_EQ(parsed.error().message().find("secret"), std::string::npos) << parsed.error().message();
    }
}

}  // namespace
