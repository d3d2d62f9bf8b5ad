// SPDX-License-Identifier: Apache-2.0
// The one table of configuration keys. It drives decoding, defaults, suggestions, `emperorctl explain KEY`,
// docs/configuration.md, the JSON Schema and the reload class. Adding a key: one row here, one member in
// vassal_config.h, one fixture.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace common::config {

// What a change of this key needs, in ascending order (DESIGN section 4, the reload ladder).
enum class ReloadClass { none, live, recycle, rollout, listeners };
[[nodiscard]] std::string_view name_of(ReloadClass reload) noexcept;

enum class ValueKind {
    boolean, integer, text, path, duration, size, mode,
    percent,      // "10%", stored as 10
    choice,       // one of `choices`
    text_list,    // a list of scalars, or one scalar
    text_map,     // string to string
    path_map,     // URL prefix to path
    listen_list,  // a list of PROTO:ADDRESS, or one
    workers,      // an integer, "auto", or {min, max}, which is stored as such
};

struct Key {
    std::string_view path;           // dotted: "timeouts.request"
    ValueKind kind;
    ReloadClass reload;
    std::string_view default_text;   // as YAML; empty: no default (unset)
    std::string_view summary;        // one sentence
    std::string_view detail;         // more sentences for `explain`; may be empty
    std::string_view example;        // one YAML line or block
    std::int64_t minimum = 0;        // integer, percent, duration (milliseconds) and size (bytes) kinds
    std::int64_t maximum = 0;        // 0: no bound
    bool allows_off = false;         // "off" is stored as 0
    bool required = false;
    std::string_view choices = {};   // "off|text|json"
};

[[nodiscard]] std::span<const Key> keys() noexcept;
[[nodiscard]] const Key* find_key(std::string_view path) noexcept;

// The key or advice for an option of uWSGI ("harakiri" -> "use timeouts.request"); empty: not an option of uWSGI.
[[nodiscard]] std::string_view advice_for_uwsgi_option(std::string_view option) noexcept;
// True for words of the design that this version does not implement yet ("sandbox"): they get their own message.
[[nodiscard]] bool is_planned_key(std::string_view path) noexcept;

// The keys whose values differ, in the order of the table.
[[nodiscard]] std::vector<const Key*> changed_keys(const nlohmann::json& before, const nlohmann::json& after);
// The highest class among them; none when equal.
[[nodiscard]] ReloadClass reload_class(const nlohmann::json& before, const nlohmann::json& after);

// The keys whose values differ, in the order of the table.
[[nodiscard]] std::vector<std::string_view> differing_keys(const nlohmann::json& before, const nlohmann::json& after);

[[nodiscard]] nlohmann::json json_schema();                      // draft-07
[[nodiscard]] std::string explain(std::string_view path);        // empty: no such key
// A value of the canonical document as a file may have it: "5%", "64KiB", "off", "{min: 1, max: 8}".
[[nodiscard]] std::string value_text(const Key& key, const nlohmann::json& value);
[[nodiscard]] std::string reference_markdown();                  // docs/configuration.md

}  // namespace common::config
