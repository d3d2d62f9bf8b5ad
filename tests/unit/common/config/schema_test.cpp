// SPDX-License-Identifier: Apache-2.0
#include "common/config/schema.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "common/config/scalars.h"
#include "common/config/schema_internal.h"
#include "common/config/suggest.h"
#include "tests/unit/common/config/fixtures.h"

using namespace common::config;
using nlohmann::json;

namespace {

json decoded_values(const std::string& text) {
    const Decoded decoded = decode({"/etc/apps.d/x.yaml", text}, std::nullopt, fixtures::options("x"));
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return decoded.effective ? *decoded.effective->values : json();
}

TEST(Schema, every_key_is_complete_and_unique) {
    std::set<std::string_view> paths;
    for (const Key& key : keys()) {
        EXPECT_TRUE(paths.insert(key.path).second) << key.path;
        EXPECT_TRUE(key.summary.ends_with('.')) << key.path;
        EXPECT_TRUE(key.detail.empty() || key.detail.ends_with('.')) << key.path;
        EXPECT_NE(key.reload, ReloadClass::none) << key.path;
        EXPECT_FALSE(is_planned_key(key.path)) << key.path;
    }
    EXPECT_LE(paths.size(), 70u);
}

TEST(Schema, a_value_is_shown_as_a_file_may_have_it) {
    const auto shown = [](std::string_view path, const json& value) { return value_text(*find_key(path), value); };
    EXPECT_EQ(shown("recycle.jitter", 5), "5%");
    EXPECT_EQ(shown("recycle.jitter", 0), "0%");
    EXPECT_EQ(shown("recycle.max_rss", 0), "off");
    EXPECT_EQ(shown("recycle.max_requests", 0), "off");
    EXPECT_EQ(shown("timeouts.request", 0), "off");
    EXPECT_EQ(shown("timeouts.request", 45'000), "45s");
    EXPECT_EQ(shown("limits.body", 1 << 30), "1GiB");
    EXPECT_EQ(shown("limits.header_size", 5000), "5000");
    EXPECT_EQ(shown("socket.mode", 0660), "0660");
    EXPECT_EQ(shown("workers", 3), "3");
    EXPECT_EQ(shown("workers", {{"min", 1}, {"max", 8}}), "{min: 1, max: 8}");
    EXPECT_EQ(shown("preload", true), "true");
    EXPECT_EQ(shown("listen", {"uwsgi:/a"}), "[\"uwsgi:/a\"]");
}

TEST(Schema, every_default_is_shown_as_something_that_is_read_as_the_same) {
    const json values = decoded_values("app: x\n");
    for (const Key& key : keys()) {
        json value = values;
        for (std::string_view rest = key.path; !rest.empty() && value.is_object();) {
            const std::string_view word = rest.substr(0, rest.find('.'));
            value = json(value.value(std::string(word), json()));
            rest.remove_prefix(std::min(rest.size(), word.size() + 1));
        }
        if (value.is_null() || value.is_structured()) continue;
        const auto again = decode_scalar(key, {.text = value_text(key, value), .is_word = true});
        ASSERT_TRUE(again) << key.path << ": " << again.error().message();
        EXPECT_EQ(*again, value) << key.path;
    }
}

TEST(Schema, every_example_is_accepted) {
    for (const Key& key : keys()) {
        const std::string text = std::string(key.example) + (key.path == "app" ? "\n" : "\napp: x\n");
        const Decoded decoded = decode({"/x.yaml", text}, std::nullopt, fixtures::options("x"));
        EXPECT_TRUE(decoded.effective) << key.path << "\n" << render(decoded.diagnostics);
    }
}

TEST(Schema, every_default_is_that_of_the_typed_configuration) {
    const Decoded decoded = decode({"/x.yaml", "app: x\n"}, std::nullopt, fixtures::options("x"));
    ASSERT_TRUE(decoded.effective);
    VassalConfig expected;
    expected.app = "x";
    expected.listen = {common::net::parse_listen_address("uwsgi:/run/emperor/sockets/x.sock").value()};
    EXPECT_EQ(decoded.effective->config, expected);
}

TEST(Schema, every_default_and_bound_is_written_as_the_decoder_reads_it) {
    for (const Key& key : keys()) {
        if (key.kind == ValueKind::duration || key.kind == ValueKind::size) {
            for (const std::int64_t bound : {key.minimum, key.maximum}) {
                const auto value = decode_scalar(key, {.text = bound_text(key, bound)});
                ASSERT_TRUE(value) << key.path << " " << bound_text(key, bound) << ": " << value.error().message();
                EXPECT_EQ(*value, bound) << key.path;
            }
        }
    }
}

TEST(Schema, advice_names_keys_that_exist_and_options_once) {
    std::set<std::string_view> options;
    for (const Advice& advice : uwsgi_advice()) {
        EXPECT_TRUE(options.insert(advice.option).second) << advice.option;
        EXPECT_EQ(advice.option.find('_'), std::string_view::npos) << advice.option;
        EXPECT_FALSE(advice.text.empty()) << advice.option;
        EXPECT_TRUE(advice.key.empty() || find_key(advice.key) != nullptr) << advice.option;
        EXPECT_EQ(find_key(advice.option), nullptr) << advice.option;
    }
}

// uWSGI's options by how often real configurations set them: none may go unanswered.
TEST(Schema, answers_the_options_of_uwsgi_that_people_use) {
    for (const std::string_view option : {"master",
                                          "processes",
                                          "module",
                                          "wsgi",
                                          "wsgi-file",
                                          "callable",
                                          "socket",
                                          "http",
                                          "http-socket",
                                          "vacuum",
                                          "pidfile",
                                          "enable-threads",
                                          "uid",
                                          "gid",
                                          "buffer-size",
                                          "harakiri",
                                          "max-requests",
                                          "chmod-socket",
                                          "die-on-term",
                                          "virtualenv",
                                          "home",
                                          "daemonize",
                                          "post-buffering",
                                          "static-map",
                                          "logto",
                                          "single-interpreter",
                                          "log-format",
                                          "stats",
                                          "disable-logging",
                                          "socket-timeout",
                                          "lazy-apps",
                                          "need-app",
                                          "thunder-lock",
                                          "memory-report",
                                          "auto-procname",
                                          "plugins",
                                          "strict",
                                          "touch-reload",
                                          "pythonpath",
                                          "log-maxsize",
                                          "logger",
                                          "cheaper",
                                          "harakiri-verbose",
                                          "no-orphans",
                                          "offload-threads",
                                          "max-worker-lifetime",
                                          "reload-on-rss",
                                          "worker-reload-mercy",
                                          "reload-mercy",
                                          "chown-socket",
                                          "hook-pre-app",
                                          "attach-daemon",
                                          "if-env",
                                          "gevent",
                                          "master-fifo",
                                          "manage-script-name",
                                          "py-autoreload",
                                          "limit-post",
                                          "http-keepalive",
                                          "max-fd",
                                          "cache2",
                                          "route",
                                          "spooler",
                                          "mule",
                                          "subscribe-to",
                                          "cpu-affinity",
                                          "idle",
                                          "die-on-idle",
                                          "enable-metrics"})
        EXPECT_FALSE(advice_for_uwsgi_option(option).empty()) << option;
    EXPECT_EQ(advice_for_uwsgi_option("harakiri"), "use timeouts.request");
    EXPECT_EQ(advice_for_uwsgi_option("chmod_socket"), "use socket.mode") << "underscores are uWSGI's too";
    EXPECT_TRUE(advice_for_uwsgi_option("frobnicate").empty());
    EXPECT_TRUE(advice_for_uwsgi_option("").empty());
}

TEST(Schema, knows_the_words_of_later_versions) {
    for (const std::string_view key :
         {"rollout.max_latency",
          "sandbox", "cron", "daemons",
          "preload_modules"})
        EXPECT_TRUE(is_planned_key(key)) << key;
    EXPECT_FALSE(is_planned_key("log"));
    EXPECT_FALSE(is_planned_key("sandboxes"));
}

TEST(Schema, explains_a_key_with_type_default_change_and_example) {
    const std::string text = explain("timeouts.request");
    EXPECT_NE(text.find("a duration from 100ms to 24h or 'off'"), std::string::npos) << text;
    EXPECT_NE(text.find("default:  60s"), std::string::npos) << text;
    EXPECT_NE(text.find("changed:  live"), std::string::npos) << text;
    EXPECT_NE(text.find("timeouts: {request: 30s}"), std::string::npos) << text;
}

TEST(Schema, explains_a_group_by_its_keys) {
    const std::string text = explain("timeouts");
    for (const Key& key : keys())
        EXPECT_EQ(text.find("\n  " + std::string(key.path) + " ") != std::string::npos,
                  key.path.starts_with("timeouts."))
            << key.path;
}

TEST(Schema, explains_options_of_uwsgi_and_planned_words_and_nothing_else) {
    EXPECT_EQ(explain("harakiri"), "harakiri is an option of uWSGI: use timeouts.request\n");
    EXPECT_EQ(explain("sandbox"), "sandbox is not available in this version\n");
    EXPECT_EQ(explain("frobnicate"), "");
    EXPECT_EQ(explain(""), "");
}

TEST(Schema, suggests_what_was_probably_meant) {
    EXPECT_EQ(unknown_key_message("wrokers"), "unknown key 'wrokers' (did you mean 'workers'?)");
    EXPECT_EQ(unknown_key_message("proceses"), "unknown key 'proceses' (did you mean 'workers'?)");
    EXPECT_EQ(unknown_key_message("timeouts.reqest"), "unknown key 'reqest' (did you mean 'request'?)");
    EXPECT_EQ(unknown_key_message("timeout"), "unknown key 'timeout' (did you mean 'timeouts'?)");
    EXPECT_EQ(unknown_key_message("backlog"), "unknown key 'backlog' (did you mean 'socket.backlog'?)");
    EXPECT_EQ(unknown_key_message("log.user"), "unknown key 'user' (did you mean 'user' at the top level?)");
    EXPECT_EQ(unknown_key_message("harrakiri"), "unknown key 'harrakiri' (did you mean 'timeouts.request'?)");
    EXPECT_EQ(unknown_key_message("python-path"), "unknown key 'python-path', an option of uWSGI: use python_path");
    EXPECT_EQ(unknown_key_message(std::string(100'000, 'x')).size(),
              unknown_key_message(std::string(50'000, 'x')).size());
}

TEST(Schema, the_highest_class_among_the_changed_keys_decides) {
    const json before = decoded_values("app: x\n");
    EXPECT_EQ(reload_class(before, before), ReloadClass::none);
    EXPECT_EQ(reload_class(before, decoded_values("app: x\nworkers: 2\n")), ReloadClass::live);
    EXPECT_EQ(reload_class(before, decoded_values("app: x\nworkers: 2\nthreads: 2\n")), ReloadClass::recycle);
    EXPECT_EQ(reload_class(before, decoded_values("app: y\nthreads: 2\n")), ReloadClass::rollout);
    EXPECT_EQ(reload_class(before, decoded_values("app: y\nlisten: http::80\n")), ReloadClass::listeners);
    EXPECT_EQ(reload_class(decoded_values("app: x\nenv: {A: 1}\n"), before), ReloadClass::rollout);
    EXPECT_EQ(reload_class(before, decoded_values("app: x\nworkers: 1 # the default\n")), ReloadClass::none);
}

TEST(Schema, a_change_of_every_single_key_has_the_class_of_that_key) {
    const json before = decoded_values("app: x\n");
    for (const Key& key : keys()) {
        json after = before;
        json* value = &after;
        std::string_view rest = key.path;
        for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos; rest.remove_prefix(dot + 1))
            value = &(*value)[std::string(rest.substr(0, dot))];
        (*value)[std::string(rest)] = "changed";
        EXPECT_EQ(reload_class(before, after), key.reload) << key.path;
        EXPECT_EQ(reload_class(after, before), key.reload) << key.path;
    }
}

TEST(Schema, reload_class_takes_any_document) {
    EXPECT_EQ(reload_class(json(), json()), ReloadClass::none);
    EXPECT_EQ(reload_class(json::array(), json(5)), ReloadClass::none);
    EXPECT_EQ(reload_class(json(), decoded_values("app: x\n")), ReloadClass::listeners);
}

TEST(Schema, the_json_schema_describes_every_key_and_nothing_else) {
    const json schema = json_schema();
    EXPECT_EQ(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    EXPECT_EQ(schema["required"], json::array({"app"}));
    EXPECT_EQ(schema["additionalProperties"], false);
    std::size_t described = 0;
    const std::function<void(const json&, const std::string&)> walk = [&](const json& properties, const std::string& prefix) {
        for (const auto& [name, property] : properties.items()) {
            if (find_key(prefix + name) != nullptr) {
                ++described;
                continue;
            }
            EXPECT_EQ(property["additionalProperties"], false) << prefix << name;
            walk(property["properties"], prefix + name + ".");
        }
    };
    walk(schema["properties"], "");
    EXPECT_EQ(described, keys().size());
}

TEST(Schema, docs_configuration_md_is_the_generated_reference) {
    fixtures::expect_golden(std::filesystem::path(TEST_SOURCE_DIR) / "docs/configuration.md", reference_markdown());
}

}  // namespace
