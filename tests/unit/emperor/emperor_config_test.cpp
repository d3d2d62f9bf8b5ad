// SPDX-License-Identifier: Apache-2.0
// The --config file.
#include <gmock/gmock.h>

#include "emperor/options.h"

namespace emperor {
namespace {

using ::testing::HasSubstr;

std::string problem(const std::string& text) {
    const auto parsed = parse_emperor_config("/etc/emperor.yaml", text);
    return parsed ? "" : parsed.error().message();
}

TEST(EmperorConfig, every_key_is_read) {
    const auto config = parse_emperor_config("/etc/emperor.yaml",
                                             "start_parallelism: 12\n"
                                             "admin_group: staff\n"
                                             "stats: 127.0.0.1:9117\n"
                                             "control: /run/more.sock\n"
                                             "log: {format: json, level: warn, file: /var/log/emperor.log}\n");
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->start_parallelism, 12);
    EXPECT_EQ(config->admin_group, "staff");
    EXPECT_EQ(config->stats, "127.0.0.1:9117");
    EXPECT_EQ(config->control, "/run/more.sock");
    EXPECT_EQ(config->log_format, "json");
    EXPECT_EQ(config->log_level, "warn");
    EXPECT_EQ(config->log_file, "/var/log/emperor.log");
}

TEST(EmperorConfig, an_empty_file_or_one_of_comments_sets_nothing) {
    for (const char* text : {"# nothing yet\n", "{}\n"}) {
        const auto config = parse_emperor_config("/etc/emperor.yaml", text);
        ASSERT_TRUE(config) << text << config.error().message();
        EXPECT_FALSE(config->start_parallelism || config->stats || config->log_format);
    }
}

TEST(EmperorConfig, every_error_comes_in_one_pass_with_its_place) {
    const std::string text = problem("start_paralelism: 2\nstart_parallelism: 0\nlog:\n  level: loud\n  fromat: json\n");
    EXPECT_THAT(
        text,
        HasSubstr("/etc/emperor.yaml:1:1: error: unknown key 'start_paralelism' (did you mean 'start_parallelism'?)"));
    EXPECT_THAT(text, HasSubstr("/etc/emperor.yaml:2:20: error: start_parallelism: expected a whole number from 1 to 10000"));
    EXPECT_THAT(text, HasSubstr("/etc/emperor.yaml:4:10: error: log.level: expected one of debug, info, warn, error"));
    EXPECT_THAT(text, HasSubstr("/etc/emperor.yaml:5:3: error: unknown key 'fromat' (did you mean 'format'?)"));
    EXPECT_THAT(text, HasSubstr("    5 |   fromat: json\n      |   ^~~~~~"));
}

TEST(EmperorConfig, wrong_kinds_are_errors) {
    EXPECT_THAT(problem("[a, b]\n"), HasSubstr("expected a map of settings"));
    EXPECT_THAT(problem("log: json\n"), HasSubstr("log: expected a map"));
    EXPECT_THAT(problem("stats: [a]\n"), HasSubstr("stats: expected text"));
    EXPECT_THAT(problem("admin_group:\n"), HasSubstr("admin_group: expected text"));
    EXPECT_THAT(problem("start_parallelism: many\n"), HasSubstr("expected a whole number"));
    EXPECT_THAT(problem("start_parallelism: 99999999999\n"), HasSubstr("expected a whole number"));
    EXPECT_THAT(problem("stats: a\nstats: b\n"), HasSubstr("duplicate key"));
    EXPECT_THAT(problem("stats: {\n"), HasSubstr("/etc/emperor.yaml:"));
}

}  // namespace
}  // namespace emperor
