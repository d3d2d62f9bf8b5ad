// SPDX-License-Identifier: Apache-2.0
// The typed view of a canonical document. The document may come from a process of another version: every value is
// checked against the table.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/config/decode.h"
#include "common/config/json_path.h"
#include "common/config/schema.h"
#include "common/config/schema_internal.h"
#include "common/config/status_range.h"

namespace common::config {

namespace {

class Reader {
public:
    explicit Reader(const nlohmann::json& values) : values_(values) {}

    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

    void check_keys(const nlohmann::json& object, const std::string& prefix) {
        if (!object.is_object()) return fail(prefix.empty() ? "the document" : prefix, "is not an object");
        for (const auto& [name, value] : object.items()) {
            const std::string path = prefix + name;
            if (is_group(path))
                check_keys(value, path + ".");
            else if (find_key(path) == nullptr)
                fail(path, "is not a key of this version");
        }
    }

    void read(std::string_view path, std::string& out) {
        const auto& value = at_path(values_, path);
        if (value.is_null()) return;
        if (!value.is_string()) return fail(path, "is not a text");
        out = value.get<std::string>();
    }
    void read(std::string_view path, bool& out) {
        const auto& value = at_path(values_, path);
        if (!value.is_boolean()) return fail(path, "is not a boolean");
        out = value.get<bool>();
    }
    template <std::integral Number>
    void read(std::string_view path, Number& out) {
        if (const auto value = number(path)) {
            if (!std::in_range<Number>(*value)) return fail(path, "is out of range");
            out = static_cast<Number>(*value);
        }
    }
    void read(std::string_view path, std::optional<std::uint32_t>& out) {
        if (const auto value = number(path)) out = static_cast<std::uint32_t>(*value);
    }
    void read(std::string_view path, Milliseconds& out) {
        if (const auto value = number(path)) out = Milliseconds(*value);
    }
    void read(std::string_view path, std::vector<std::string>& out) {
        const auto& value = at_path(values_, path);
        if (!value.is_array()) return fail(path, "is not a list");
        for (const auto& element : value) {
            if (!element.is_string()) return fail(path, "holds something that is not a text");
            out.push_back(element.get<std::string>());
        }
    }
    void read(std::string_view path, std::map<std::string, std::string>& out) {
        const auto& value = at_path(values_, path);
        if (!value.is_object()) return fail(path, "is not a map");
        for (const auto& [name, element] : value.items()) {
            if (!element.is_string()) return fail(path, "holds something that is not a text");
            out.emplace(name, element.get<std::string>());
        }
    }
    void read(std::string_view path, std::vector<net::ListenAddress>& out) {
        std::vector<std::string> texts;
        read(path, texts);
        for (const std::string& text : texts) {
            auto address = net::parse_listen_address(text);
            if (!address) return fail(path, address.error().message());
            out.push_back(std::move(*address));
        }
        if (out.empty()) fail(path, "is empty");
    }

    void read(std::string_view path, LogFormat& out) {
        std::string word;
        read(path, word);
        if (word != "text" && word != "json") return fail(path, "is not one of its words");
        out = word == "json" ? LogFormat::json : LogFormat::text;
    }
    void read(std::string_view path, LogJournal& out) {
        std::string word;
        read(path, word);
        if (word != "auto" && word != "on" && word != "off") return fail(path, "is not one of its words");
        out = word == "auto" ? LogJournal::automatic : word == "on" ? LogJournal::on : LogJournal::off;
    }
    void read(std::string_view path, AccessLog& out) {
        std::string word;
        read(path, word);
        if (word == "off")
            out = AccessLog::off;
        else if (word == "text")
            out = AccessLog::text;
        else if (word == "json")
            out = AccessLog::json;
        else
            fail(path, "is not one of its words");
    }
    void read(std::string_view path, StatusRange& out) {
        std::string text;
        read(path, text);
        const auto range = parse_status_range(text);
        if (!range) return fail(path, "is not a status or a range");
        out = *range;
    }
    void read_workers(int& min, int& max) {
        const auto& value = at_path(values_, "workers");
        const Key& key = *find_key("workers");
        const auto is_good = [&](const nlohmann::json& number) {
            return number.is_number_integer() && number >= key.minimum && number <= key.maximum;
        };
        const bool is_range = value.is_object() && value.size() == 2 && value.contains("min") && value.contains("max");
        const nlohmann::json& low = is_range ? value["min"] : value;
        const nlohmann::json& high = is_range ? value["max"] : value;
        if (!is_good(low) || !is_good(high) || low > high)
            return fail("workers", "is not an integer or a range that is allowed");
        min = low.get<int>();
        max = high.get<int>();
    }

    void fail(std::string_view path, const std::string& why) {
        if (!error_) error_ = failure("configuration: " + std::string(path) + " " + why);
    }

private:
    std::optional<std::int64_t> number(std::string_view path) {
        const auto& value = at_path(values_, path);
        const Key& key = *find_key(path);
        if (value.is_null() && key.default_text.empty()) return std::nullopt;
        const bool fits =
            value.is_number_integer() &&
            !(value.is_number_unsigned() &&
              value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
        if (!fits) {
            fail(path, "is not an integer");
            return std::nullopt;
        }
        const auto number = value.get<std::int64_t>();
        const bool is_off = key.allows_off && number == 0;
        if (!is_off && (number < key.minimum || (key.maximum != 0 && number > key.maximum))) {
            fail(path, "is out of range");
            return std::nullopt;
        }
        return number;
    }

    const nlohmann::json& values_;
    std::optional<Error> error_;
};

void read_application(Reader& reader, VassalConfig& config) {
    reader.read("app", config.app);
    reader.read("chdir", config.chdir);
    reader.read("venv", config.venv);
    reader.read("python_path", config.python_path);
    reader.read("watch", config.watch);
    reader.read("env", config.env);
    reader.read("env_file", config.env_file);
    reader.read("mount", config.mount);
    reader.read("before_start", config.before_start);
    reader.read("enabled", config.enabled);
    reader.read("on_demand", config.on_demand);
    reader.read_workers(config.workers_min, config.workers);
    reader.read("threads", config.threads);
    reader.read("preload", config.preload);
    reader.read("user", config.user);
    reader.read("group", config.group);
    reader.read("umask", config.umask);
    reader.read("health.path", config.health.path);
    reader.read("health.host", config.health.host);
    reader.read("health.status", config.health.status);
    reader.read("autoreload", config.autoreload);
    reader.read("stream_body", config.stream_body);
    reader.read("static", config.static_files);
    reader.read("log.file", config.log.file);
    reader.read("log.format", config.log.format);
    reader.read("log.rotate.size", config.log.rotate.size);
    reader.read("log.rotate.keep", config.log.rotate.keep);
    reader.read("log.journal", config.log.journal);
    reader.read("log.access", config.log.access);
    reader.read("log.access_format", config.log.access_format);
    reader.read("log.slow", config.log.slow);
}

void read_network(Reader& reader, VassalConfig& config) {
    reader.read("listen", config.listen);
    reader.read("hosts", config.hosts);
    reader.read("trusted_proxies", config.trusted_proxies);
    reader.read("socket.mode", config.socket.mode);
    reader.read("socket.owner", config.socket.owner);
    reader.read("socket.group", config.socket.group);
    reader.read("socket.backlog", config.socket.backlog);
}

void read_bounds(Reader& reader, VassalConfig& config) {
    reader.read("timeouts.start", config.timeouts.start);
    reader.read("timeouts.request", config.timeouts.request);
    reader.read("timeouts.drain", config.timeouts.drain);
    reader.read("timeouts.kill", config.timeouts.kill);
    reader.read("timeouts.header", config.timeouts.header);
    reader.read("timeouts.body", config.timeouts.body);
    reader.read("timeouts.write", config.timeouts.write);
    reader.read("timeouts.keepalive", config.timeouts.keepalive);
    reader.read("timeouts.idle", config.timeouts.idle);
    reader.read("restart.initial", config.restart.initial);
    reader.read("restart.max", config.restart.max);
    reader.read("restart.stable", config.restart.stable);
    reader.read("restart.hold", config.restart.hold);
    reader.read("recycle.max_requests", config.recycle.max_requests);
    reader.read("recycle.jitter", config.recycle.jitter);
    reader.read("recycle.max_rss", config.recycle.max_rss);
    reader.read("recycle.max_age", config.recycle.max_age);
    reader.read("rollout.observe", config.rollout.observe);
    reader.read("rollout.max_error_rate", config.rollout.max_error_rate);
    reader.read("health.timeout", config.health.timeout);
    reader.read("health.attempts", config.health.attempts);
    reader.read("limits.header_size", config.limits.header_size);
    reader.read("limits.headers", config.limits.headers);
    reader.read("limits.body", config.limits.body);
    reader.read("limits.body_memory", config.limits.body_memory);
    reader.read("limits.connections", config.limits.connections);
}

}  // namespace

Result<VassalConfig> config_from_json(const nlohmann::json& document) {
    Reader known(document);
    known.check_keys(document, "");
    if (known.error()) return *known.error();
    const nlohmann::json values = translated(document);
    Reader reader(values);
    VassalConfig config;
    read_application(reader, config);
    read_network(reader, config);
    read_bounds(reader, config);
    if (config.app.empty()) reader.fail("app", "is missing");
    if (reader.error()) return *reader.error();
    return config;
}

}  // namespace common::config
