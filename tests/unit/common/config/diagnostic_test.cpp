// SPDX-License-Identifier: Apache-2.0
#include "common/config/diagnostic.h"

#include <gtest/gtest.h>

using namespace common::config;

namespace {

Diagnostic sample() {
    Diagnostic diagnostic;
    diagnostic.file = "/etc/apps.d/old.yaml";
    diagnostic.position = {4, 3};
    diagnostic.width = 8;
    diagnostic.message = "unknown key 'proceses' (did you mean 'workers'?)";
    diagnostic.source = "  proceses: 4";
    return diagnostic;
}

TEST(Diagnostic, shows_place_message_line_and_caret) {
    EXPECT_EQ(render(sample()),
              "/etc/apps.d/old.yaml:4:3: error: unknown key 'proceses' (did you mean 'workers'?)\n"
              "    4 |   proceses: 4\n"
              "      |   ^~~~~~~~");
}

TEST(Diagnostic, headline_is_its_first_line) {
    EXPECT_EQ(headline(sample()), "/etc/apps.d/old.yaml:4:3: error: unknown key 'proceses' (did you mean 'workers'?)");
}

TEST(Diagnostic, of_a_whole_file_has_no_position_and_no_caret) {
    Diagnostic diagnostic = sample();
    diagnostic.position = {};
    EXPECT_EQ(render(diagnostic), "/etc/apps.d/old.yaml: error: unknown key 'proceses' (did you mean 'workers'?)");
}

TEST(Diagnostic, of_a_whole_line_has_no_caret) {
    Diagnostic diagnostic = sample();
    diagnostic.position = {4, 0};
    EXPECT_EQ(render(diagnostic),
              "/etc/apps.d/old.yaml:4: error: unknown key 'proceses' (did you mean 'workers'?)\n    4 |   proceses: 4");
}

TEST(Diagnostic, caret_stands_below_its_character_behind_umlauts_and_tabs) {
    Diagnostic diagnostic = sample();
    diagnostic.source = "\tgrüße: ö";
    diagnostic.position = {12, 11};
    diagnostic.width = 2;
    EXPECT_TRUE(render(diagnostic).ends_with("\n   12 | \tgrüße: ö\n      | \t       ^")) << render(diagnostic);
}

TEST(Diagnostic, caret_never_leaves_its_line) {
    Diagnostic diagnostic = sample();
    diagnostic.source = "short";
    diagnostic.position = {1, 400};
    diagnostic.width = 1000;
    EXPECT_TRUE(render(diagnostic).ends_with("short\n      |      ^")) << render(diagnostic);
}

TEST(Diagnostic, warnings_are_no_errors) {
    Diagnostic diagnostic = sample();
    EXPECT_TRUE(has_errors({diagnostic}));
    diagnostic.severity = Diagnostic::Severity::warning;
    EXPECT_FALSE(has_errors({diagnostic}));
    EXPECT_NE(headline(diagnostic).find(": warning: "), std::string::npos);
}

TEST(Diagnostic, several_are_one_after_the_other) {
    const Diagnostics two = {sample(), sample()};
    EXPECT_EQ(render(two), render(sample()) + "\n" + render(sample()));
    EXPECT_EQ(render(Diagnostics{}), "");
}

}  // namespace
