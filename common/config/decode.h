// SPDX-License-Identifier: Apache-2.0
// From YAML text to an effective configuration, or to every diagnostic that applies. Pure: it reads no file, resolves
// no user and no path; verify.h holds the checks that look at the machine. Never throws on input.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/diagnostic.h"
#include "common/config/vassal_config.h"

namespace common::config {

// One YAML text and what it is called in messages.
struct Source {
    std::string file;
    std::string text;
};

// Where an effective value came from.
struct Origin {
    enum class Kind { built_in, defaults_file, vassal_file, command_line };

    Kind kind = Kind::built_in;
    std::string file;
    Position position;
    std::string source;  // the line's text, for caret lines of later checks
    int width = 1;

    [[nodiscard]] std::string text() const;  // "default", "_defaults.yaml:4", "shop.yaml:7", "--set"
};

// `values` is the canonical document: one entry per key of the table under its dotted path's nesting, durations as
// integer milliseconds, sizes as bytes, modes as integers. It is what the emperor sends to a master, what `emperorctl
// config` shows and what reload classes are decided on. `origins` is keyed by dotted path ("timeouts.request"; for
// elements of lists and maps also "listen.1", the second one, and "env.DEBUG") and knows what is set: a key that is not in it
// has its default. Unset values are null; lists and maps never are.
struct Effective {
    std::string file;  // the vassal's; "--set" when stand-alone
    std::shared_ptr<const nlohmann::json> values;
    std::map<std::string, Origin> origins;
    VassalConfig config;
};

struct DecodeOptions {
    std::string name;                 // NAME of the vassal: expands {name}, names the default listen socket
    std::string sockets_directory;    // of the default listen address: uwsgi:DIR/NAME.sock
    // Looks up ${VAR}; the emperor's own environment in production. Null: every variable is unknown.
    std::function<std::optional<std::string>(std::string_view)> variable;
};

struct Decoded {
    std::optional<Effective> effective;  // set when there is no error
    Diagnostics diagnostics;             // sorted by file, then position
};

// `defaults` is _defaults.yaml, merged under the vassal's file: maps key by key, everything else replaced whole.
[[nodiscard]] Decoded decode(const Source& vassal, const std::optional<Source>& defaults, const DecodeOptions& options);

// The stand-alone vassal: no file; each setting is "dotted.key=value" (the value as YAML) from --set and its
// shorthands. Texts are taken as they are, without quotes and variables being looked at (the shell has done that);
// "env.KEY=value" sets one variable; a list is "[a, b]" or one element per setting, which add up; otherwise the last one
// wins. `chdir` is the current directory unless set. Diagnostics name "--set KEY=VALUE", origins "--set".
[[nodiscard]] Decoded decode_settings(const std::vector<std::string>& settings, const DecodeOptions& options);

// The typed view of a canonical document; the other direction of the contract between emperor and master. Fails on a
// document that the table does not describe. Keys that are not there have their defaults: an older version did not know them.
[[nodiscard]] Result<VassalConfig> config_from_json(const nlohmann::json& values);

// A canonical document that another version made, as this one would have: keys that it did not know have their
// defaults, keys that are not known here are left out. Values are not checked.
[[nodiscard]] nlohmann::json translated(const nlohmann::json& values);

// NAME of a vassal file: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;

}  // namespace common::config
