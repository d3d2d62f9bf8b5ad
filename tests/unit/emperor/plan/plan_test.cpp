// SPDX-License-Identifier: Apache-2.0
#include "emperor/plan/plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace emperor::plan {
namespace {

using common::config::Diagnostic;
using common::config::Effective;
using common::config::ReloadClass;
using Kind = Action::Kind;

std::shared_ptr<const Effective> effective(const std::string& yaml) {
    common::config::DecodeOptions options;
    options.name = "shop";
    options.sockets_directory = "/run/emperor/sockets";
    common::config::Decoded decoded = common::config::decode({"/apps/shop.yaml", yaml}, {}, options);
    EXPECT_TRUE(decoded.effective) << common::config::render(decoded.diagnostics);
    return std::make_shared<Effective>(std::move(*decoded.effective));
}

const std::string plain = "app: shop:application\n";

DesiredFile valid(const std::string& name, const std::string& yaml = plain, std::uint64_t inode = 7) {
    return {.name = name,
            .path = "/apps/" + name + ".yaml",
            .stamp = {.inode = inode, .mtime_ns = 1, .size = 10},
            .effective = effective(yaml),
            .diagnostics = {}};
}

DesiredFile invalid(const std::string& name, const std::string& message) {
    DesiredFile file{.name = name, .path = "/apps/" + name + ".yaml", .stamp = {}, .effective = {}, .diagnostics = {}};
    Diagnostic finding;
    finding.file = file.path;
    finding.message = message;
    file.diagnostics = {finding};
    return file;
}

KnownVassal known(const DesiredFile& file) {
    return {.path = file.path,
            .values = file.effective ? file.effective->values : nullptr,
            .stamp = file.stamp,
            .uid = file.uid,
            .gid = file.gid,
            .invalid = file.effective ? "" : common::config::render(file.diagnostics),
            .watched = file.watched};
}

// "touched shop rollout"
std::vector<std::string> words(const Desired& desired, const Known& fleet) {
    std::vector<std::string> result;
    for (const Action& action : plan(desired, fleet)) {
        std::string word = std::string(name_of(action.kind)) + " " + action.name;
        switch (action.reload) {
            case ReloadClass::none: break;
            case ReloadClass::live: word += " live"; break;
            case ReloadClass::recycle: word += " recycle"; break;
            case ReloadClass::rollout: word += " rollout"; break;
            case ReloadClass::listeners: word += " listeners"; break;
        }
        result.push_back(word);
    }
    return result;
}

using Words = std::vector<std::string>;

TEST(Plan, a_new_file_is_added) {
    const Desired desired{.files = {valid("shop")}, .unreadable_directories = {}};
    EXPECT_EQ(words(desired, {}), Words{"added shop listeners"});
    EXPECT_EQ(plan(desired, {}).front().file, &desired.files.front());
    EXPECT_EQ(plan(desired, {}).front().cause, "new file");
}

TEST(Plan, an_unchanged_file_needs_nothing) {
    EXPECT_EQ(words({.files = {valid("shop")}, .unreadable_directories = {}}, {{"shop", known(valid("shop"))}}),
              Words{});
}

TEST(Plan, another_stamp_with_the_same_values_is_a_touch) {
    const Known fleet{{"shop", known(valid("shop"))}};
    EXPECT_EQ(words({.files = {valid("shop", plain, 8)}, .unreadable_directories = {}}, fleet),
              Words{"touched shop rollout"});
    EXPECT_EQ(words({.files = {valid("shop", "# a comment\n" + plain, 8)}, .unreadable_directories = {}}, fleet),
              Words{"touched shop rollout"});
}

TEST(Plan, each_part_of_the_stamp_counts_also_an_older_time_and_the_link_itself) {
    const DesiredFile before = valid("shop");
    const auto touched = [&](auto change) {
        DesiredFile now = before;
        change(now.stamp);
        return words({.files = {now}, .unreadable_directories = {}}, {{"shop", known(before)}}) ==
               Words{"touched shop rollout"};
    };
    EXPECT_TRUE(touched([](watch::FileStamp& stamp) { stamp.mtime_ns -= 1; }));
    EXPECT_TRUE(touched([](watch::FileStamp& stamp) { stamp.inode += 1; }));
    EXPECT_TRUE(touched([](watch::FileStamp& stamp) { stamp.size += 1; }));
    EXPECT_TRUE(touched([](watch::FileStamp& stamp) { stamp.link_inode += 1; }));
    EXPECT_TRUE(touched([](watch::FileStamp& stamp) { stamp.link_mtime_ns += 1; }));
}

TEST(Plan, other_values_are_a_change_with_the_highest_class_of_what_differs) {
    const Known fleet{{"shop", known(valid("shop"))}};
    EXPECT_EQ(words({.files = {valid("shop", plain + "env: {A: b}\n", 8)}, .unreadable_directories = {}}, fleet),
              Words{"changed shop rollout"});
    EXPECT_EQ(words({.files = {valid("shop", plain + "env: {A: b}\nlisten: http:127.0.0.1:8000\n", 8)},
                     .unreadable_directories = {}},
                    fleet),
              Words{"changed shop listeners"});
}

TEST(Plan, each_key_counts_with_its_own_class_and_is_named) {
    const Known fleet{{"shop", known(valid("shop"))}};
    const auto planned = [&](const std::string& yaml) {
        const Desired desired{.files = {valid("shop", plain + yaml, 8)}, .unreadable_directories = {}};
        Action action = plan(desired, fleet).front();
        action.file = nullptr;
        return action;
    };
    EXPECT_EQ(planned("timeouts: {drain: 1s}\n").reload, ReloadClass::live);
    EXPECT_EQ(planned("timeouts: {drain: 1s}\n").keys, Words{"timeouts.drain"});
    EXPECT_EQ(planned("workers: 3\nmount: /x\n").reload, ReloadClass::recycle);
    EXPECT_EQ(planned("workers: 3\nmount: /x\n").keys, (Words{"mount", "workers"})) << "in the order of the table";
}

TEST(Plan, an_edit_and_a_watched_path_that_changed_with_it_are_at_least_a_rollout) {
    DesiredFile file = valid("shop", plain + "watch: /srv/current\n");
    file.watched = {{"/srv/current", {.inode = 1}}};
    const Known fleet{{"shop", known(file)}};
    DesiredFile edited = valid("shop", plain + "watch: /srv/current\nworkers: 2\n", 8);
    edited.watched = {{"/srv/current", {.inode = 1}}};
    EXPECT_EQ(words({.files = {edited}, .unreadable_directories = {}}, fleet), Words{"changed shop live"});
    edited.watched = {{"/srv/current", {.inode = 2}}};
    EXPECT_EQ(words({.files = {edited}, .unreadable_directories = {}}, fleet), Words{"changed shop rollout"});
}

TEST(Plan, other_values_of_an_untouched_file_come_from_the_defaults) {
    const Known fleet{{"shop", known(valid("shop"))}};
    EXPECT_EQ(words({.files = {valid("shop", plain + "env: {A: b}\n")}, .unreadable_directories = {}}, fleet),
              Words{"defaults_changed shop rollout"});
}

TEST(Plan, another_owner_gives_other_rights_and_is_at_least_a_rollout) {
    DesiredFile file = valid("shop");
    const Known fleet{{"shop", known(file)}};
    file.uid = 1000;
    EXPECT_EQ(words({.files = {file}, .unreadable_directories = {}}, fleet), Words{"changed shop rollout"});
}

TEST(Plan, an_invalid_file_is_said_once_and_again_when_the_text_differs) {
    const Desired desired{.files = {invalid("shop", "unknown key 'x'")}, .unreadable_directories = {}};
    EXPECT_EQ(words(desired, {{"shop", known(valid("shop"))}}), Words{"invalid shop"});
    EXPECT_EQ(words(desired, {{"shop", known(invalid("shop", "unknown key 'x'"))}}), Words{});
    EXPECT_EQ(words(desired, {{"shop", known(invalid("shop", "unknown key 'y'"))}}), Words{"invalid shop"});
    EXPECT_EQ(plan(desired, {}).front().diagnostics, desired.files.front().diagnostics);
}

TEST(Plan, a_file_that_is_valid_again_and_what_it_was_recovers_without_a_rollout) {
    KnownVassal shown_invalid = known(valid("shop"));
    shown_invalid.invalid = "chdir is missing";
    EXPECT_EQ(words({.files = {valid("shop")}, .unreadable_directories = {}}, {{"shop", shown_invalid}}),
              Words{"recovered shop"});
    EXPECT_EQ(words({.files = {valid("shop", plain, 8)}, .unreadable_directories = {}}, {{"shop", shown_invalid}}),
              Words{"touched shop rollout"});
}

TEST(Plan, the_first_valid_configuration_of_an_invalid_one_is_an_addition) {
    EXPECT_EQ(words({.files = {valid("shop")}, .unreadable_directories = {}}, {{"shop", known(invalid("shop", "x"))}}),
              Words{"added shop listeners"});
}

TEST(Plan, a_file_that_is_gone_is_removed) {
    EXPECT_EQ(words({}, {{"shop", known(valid("shop"))}}), Words{"removed shop"});
}

TEST(Plan, a_directory_that_cannot_be_read_removes_and_replaces_nothing) {
    const Known fleet{{"shop", known(valid("shop"))}};
    EXPECT_EQ(words({.files = {}, .unreadable_directories = {"/apps"}}, fleet), Words{});
    DesiredFile elsewhere = valid("shop");
    elsewhere.path = "/more/shop.yaml";
    EXPECT_EQ(words({.files = {elsewhere}, .unreadable_directories = {"/apps"}}, fleet), Words{});
    EXPECT_EQ(words({.files = {}, .unreadable_directories = {"/more"}}, fleet), Words{"removed shop"});
}

TEST(Plan, two_files_with_one_name_are_invalid_with_both_paths_and_remove_nothing) {
    DesiredFile second = valid("shop", plain, 8);
    second.path = "/apps/shop.yml";
    const Desired desired{.files = {valid("shop"), second}, .unreadable_directories = {}};
    const Known fleet{{"shop", known(valid("shop"))}};
    ASSERT_EQ(words(desired, fleet), Words{"invalid shop"});
    const std::string text = common::config::render(plan(desired, fleet).front().diagnostics);
    EXPECT_NE(text.find("/apps/shop.yaml"), std::string::npos) << text;
    EXPECT_NE(text.find("/apps/shop.yml"), std::string::npos) << text;

    KnownVassal told = known(valid("shop"));
    told.invalid = text;
    EXPECT_EQ(words(desired, {{"shop", told}}), Words{});
    // The second one goes away: the first is what it was, nothing restarts.
    EXPECT_EQ(words({.files = {valid("shop")}, .unreadable_directories = {}}, {{"shop", told}}),
              Words{"recovered shop"});
    // The first one goes away: the other takes its place.
    EXPECT_EQ(words({.files = {second}, .unreadable_directories = {}}, {{"shop", told}}),
              Words{"touched shop rollout"});
}

TEST(Plan, the_order_is_removed_invalid_changes_added_and_by_name) {
    const Known fleet{{"a", known(valid("a"))}, {"d", known(valid("d"))}, {"e", known(valid("e"))}};
    const Desired desired{.files = {valid("b"), invalid("c", "x"), valid("d", plain, 8),
                                    valid("e", plain + "threads: 2\n", 8), valid("z")},
                          .unreadable_directories = {}};
    std::vector<std::string> order;
    for (const Action& action : plan(desired, fleet))
        order.push_back(std::string(name_of(action.kind)) + " " + action.name);
    EXPECT_EQ(order, (Words{"removed a", "invalid c", "touched d", "changed e", "added b", "added z"}));
}

TEST(Plan, a_watched_path_that_changed_is_a_touch_that_names_it) {
    DesiredFile file = valid("shop");
    file.watched = {{"/srv/a", {.inode = 1}}, {"/srv/current", {.inode = 2}}};
    Known fleet{{"shop", known(file)}};
    EXPECT_TRUE(plan({.files = {file}, .unreadable_directories = {}}, fleet).empty());
    file.watched["/srv/current"].inode = 3;
    const Desired desired{.files = {file}, .unreadable_directories = {}};
    const std::vector<Action> actions = plan(desired, fleet);
    ASSERT_EQ(actions.size(), 1u);
    EXPECT_EQ(actions[0].kind, Kind::touched);
    EXPECT_EQ(actions[0].reload, ReloadClass::rollout);
    EXPECT_EQ(actions[0].cause, "/srv/current changed");
    fleet.at("shop").watched.clear();
    EXPECT_TRUE(plan(desired, fleet).empty()) << "what was not looked at cannot have changed";
}

}  // namespace
}  // namespace emperor::plan
