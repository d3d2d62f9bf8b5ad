// SPDX-License-Identifier: Apache-2.0
// The key table as prose: `emperorctl explain KEY` and docs/configuration.md.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/config/scalars.h"
#include "common/config/schema_internal.h"

namespace common::config {

namespace {

std::string_view effect_of(ReloadClass reload) noexcept {
    switch (reload) {
        case ReloadClass::none: return "nothing happens";
        case ReloadClass::live: return "no process restarts";
        case ReloadClass::recycle: return "the workers are replaced one by one";
        case ReloadClass::rollout: return "a new generation starts on the same listeners";
        case ReloadClass::listeners: return "a new generation starts, sockets change too";
    }
    return "";
}

std::string default_of(const Key& key) {
    if (key.path == "listen") return "uwsgi:SOCKETS/NAME.sock";
    if (key.required) return "none, the key is required";
    return key.default_text.empty() ? "unset" : std::string(key.default_text);
}

std::string cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
    return text;
}

// Words of `text` in lines of at most 80 columns, each behind two blanks.
std::string wrapped(std::string_view text) {
    constexpr std::size_t width = 80;
    std::string lines(2, ' ');
    std::size_t column = 2;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (column > 2 && column + 1 + word.size() > width) {
            lines += "\n  ";
            column = 2;
        } else if (column > 2) {
            lines += ' ';
            ++column;
        }
        lines += word;
        column += word.size();
    }
    return lines + "\n";
}

std::string explain_group(std::string_view group) {
    std::string text = std::string(group) + ": a group of keys\n\n";
    std::size_t width = 0;
    const std::string prefix = std::string(group) + ".";
    for (const Key& key : keys())
        if (key.path.starts_with(prefix)) width = std::max(width, key.path.size());
    for (const Key& key : keys()) {
        if (!key.path.starts_with(prefix)) continue;
        text += std::string("  ") + std::string(key.path) + std::string(width + 2 - key.path.size(), ' ') +
                std::string(key.summary) + " Default: " + default_of(key) + "\n";
    }
    return text;
}

std::string explain_key(const Key& key) {
    std::string text = std::string(key.path) + ": " + std::string(key.summary) + "\n\n";
    if (!key.detail.empty()) text += wrapped(key.detail) + "\n";
    text += std::string("  type:     ") + expectation(key) + "\n";
    text += std::string("  default:  ") + default_of(key) + "\n";
    text += std::string("  changed:  ") + std::string(name_of(key.reload)) + " (" + std::string(effect_of(key.reload)) +
            ")\n";
    text += std::string("  example:  ") + std::string(key.example) + "\n";
    return text;
}

constexpr std::string_view introduction = R"(# Configuration of a vassal

This file is generated from the key table of the program (`emperorctl schema --markdown`); `emperorctl explain KEY`
shows the same in a terminal, `emperorctl schema` prints a JSON Schema for editors, `emperorctl check` tells what is
wrong with a file.

One YAML file per vassal, `NAME.yaml` or `NAME.yml`; NAME has up to 64 letters, digits, `.`, `_` and `-` and begins with
a letter or a digit. Three lines are a complete file:

```yaml
app: mysite.wsgi:application
chdir: /srv/mysite/current
venv: /srv/mysite/venv
```

`_defaults.yaml` in the same directory is merged under every vassal: groups and `env` key by key, everything else is
replaced whole. Nothing is accepted in silence: an unknown key, a wrong type, a duplicate key, a second document or an
unknown variable is an error, and a vassal that runs keeps running with what it has.

**Variables.** In values, `${VAR}` is a variable of the emperor's environment (an error if it is not set),
`${VAR:-value}` has a default, `${VAR:?message}` an error text; `{name}` is the name of the vassal; `$$` is a `$` and
`{{name}}` a literal `{name}`. Inside of `{…}` and `[…]` put them into quotes.

**Durations** have a unit: `500ms`, `30s`, `5m`, `1h`. **Sizes** are bytes, or have one: `512`, `64KiB`, `10MiB`, `1GiB`
(`K`, `M`, `G` mean the same). **Modes** are octal, with or without the leading `0`. Relative paths count from `chdir`,
which itself counts from the directory of the file.

**What a change does.** Every key has a class that says what its change needs; the highest among the changed ones decides.
`live`: no process restarts. `recycle`: the workers are replaced one by one, each when its successor is ready. `rollout`: a
new generation starts on the same listeners and takes over when it is ready. `listeners`: the same, and sockets are opened
before and closed after. Whatever fails, the old processes keep serving. Touching a file without changing it is a rollout.
)";

std::string table_of(std::string_view group) {
    std::string text = "| key | default | change | meaning |\n|---|---|---|---|\n";
    for (const Key& key : keys())
        if (group_of(key.path) == group)
            text += std::string("| `") + std::string(key.path) + "` | " +
                    cell(std::string("`") + default_of(key) + "`") + " | " + std::string(name_of(key.reload)) + " | " +
                    cell(std::string(key.summary)) + " |\n";
    return text;
}

std::string details_of(std::string_view group) {
    std::string text;
    for (const Key& key : keys()) {
        if (group_of(key.path) != group) continue;
        text += std::string("\n**`") + std::string(key.path) + "`** — " + expectation(key) + ". " +
                std::string(key.summary);
        if (!key.detail.empty()) text += std::string(" ") + std::string(key.detail);
        text += std::string("\n\n```yaml\n") + std::string(key.example) + "\n```\n";
    }
    return text;
}

}  // namespace

std::string_view name_of(ValueKind kind) noexcept {
    switch (kind) {
        case ValueKind::boolean: return "true or false";
        case ValueKind::integer: return "an integer";
        case ValueKind::text: return "text";
        case ValueKind::path: return "a path";
        case ValueKind::duration: return "a duration";
        case ValueKind::size: return "a size";
        case ValueKind::mode: return "an octal mode";
        case ValueKind::percent: return "a percentage";
        case ValueKind::choice: return "one of";
        case ValueKind::text_list: return "a list of texts, or one";
        case ValueKind::text_map: return "a map of names to texts";
        case ValueKind::path_map: return "a map of URL prefixes to directories";
        case ValueKind::listen_list: return "a list of PROTO:ADDRESS, or one";
        case ValueKind::workers: return "an integer";
    }
    return "";
}

std::string explain(std::string_view path) {
    if (const Key* key = find_key(path)) return explain_key(*key);
    if (is_group(path)) return explain_group(path);
    if (is_planned_key(path)) return std::string(path) + " is not available in this version\n";
    if (const auto advice = advice_for_uwsgi_option(path); !advice.empty())
        return std::string(path) + " is an option of uWSGI: " + std::string(advice) + "\n";
    return {};
}

std::string reference_markdown() {
    std::string text(introduction);
    text += std::string("\n## Keys at the top level\n\n") + table_of("") + details_of("");
    for (const std::string_view group : groups())
        text += std::string("\n## `") + std::string(group) + "`\n\n" + table_of(group) + details_of(group);
    text +=
        "\n## Coming from uWSGI\n\nAn option of uWSGI that is used as a key is answered with these words.\n\n"
        "| option of uWSGI | here |\n|---|---|\n";
    for (const Advice& advice : uwsgi_advice())
        text += std::string("| `") + std::string(advice.option) + "` | " + cell(std::string(advice.text)) + " |\n";
    text += "\n## Not available in this version\n\n";
    for (const std::string_view key : planned_keys()) text += std::string("- `") + std::string(key) + "`\n";
    return text;
}

std::string value_text(const Key& key, const nlohmann::json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (key.kind == ValueKind::workers && value.is_object())
        return "{min: " + value.value("min", nlohmann::json()).dump() + ", max: " +
               value.value("max", nlohmann::json()).dump() + "}";
    if (!value.is_number_integer()) return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const auto number = value.get<std::int64_t>();
    return key.allows_off && number == 0 ? "off" : bound_text(key, number);
}

}  // namespace common::config
