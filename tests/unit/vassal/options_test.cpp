// SPDX-License-Identifier: Apache-2.0
#include "vassal/options.h"

#include <gmock/gmock.h>

namespace vassal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
protected:
    ParsedOptions parse(std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), "vassal");
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        auto parsed = parse_options(static_cast<int>(arguments.size()), arguments.data());
        printed = ::testing::internal::GetCapturedStdout();
        complaint = ::testing::internal::GetCapturedStderr();
        return parsed;
    }
    std::vector<std::string> settings(std::vector<const char*> arguments) {
        const auto parsed = parse(std::move(arguments));
        EXPECT_TRUE(parsed.options) << complaint;
        return parsed.options ? parsed.options->settings : std::vector<std::string>{};
    }

    std::string printed, complaint;
};

TEST_F(OptionsTest, an_app_alone_is_enough) {
    EXPECT_THAT(settings({"shop.wsgi"}), ElementsAre("app=shop.wsgi", "chdir=.", "listen=http:127.0.0.1:8000"));
}

TEST_F(OptionsTest, every_flag_is_the_shorthand_of_a_key) {
    EXPECT_THAT(settings({"--listen", "http::8000", "--listen", "uwsgi:/tmp/s.sock", "--workers", "auto", "--threads", "2",
                          "--chdir", "/srv", "--venv", "v", "--env", "A=1", "--env", "B=x=y", "--python-path", "lib",
                          "--preload", "shop:app"}),
                ElementsAre("app=shop:app", "listen=http::8000", "listen=uwsgi:/tmp/s.sock", "python_path=lib", "env.A=1",
                            "env.B=x=y", "workers=auto", "threads=2", "chdir=/srv", "venv=v", "preload=true"));
    EXPECT_THAT(settings({"--no-preload", "a"}),
                ElementsAre("app=a", "chdir=.", "preload=false", "listen=http:127.0.0.1:8000"));
}

TEST_F(OptionsTest, set_comes_last_so_that_it_wins_and_may_name_the_listeners) {
    EXPECT_THAT(settings({"--set", "timeouts.request=5s", "--workers", "2", "a"}),
                ElementsAre("app=a", "workers=2", "chdir=.", "listen=http:127.0.0.1:8000", "timeouts.request=5s"));
    EXPECT_THAT(settings({"--set", "listen=uwsgi:/tmp/s.sock", "a"}),
                ElementsAre("app=a", "chdir=.", "listen=uwsgi:/tmp/s.sock"));
    // Another key that begins alike names no listener.
    EXPECT_THAT(settings({"--set", "listener=x", "a"}),
                ElementsAre("app=a", "chdir=.", "listen=http:127.0.0.1:8000", "listener=x"));
}

TEST_F(OptionsTest, dev_is_for_the_one_who_writes_the_app) {
    EXPECT_THAT(settings({"--dev", "app.py"}),
                ElementsAre("app=app.py", "chdir=.", "autoreload=true", "log.access=text", "listen=http:127.0.0.1:8000"));
    EXPECT_THAT(settings({"--dev", "--access-log", "json", "--set", "autoreload=false", "app.py"}),
                ElementsAre("app=app.py", "chdir=.", "log.access=json", "listen=http:127.0.0.1:8000", "autoreload=false"));
    EXPECT_TRUE(parse({"--dev", "a"}).options->is_dev);
    EXPECT_FALSE(parse({"a"}).options->is_dev);
}

TEST_F(OptionsTest, an_emperor_names_a_descriptor_and_nothing_else) {
    const auto parsed = parse({"--link", "5"});
    ASSERT_TRUE(parsed.options) << complaint;
    EXPECT_EQ(parsed.options->link, 5);
    EXPECT_EQ(parse({"--link", "5", "shop:app"}).exit_code, 2);
}

TEST_F(OptionsTest, help_and_version_are_exit_0) {
    const auto help = parse({"--help"});
    EXPECT_FALSE(help.options);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(printed, HasSubstr("APP is package.module:callable"));
    EXPECT_EQ(printed.find("Excludes"), std::string::npos) << printed;
    EXPECT_EQ(printed.find("--link"), std::string::npos) << printed;
    EXPECT_EQ(parse({"--version"}).exit_code, 0);
    EXPECT_EQ(printed, std::string("vassal ") + EMPEROR_VERSION + "\n");
}

TEST_F(OptionsTest, bad_usage_is_exit_2) {
    for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
             {}, {"--frobnicate", "a"}, {"a", "b"}, {"--listen"}, {"--link", "x"}}) {
        const auto parsed = parse(arguments);
        EXPECT_FALSE(parsed.options);
        EXPECT_EQ(parsed.exit_code, 2);
        EXPECT_NE(complaint, "");
    }
}

TEST_F(OptionsTest, options_of_later_versions_are_answered_as_such) {
    EXPECT_EQ(parse({"--stats", "text", "shop:app"}).exit_code, 2);
    EXPECT_THAT(complaint, HasSubstr("--stats: is not available in this version"));
}

TEST_F(OptionsTest, the_access_log_is_the_key_of_that_name) {
    const auto parsed = parse({"--access-log", "json", "shop:app"});
    ASSERT_TRUE(parsed.options);
    EXPECT_THAT(parsed.options->settings, testing::Contains("log.access=json"));
}

}  // namespace
}  // namespace vassal
