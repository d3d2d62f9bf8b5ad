// SPDX-License-Identifier: Apache-2.0
// What the fixtures do not show: origins, the canonical document, --set, the way back from JSON.
#include "common/config/decode.h"

#include <nlohmann/json.hpp>

#include "common/config/schema.h"
#include "tests/unit/common/config/fixtures.h"

using namespace common::config;
using nlohmann::json;

namespace {

Effective good(const std::string& text, const std::optional<std::string>& defaults = std::nullopt) {
    std::optional<Source> below;
    if (defaults) below = Source{"/etc/apps.d/_defaults.yaml", *defaults};
    Decoded decoded = decode({"/etc/apps.d/shop.yaml", text}, below, fixtures::options("shop"));
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return decoded.effective.value_or(Effective{});
}

Effective set(const std::vector<std::string>& settings) {
    Decoded decoded = decode_settings(settings, fixtures::options("vassal"));
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return decoded.effective.value_or(Effective{});
}

std::string complaint(const std::vector<std::string>& settings) {
    const Decoded decoded = decode_settings(settings, fixtures::options("vassal"));
    EXPECT_FALSE(decoded.effective);
    return render(decoded.diagnostics);
}

TEST(Decode, tells_where_every_value_came_from) {
    const Effective effective =
        good("app: x\nenv:\n  B: b\nlisten:\n  - http::80\n  - http::81\n", "env: {A: a}\nworkers: 2\n");
    const auto origin = [&](const std::string& path) { return effective.origins.at(path).text(); };
    EXPECT_EQ(origin("app"), "shop.yaml:1");
    EXPECT_EQ(origin("workers"), "_defaults.yaml:2");
    EXPECT_FALSE(effective.origins.contains("threads"));
    EXPECT_EQ(origin("env.A"), "_defaults.yaml:1");
    EXPECT_EQ(origin("env.B"), "shop.yaml:3");
    EXPECT_EQ(origin("listen.0"), "shop.yaml:5");
    EXPECT_EQ(origin("listen.1"), "shop.yaml:6");
    EXPECT_FALSE(effective.origins.contains("listen.2"));
    EXPECT_EQ(effective.origins.at("listen.1").source, "  - http::81");
    EXPECT_EQ(effective.origins.at("listen.1").position, (Position{6, 5}));
    EXPECT_EQ(effective.origins.at("listen.1").width, 8);
    EXPECT_EQ(effective.file, "/etc/apps.d/shop.yaml");
}

TEST(Decode, the_canonical_document_has_every_key) {
    const Effective effective = good("app: x\n");
    for (const Key& key : keys()) {
        std::string pointer(1, '/');
        pointer += key.path;
        std::replace(pointer.begin(), pointer.end(), '.', '/');
        EXPECT_TRUE(effective.values->contains(json::json_pointer(pointer))) << key.path;
    }
    EXPECT_EQ((*effective.values)["socket"]["mode"], 0660);
    EXPECT_EQ((*effective.values)["timeouts"]["request"], 60'000);
    EXPECT_EQ((*effective.values)["venv"], nullptr);
    EXPECT_EQ((*effective.values)["listen"], json::array({"uwsgi:/run/emperor/sockets/shop.sock"}));
}

TEST(Decode, a_range_of_workers_has_both_ends_and_a_number_is_a_range_of_one) {
    const VassalConfig range = good("app: x\nworkers: {min: 2, max: 8}\n").config;
    EXPECT_EQ(range.workers_min, 2);
    EXPECT_EQ(range.workers, 8);
    const VassalConfig fixed = good("app: x\nworkers: 3\n").config;
    EXPECT_EQ(fixed.workers_min, 3);
    EXPECT_EQ(fixed.workers, 3);
    EXPECT_EQ(good("app: x\nworkers: {min: 1, max: auto}\n").config.workers, good("app: x\nworkers: auto\n").config.workers);
}

TEST(Decode, static_directories_count_from_chdir_and_a_slash_behind_the_prefix_means_nothing) {
    const VassalConfig config = good("app: x\nchdir: /srv/x\nstatic: {/a/: assets, /b/c: /srv/c}\n").config;
    const std::map<std::string, std::string> expected = {{"/a", "/srv/x/assets"}, {"/b/c", "/srv/c"}};
    EXPECT_EQ(config.static_files, expected);
}

TEST(Decode, auto_workers_are_as_many_as_usable_processors) {
    const int workers = good("app: x\nworkers: auto\n").config.workers;
    EXPECT_GE(workers, 1);
    EXPECT_LE(workers, 256);
}

TEST(Decode, a_bad_name_is_an_error_of_the_file) {
    for (const std::string name : {"", ".hidden", "a b", "a/b", "-x", "x;y", "ü"}) {
        EXPECT_FALSE(is_valid_name(name)) << name;
        const Decoded decoded = decode({"/etc/apps.d/f.yaml", "app: x\n"}, std::nullopt, fixtures::options(name));
        EXPECT_FALSE(decoded.effective);
        ASSERT_EQ(decoded.diagnostics.size(), 1u) << render(decoded.diagnostics);
        EXPECT_NE(decoded.diagnostics[0].message.find("cannot name a vassal"), std::string::npos);
    }
    EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
    EXPECT_TRUE(is_valid_name(std::string(64, 'a')));
    EXPECT_TRUE(is_valid_name("0a.B_c-d"));
}

TEST(Decode, a_bad_name_and_a_bad_key_are_told_together) {
    const Decoded decoded = decode({"/etc/apps.d/f.yaml", "app: x\nfoo: 1\n"}, std::nullopt, fixtures::options("a b"));
    EXPECT_EQ(decoded.diagnostics.size(), 2u) << render(decoded.diagnostics);
}

TEST(Decode, variables_are_unknown_without_a_lookup) {
    DecodeOptions options = fixtures::options("x");
    options.variable = nullptr;
    EXPECT_FALSE(decode({"x.yaml", "app: ${MODULE}\n"}, std::nullopt, options).effective);
    EXPECT_TRUE(decode({"x.yaml", "app: ${MODULE:-x}\n"}, std::nullopt, options).effective);
}

TEST(Decode, what_a_variable_holds_never_becomes_yaml) {
    DecodeOptions options = fixtures::options("x");
    options.variable = [](std::string_view) { return std::optional<std::string>("x\nuser: root # ${A}"); };
    const Decoded decoded = decode({"/x.yaml", "app: x\nenv: {A: \"${V}\"}\n"}, std::nullopt, options);
    ASSERT_TRUE(decoded.effective);
    EXPECT_EQ(decoded.effective->config.env.at("A"), "x\nuser: root # ${A}");
    EXPECT_EQ(decoded.effective->config.user, "");
}

TEST(Decode, a_variable_that_is_not_utf8_is_an_error) {
    DecodeOptions options = fixtures::options("x");
    options.variable = [](std::string_view) { return std::optional<std::string>("\xFF"); };
    EXPECT_FALSE(decode({"/x.yaml", "app: x\nenv: {A: \"${V}\"}\n"}, std::nullopt, options).effective);
}

TEST(Decode, errors_of_the_defaults_and_of_the_file_come_together) {
    const Decoded decoded = decode({"/d/shop.yaml", "app: x\nworkers: 0\n"}, Source{"/d/_defaults.yaml", "thread: 1\n"},
                                   fixtures::options("shop"));
    ASSERT_EQ(decoded.diagnostics.size(), 2u);
    EXPECT_EQ(decoded.diagnostics[0].file, "/d/_defaults.yaml");
    EXPECT_EQ(decoded.diagnostics[1].file, "/d/shop.yaml");
}

TEST(DecodeSettings, takes_keys_with_values) {
    const VassalConfig config = set({"app=mysite.wsgi:application", "workers=2", "timeouts.request=5s", "preload=true",
                                     "socket.mode=0600", "timeouts.keepalive=off"})
                                    .config;
    EXPECT_EQ(config.app, "mysite.wsgi:application");
    EXPECT_EQ(config.workers, 2);
    EXPECT_EQ(config.timeouts.request, Milliseconds(5000));
    EXPECT_EQ(config.timeouts.keepalive, Milliseconds(0));
    EXPECT_TRUE(config.preload);
    EXPECT_EQ(config.socket.mode, 0600u);
}

TEST(DecodeSettings, leaves_texts_as_the_shell_gave_them) {
    const VassalConfig config =
        set({"app=x", "env.A={name} ${B} #c: \"d\"", "env.EMPTY=", "before_start=a: b # c"}).config;
    EXPECT_EQ(config.env.at("A"), "{name} ${B} #c: \"d\"");
    EXPECT_EQ(config.env.at("EMPTY"), "");
    EXPECT_EQ(config.before_start, "a: b # c");
}

TEST(DecodeSettings, adds_up_lists_and_lets_the_last_value_win) {
    const Effective effective =
        set({"app=x", "listen=http:127.0.0.1:8000", "listen=[\"http::81\", \"uwsgi:/tmp/x.sock\"]", "workers=2",
             "workers=3", "env.A=1", "env={A: 2, B: 3}"});
    ASSERT_EQ(effective.config.listen.size(), 3u);
    EXPECT_EQ(effective.config.listen[0].text(), "http:127.0.0.1:8000");
    EXPECT_EQ(effective.config.listen[2].text(), "uwsgi:/tmp/x.sock");
    EXPECT_EQ(effective.config.workers, 3);
    EXPECT_EQ(effective.config.env, (std::map<std::string, std::string>{{"A", "2"}, {"B", "3"}}));
    EXPECT_EQ(effective.origins.at("listen.2").text(), "--set");
    EXPECT_EQ(effective.origins.at("workers").text(), "--set");
}

TEST(DecodeSettings, counts_relative_paths_from_the_current_directory) {
    const std::string here = std::filesystem::current_path().string();
    EXPECT_EQ(set({"app=x"}).config.chdir, here);
    EXPECT_EQ(set({"app=x", "chdir=sub", "venv=v"}).config.venv, here + "/sub/v");
    EXPECT_EQ(set({"app=x", "chdir=/srv"}).config.chdir, "/srv");
}

TEST(DecodeSettings, says_which_setting_is_wrong) {
    EXPECT_EQ(complaint({"app=x", "workers=many"}),
              "--set workers=many: error: workers: expected an integer from 1 to 256 or 'auto', got 'many'");
    EXPECT_EQ(complaint({"app=x", "wrokers=1"}),
              "--set wrokers=1: error: unknown key 'wrokers' (did you mean 'workers'?)");
    EXPECT_EQ(complaint({"app=x", "workers"}), "--set workers: error: expected KEY=VALUE");
    EXPECT_EQ(complaint({}), "--set: error: the key 'app' is missing (for example 'app=mysite.wsgi:application')");
    EXPECT_EQ(complaint({"app=x", "harakiri=5"}),
              "--set harakiri=5: error: unknown key 'harakiri', an option of uWSGI: use timeouts.request");
    EXPECT_NE(complaint({"app=x", "env.A-B=1"}).find("not a name of an environment variable"), std::string::npos);
    EXPECT_NE(complaint({"app=x", "timeouts=5s"}).find("is a group of keys"), std::string::npos);
    EXPECT_NE(complaint({"app=x", "listen=["}).find("--set listen=[: error: "), std::string::npos);
    EXPECT_NE(complaint({"app=\xFF"}).find("not UTF-8"), std::string::npos);
}

TEST(ConfigFromJson, refuses_documents_that_the_table_does_not_describe) {
    const json valid = *good("app: x\n").values;
    ASSERT_TRUE(config_from_json(valid));
    const auto refused = [&](const char* pointer, json value) {
        json document = valid;
        document[json::json_pointer(pointer)] = std::move(value);
        return !config_from_json(document);
    };
    EXPECT_TRUE(refused("/frobnicate", 1));
    EXPECT_TRUE(refused("/timeouts/frobnicate", 1));
    EXPECT_TRUE(refused("/app", nullptr));
    EXPECT_TRUE(refused("/app", 5));
    EXPECT_TRUE(refused("/workers", 0));
    EXPECT_TRUE(refused("/workers", "4"));
    EXPECT_TRUE(refused("/workers", 1.5));
    EXPECT_TRUE(refused("/workers", {{"min", 3}, {"max", 2}}));
    EXPECT_TRUE(refused("/workers", {{"min", 3}}));
    EXPECT_TRUE(refused("/log/access", "yaml"));
    EXPECT_TRUE(refused("/limits/body", 18446744073709551615ull));
    EXPECT_TRUE(refused("/timeouts", 5));
    EXPECT_TRUE(refused("/timeouts/start", -1));
    EXPECT_TRUE(refused("/listen", json::array()));
    EXPECT_TRUE(refused("/listen", json::array({"nonsense"})));
    EXPECT_TRUE(refused("/listen/0", 5));
    EXPECT_TRUE(refused("/env", json::array()));
    EXPECT_TRUE(refused("/env", {{"A", 1}}));
    EXPECT_TRUE(refused("/preload", "true"));
    EXPECT_FALSE(config_from_json(json()));
    EXPECT_FALSE(config_from_json(json::array()));
    EXPECT_FALSE(config_from_json(json::object()));
}

// A record of a former emperor, or what one that runs on hands to a newer vassal program.
TEST(ConfigFromJson, takes_documents_of_a_version_that_knew_fewer_keys) {
    json document = *good("app: x\n").values;
    const VassalConfig whole = config_from_json(document).value();
    for (const char* key : {"hosts", "preload", "workers", "limits", "rollout"}) document.erase(key);
    document["log"].erase("rotate");
    document["timeouts"].erase("start");
    const auto config = config_from_json(document);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->timeouts.start, whole.timeouts.start);
    EXPECT_EQ(config->workers, whole.workers);
    EXPECT_EQ(config->limits.body, whole.limits.body);
    EXPECT_TRUE(config->hosts.empty());
}

}  // namespace
