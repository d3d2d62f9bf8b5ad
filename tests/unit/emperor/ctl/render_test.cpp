// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/render.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "emperor/ctl/exec_plan.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {
namespace {

constexpr std::int64_t now_us = 1'700'000'100'000'000;

Json app(const std::string& name, const std::string& state) {
    return {{"name", name},       {"state", state},  {"is_serving", state == "running"},
            {"reason", ""},       {"generation", 3}, {"successor", 0},
            {"started_us", now_us - 65'000'000},     {"since_us", now_us - 65'000'000},
            {"retry_at_us", nullptr},                {"last_reload", "ok"},
            {"workers", {{"configured", 4}, {"serving", 3}, {"busy", 1}}},
            {"requests", 12},     {"restarts", 0},   {"diagnostics", Json::array()}};
}

TEST(Text, width_counts_columns_and_not_bytes) {
    EXPECT_EQ(display_width("shop"), 4u);
    EXPECT_EQ(display_width("caf\xc3\xa9"), 4u);
    EXPECT_EQ(display_width("e\xcc\x81"), 1u);
    EXPECT_EQ(display_width("\xe6\xbc\xa2\xe5\xad\x97"), 4u);
    EXPECT_EQ(display_width("\xff\xe2"), 2u);
}

TEST(Text, cutting_never_splits_a_character_and_never_exceeds_the_width) {
    const std::string text = "a\xe6\xbc\xa2\xe5\xad\x97 and more";
    for (std::size_t width = 0; width < 20; ++width) EXPECT_LE(display_width(cut(text, width)), width);
    EXPECT_EQ(cut("keeping generation", 10), "keeping...");
    EXPECT_EQ(cut("short", 5), "short");
}

TEST(Text, escape_sequences_of_an_app_become_harmless) {
    EXPECT_EQ(harmless("\x1b[2J\r\nx\t\x7f"), "\\x1b[2J\\r\\nx\\t\\x7f");
    EXPECT_EQ(harmless("a\tb", true), "a\tb");
    EXPECT_EQ(harmless("\xc2\x9b" "31m"), "\\x9b31m");
    EXPECT_EQ(harmless("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(Text, spans_sizes_and_timeouts_are_in_words) {
    using namespace std::chrono_literals;
    EXPECT_EQ(span_text(4s), "4 s");
    EXPECT_EQ(span_text(131min), "2h11m");
    EXPECT_EQ(span_text(76h), "3d04h");
    EXPECT_EQ(size_text(61 << 20), "61 MB");
    EXPECT_EQ(parse_span("500ms"), 500ms);
    EXPECT_EQ(parse_span("2m"), 2min);
    EXPECT_EQ(parse_span("7"), 7s);
    for (const char* text : {"", "s", "-1s", "3x", "1.5s", "99999999999999999999"}) EXPECT_EQ(parse_span(text), std::nullopt);
}

TEST(StatusTable, columns_line_up_and_the_last_one_is_cut_to_the_terminal) {
    Json crm = app("crm", "backoff");
    crm["generation"] = 0;
    crm["reason"] = "exit code 1: ModuleNotFoundError: No module named 'crm'";
    crm["retry_at_us"] = now_us + 14'000'000;
    const Json apps = {app("shop", "running"), crm};
    EXPECT_EQ(render_status(apps, false, {}, now_us),
              "APP   STATE    GEN  WORKERS     REQUESTS  RESTARTS  UPTIME  NOTE\n"
              "shop  running  3    3/4 1 busy  12        0         1m05s\n"
              "crm   backoff  -    3/4 1 busy  12        0         -       "
              "exit code 1: ModuleNotFoundError: No module named 'crm' - retry in 14 s\n");
    const std::string narrow = render_status(apps, false, {.is_colored = false, .width = 80}, now_us);
    std::istringstream lines(narrow);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80u) << line;
}

TEST(StatusTable, a_note_without_room_beside_its_row_stands_below_it) {
    Json crm = app("crm", "backoff");
    crm["reason"] = "ModuleNotFoundError: No module named 'crm_of_the_whole_company_and_its_friends'";
    const Json apps = {app("shop", "running"), crm};
    EXPECT_EQ(render_status(apps, false, {.is_colored = false, .width = 80}, now_us),
              "APP   STATE    GEN  WORKERS     REQUESTS  RESTARTS  UPTIME\n"
              "shop  running  3    3/4 1 busy  12        0         1m05s\n"
              "crm   backoff  3    3/4 1 busy  12        0         -\n"
              "    ModuleNotFoundError: No module named 'crm_of_the_whole_company_and_its_fr...\n");
    // With room for all of it, and when it is short, it stays beside.
    EXPECT_NE(render_status(apps, false, {.is_colored = false, .width = 140}, now_us).find("-       ModuleNot"),
              std::string::npos);
    crm["reason"] = "soon";
    EXPECT_NE(render_status({app("shop", "running"), crm}, false, {.is_colored = false, .width = 80}, now_us)
                  .find("-       soon\n"),
              std::string::npos);
}

TEST(StatusTable, colours_do_not_move_the_columns) {
    const Json apps = {app("shop", "running")};
    std::string colored = render_status(apps, false, {.is_colored = true, .width = 0}, now_us);
    EXPECT_NE(colored.find("\x1b[32mrunning\x1b[0m"), std::string::npos);
    for (std::size_t at; (at = colored.find('\x1b')) != std::string::npos;) colored.erase(at, colored.find('m', at) - at + 1);
    EXPECT_EQ(colored, render_status(apps, false, {}, now_us));
}

TEST(StatusTable, a_rejected_edit_says_what_is_kept_and_where_the_mistake_is) {
    Json old = app("old", "invalid");
    old["diagnostics"] = {"/etc/apps.d/old.yaml:4:3: error: unknown key 'proceses'"};
    EXPECT_EQ(note_of(old, now_us), "keeping generation 3 - old.yaml:4:3: error: unknown key 'proceses'");
    old["diagnostics"] = {"/etc/apps.d/old.yaml:2:8: warning: hosts: no listener",
                          "/etc/apps.d/old.yaml:4:3: error: unknown key 'x'"};
    EXPECT_EQ(note_of(old, now_us), "keeping generation 3 - old.yaml:4:3: error: unknown key 'x'");
    Json failed = app("shop", "running");
    failed["last_reload"] = "failed: SyntaxError";
    EXPECT_EQ(note_of(failed, now_us), "last reload failed: SyntaxError");
}

TEST(StatusTable, an_answer_of_another_version_is_shown_as_far_as_it_goes) {
    EXPECT_NO_THROW({ (void)render_status(Json::array({Json::object(), {{"name", 5}, {"workers", "x"}}}), true, {}, now_us); });
    EXPECT_NO_THROW({ (void)render_show({{"name", nullptr}, {"history", {1, 2}}}, {}, now_us); });
    EXPECT_EQ(render_status(Json::array(), false, {}, now_us), "no apps\n");
}

TEST(Page, history_shows_whole_causes_and_no_generation_where_there_is_none) {
    Json shop = app("shop", "running");
    const std::string cause(100, 'x');
    shop["history"] = {{{"time_us", 0}, {"generation", 2}, {"event", "reloaded"}, {"text", cause}},
                       {{"time_us", 0}, {"generation", 0}, {"event", "recovered"}, {"text", "the file is valid again"}}};
    const std::string page = render_show(shop, {.is_colored = false, .width = 80}, now_us);
    EXPECT_NE(page.find("  2    reloaded   " + cause + "\n"), std::string::npos) << page;
    EXPECT_NE(page.find("  -    recovered  the file is valid again\n"), std::string::npos) << page;
}

TEST(Failure, shows_step_reason_traceback_and_last_lines) {
    const std::string text = render_failure(
        "reload", {{"app", "crm"},
                   {"failure", {{"step", "import"}, {"reason", "no module"}, {"detail", "Traceback:\n  File x"}}},
                   {"log", {{{"time_us", 0}, {"worker", 2}, {"text", "hello\x1b"}}}}});
    EXPECT_TRUE(text.starts_with("crm: reload failed at step import: no module\n  Traceback:\n    File x\n")) << text;
    EXPECT_NE(text.find("crm[2] | hello\\x1b\n"), std::string::npos);
}

ExecPlace place(std::map<std::string, FileKind> files) {
    return {{"PATH=/v/bin:/usr/bin"}, "/srv/app", "/v", [files](const std::string& path) {
                const auto found = files.find(path);
                return found == files.end() ? FileKind::missing : found->second;
            }};
}

TEST(ExecPlan, the_apps_path_comes_first) {
    const auto argv = plan_exec(
        {"python", "-V"}, place({{"/v/bin/python", FileKind::executable}, {"/usr/bin/python", FileKind::executable}}));
    ASSERT_TRUE(argv);
    EXPECT_EQ(*argv, (std::vector<std::string>{"/v/bin/python", "-V"}));
}

TEST(ExecPlan, manage_py_of_the_directory_runs_with_the_apps_python) {
    const auto files = place({{"/srv/app/manage.py", FileKind::plain}});
    EXPECT_EQ(*plan_exec({"manage.py", "migrate"}, files), (std::vector<std::string>{"/v/bin/python", "manage.py", "migrate"}));
    EXPECT_EQ(*plan_exec({"./manage.py"}, place({{"/srv/app/./manage.py", FileKind::plain}})),
              (std::vector<std::string>{"/v/bin/python", "/srv/app/./manage.py"}));
}

TEST(ExecPlan, without_a_venv_python_is_debians) {
    ExecPlace bare = place({});
    bare.venv.clear();
    EXPECT_EQ(plan_exec({"python"}, bare)->front(), "/usr/bin/python3");
}

TEST(ExecPlan, what_is_nowhere_is_an_error_that_says_where_was_looked) {
    const auto argv = plan_exec({"nosuch"}, place({}));
    ASSERT_FALSE(argv);
    EXPECT_NE(argv.error().message().find("/srv/app"), std::string::npos);
    EXPECT_FALSE(plan_exec({"/x/y.sh"}, place({{"/x/y.sh", FileKind::plain}})));
}

}  // namespace
}  // namespace emperor::ctl
