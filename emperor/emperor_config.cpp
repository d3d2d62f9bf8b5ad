// SPDX-License-Identifier: Apache-2.0
// The --config file: few keys, so they are read from the tree by hand; unknown ones and wrong types are errors as in a
// vassal's file.
#include <charconv>

#include "common/base/nearest.h"
#include "common/config/yaml_tree.h"
#include "emperor/options.h"

namespace emperor {

namespace config = common::config;

namespace {

struct Reader {
    const config::SourceText& source;
    config::Diagnostics& diagnostics;

    void error(const config::Node& node, std::string message) const {
        diagnostics.push_back(source.error(node.position, node.width, std::move(message)));
    }

    void text(const config::Node& node, const std::string& key, std::optional<std::string>& into) const {
        if (node.kind != config::Node::Kind::scalar) return error(node, key + ": expected text");
        into = node.text;
    }

    void texts(const config::Node& node, const std::string& key, std::vector<std::string>& into) const {
        if (node.kind != config::Node::Kind::sequence) return error(node, key + ": expected a list of names");
        for (const config::Node& item : node.items) {
            std::optional<std::string> one;
            text(item, key, one);
            if (one) into.push_back(std::move(*one));
        }
    }

    void word(const config::Node& node, const std::string& key, const std::vector<std::string>& words,
              std::optional<std::string>& into) const {
        text(node, key, into);
        if (!into) return;
        std::string all;
        for (const std::string& item : words) {
            if (item == *into) return;
            all += (all.empty() ? "" : ", ") + item;
        }
        error(node, key + ": expected one of " + all);
    }

    void number(const config::Node& node, const std::string& key, int minimum, int maximum, std::optional<int>& into) const {
        int value = 0;
        const char* const end = node.text.data() + node.text.size();
        const auto [last, failed] = std::from_chars(node.text.data(), end, value);
        if (node.kind != config::Node::Kind::scalar || failed != std::errc{} || last != end || value < minimum || value > maximum)
            return error(node, key + ": expected a whole number from " + std::to_string(minimum) + " to " +
                                   std::to_string(maximum));
        into = value;
    }

    void unknown(const config::Node& key, const std::vector<std::string>& known) const {
        const auto close = common::nearest(key.text, known, 1);
        error(key, "unknown key '" + key.text + "'" + (close.empty() ? "" : " (did you mean '" + close.front() + "'?)"));
    }
};

void read_log(const Reader& reader, const config::Node& node, EmperorConfig& out) {
    if (node.kind != config::Node::Kind::map) return reader.error(node, "log: expected a map with format, level, file");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& key = node.keys[i].text;
        const config::Node& value = node.items[i];
        if (key == "format") reader.word(value, "log.format", {"text", "json"}, out.log_format);
        else if (key == "level") reader.word(value, "log.level", {"debug", "info", "warn", "error"}, out.log_level);
        else if (key == "file") reader.text(value, "log.file", out.log_file);
        else reader.unknown(node.keys[i], {"format", "level", "file"});
    }
}

void read_root(const Reader& reader, const config::Node& root, EmperorConfig& out) {
    if (root.kind == config::Node::Kind::null) return;
    if (root.kind != config::Node::Kind::map) return reader.error(root, "expected a map of settings");
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
        const std::string& key = root.keys[i].text;
        const config::Node& value = root.items[i];
        if (key == "start_parallelism") reader.number(value, key, 1, 10'000, out.start_parallelism);
        else if (key == "admin_group") reader.text(value, key, out.admin_group);
        else if (key == "stats") reader.text(value, key, out.stats);
        else if (key == "agent") reader.text(value, key, out.agent);
        else if (key == "control") reader.text(value, key, out.control);
        else if (key == "http") reader.text(value, key, out.http);
        else if (key == "http_token_file") reader.text(value, key, out.http_token_file);
        else if (key == "http_hosts") reader.texts(value, key, out.http_hosts);
        else if (key == "log") read_log(reader, value, out);
        else
            reader.unknown(root.keys[i], {"start_parallelism", "admin_group", "stats", "agent", "control", "http",
                                          "http_token_file", "http_hosts", "log"});
    }
}

}  // namespace

common::Result<EmperorConfig> parse_emperor_config(const std::string& file, const std::string& text) {
    const config::Source origin{file, text};
    const config::SourceText source(origin);
    config::Diagnostics diagnostics;
    EmperorConfig out;
    if (const auto root = config::parse_yaml(source, diagnostics)) read_root({source, diagnostics}, *root, out);
    if (config::has_errors(diagnostics)) return common::failure(config::render(diagnostics));
    return out;
}

}  // namespace emperor
