// SPDX-License-Identifier: Apache-2.0
#include "common/config/scalars.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/config/rules.h"
#include "common/config/schema_internal.h"
#include "common/config/source_text.h"

namespace common::config {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr std::array<Unit, 5> time_units = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 8> size_units = {{{"TiB", 1LL << 40},
                                             {"GiB", 1 << 30},
                                             {"MiB", 1 << 20},
                                             {"KiB", 1 << 10},
                                             {"G", 1 << 30},
                                             {"M", 1 << 20},
                                             {"K", 1 << 10},
                                             {"B", 1}}};

Error unexpected(const Key& key, std::string_view text, std::string_view hint = {}) {
    return failure("expected " + expectation(key) + ", got " + in_quotes(text) +
                   (hint.empty() ? "" : " (" + std::string(hint) + ")"));
}

std::optional<std::int64_t> whole_number(std::string_view text, int base = 10) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_in_range(const Key& key, std::int64_t value) {
    return value >= key.minimum && (key.maximum == 0 || value <= key.maximum);
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                      [](char c, char l) { return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == l; });
}

// A number with a unit: digits, optionally a fraction, then the unit.
struct Quantity {
    double number = 0;
    std::string_view unit;
};
std::optional<Quantity> quantity(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string_view number = text.substr(0, digits);
    if (number.empty() || number.front() == '.' || number.back() == '.' || number.size() > 15) return std::nullopt;
    Quantity result;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), result.number);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    result.unit = text.substr(digits);
    return result;
}

Result<nlohmann::json> bounded(const Key& key, std::string_view text, double value) {
    if (value > 9e15 || !is_in_range(key, std::llround(value))) return unexpected(key, text);
    return nlohmann::json(std::llround(value));
}

Result<nlohmann::json> decode_boolean(const Key& key, Scalar scalar) {
    if (scalar.is_word && is_boolean_word(scalar.text)) {
        const bool value = equals_ignoring_case(scalar.text, "true") || equals_ignoring_case(scalar.text, "yes") ||
                           equals_ignoring_case(scalar.text, "on");
        return nlohmann::json(value);
    }
    return unexpected(key, scalar.text, is_boolean_word(scalar.text) ? "remove the quotes" : "");
}

Result<nlohmann::json> decode_integer(const Key& key, Scalar scalar) {
    const auto value = whole_number(scalar.text);
    if (value && !scalar.is_word) return unexpected(key, scalar.text, "remove the quotes");
    if (!value || !is_in_range(key, *value)) return unexpected(key, scalar.text);
    return nlohmann::json(*value);
}

std::int64_t usable_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1, CPU_COUNT(&set));
}

Result<nlohmann::json> decode_duration(const Key& key, Scalar scalar) {
    const auto parsed = quantity(scalar.text);
    if (!parsed)
        return unexpected(key, scalar.text, scalar.text.starts_with('-') ? "" : "for example 500ms, 30s, 5m or 1h");
    if (parsed->unit.empty()) {
        if (key.allows_off && parsed->number == 0) return unexpected(key, scalar.text, "write 'off'");
        return unexpected(key, scalar.text, "add a unit: " + std::string(scalar.text) + "s");
    }
    for (const Unit& unit : time_units)
        if (parsed->unit == unit.name)
            return bounded(key, scalar.text, parsed->number * static_cast<double>(unit.factor));
    return unexpected(key, scalar.text, "the units are ms, s, m, h and d");
}

Result<nlohmann::json> decode_size(const Key& key, Scalar scalar) {
    const auto parsed = quantity(scalar.text);
    if (!parsed) return unexpected(key, scalar.text, "for example 512, 64KiB, 10MiB or 1GiB");
    if (parsed->unit.empty()) {
        if (parsed->number != std::floor(parsed->number)) return unexpected(key, scalar.text);
        return bounded(key, scalar.text, parsed->number);
    }
    for (const Unit& unit : size_units)
        if (parsed->unit == unit.name)
            return bounded(key, scalar.text, parsed->number * static_cast<double>(unit.factor));
    return unexpected(key, scalar.text, "the units are KiB, MiB, GiB and TiB, or K, M and G for the same");
}

// Octal however it is written: 660, 0660, 0o660, "0660". YAML 1.1 and 1.2 disagree on what number 0660 is, so the text
// decides.
Result<nlohmann::json> decode_mode(const Key& key, Scalar scalar) {
    std::string_view digits = scalar.text;
    if (digits.starts_with("0o")) digits.remove_prefix(2);
    const auto value = digits.size() <= 5 ? whole_number(digits, 8) : std::nullopt;
    if (!value || digits.front() == '-' || !is_in_range(key, *value)) return unexpected(key, scalar.text);
    return nlohmann::json(*value);
}

Result<nlohmann::json> decode_text(const Key& key, Scalar scalar) {
    if (scalar.is_word && is_boolean_word(scalar.text))
        return failure("expected " + expectation(key) + ", got the boolean " + in_quotes(scalar.text) +
                       " (put it in quotes if you mean the word)");
    if (auto problem = check_text(key, scalar.text)) return failure(std::move(*problem));
    return scalar.text.empty() ? nlohmann::json() : nlohmann::json(scalar.text);
}

Result<nlohmann::json> decode_percent(const Key& key, Scalar scalar) {
    if (!scalar.text.ends_with('%')) {
        const bool is_number = whole_number(scalar.text).has_value();
        return unexpected(key, scalar.text, is_number ? "add the unit: " + std::string(scalar.text) + "%" : "");
    }
    const auto value = whole_number(scalar.text.substr(0, scalar.text.size() - 1));
    if (!value || !is_in_range(key, *value)) return unexpected(key, scalar.text);
    return nlohmann::json(*value);
}

// 'off' is a word here, a boolean to YAML.
Result<nlohmann::json> decode_choice(const Key& key, Scalar scalar) {
    const std::string_view text = scalar.is_word && equals_ignoring_case(scalar.text, "false") ? "off" : scalar.text;
    for (const std::string_view choice : choices_of(key))
        if (text == choice) return nlohmann::json(text);
    return unexpected(key, scalar.text);
}

}  // namespace

bool is_boolean_word(std::string_view text) noexcept {
    static constexpr std::array<std::string_view, 6> words = {"true", "false", "yes", "no", "on", "off"};
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return equals_ignoring_case(text, word); });
}

Result<nlohmann::json> decode_scalar(const Key& key, Scalar scalar) {
    if (key.allows_off && (scalar.text == "off" || (scalar.is_word && equals_ignoring_case(scalar.text, "false"))))
        return nlohmann::json(0);
    switch (key.kind) {
        case ValueKind::boolean: return decode_boolean(key, scalar);
        case ValueKind::integer: return decode_integer(key, scalar);
        case ValueKind::workers:
            if (scalar.text == "auto") return nlohmann::json(std::min(usable_processors(), key.maximum));
            return decode_integer(key, scalar);
        case ValueKind::duration: return decode_duration(key, scalar);
        case ValueKind::size: return decode_size(key, scalar);
        case ValueKind::mode: return decode_mode(key, scalar);
        case ValueKind::percent: return decode_percent(key, scalar);
        case ValueKind::choice: return decode_choice(key, scalar);
        case ValueKind::text:
        case ValueKind::path: return decode_text(key, scalar);
        case ValueKind::text_list:
        case ValueKind::text_map:
        case ValueKind::path_map:
        case ValueKind::listen_list: break;
    }
    return failure("is not a single value");
}

std::string duration_text(std::int64_t milliseconds) {
    for (const Unit& unit : time_units)
        if (milliseconds != 0 && milliseconds % unit.factor == 0 && (unit.name != "d" || milliseconds > unit.factor))
            return std::to_string(milliseconds / unit.factor) + std::string(unit.name);
    return std::to_string(milliseconds) + "s";
}

std::string size_text(std::int64_t bytes) {
    for (const Unit& unit : size_units)
        if (unit.name.size() == 3 && bytes != 0 && bytes % unit.factor == 0)
            return std::to_string(bytes / unit.factor) + std::string(unit.name);
    return std::to_string(bytes);
}

std::string mode_text(std::int64_t mode) {
    std::string digits;
    for (; mode > 0; mode /= 8) digits.insert(digits.begin(), static_cast<char>('0' + mode % 8));
    return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

std::string bound_text(const Key& key, std::int64_t value) {
    if (key.kind == ValueKind::duration) return duration_text(value);
    if (key.kind == ValueKind::size) return size_text(value);
    if (key.kind == ValueKind::mode) return mode_text(value);
    if (key.kind == ValueKind::percent) return std::to_string(value) + "%";
    return std::to_string(value);
}

std::string expectation(const Key& key) {
    const bool has_range = key.kind == ValueKind::integer || key.kind == ValueKind::workers ||
                           key.kind == ValueKind::duration || key.kind == ValueKind::size ||
                           key.kind == ValueKind::mode || key.kind == ValueKind::percent;
    std::string text(name_of(key.kind));
    if (has_range && key.maximum != 0)
        text += " from " + bound_text(key, key.minimum) + " to " + bound_text(key, key.maximum);
    if (key.kind == ValueKind::workers) text += " or 'auto'";
    const std::vector<std::string_view> choices = choices_of(key);
    for (std::size_t i = 0; i < choices.size(); ++i)
        text += (i == 0 ? " " : i + 1 == choices.size() ? " or " : ", ") + in_quotes(choices[i]);
    if (key.allows_off) text += " or 'off'";
    return text;
}

}  // namespace common::config
