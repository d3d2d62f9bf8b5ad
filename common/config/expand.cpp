// SPDX-License-Identifier: Apache-2.0
#include "common/config/expand.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/config/source_text.h"

namespace common::config {

namespace {

constexpr int max_nesting = 8;
constexpr std::size_t max_expanded_bytes = 128 * 1024;  // what execve(2) takes for one string
constexpr std::size_t max_problems = 10;

bool is_name_character(char c, bool is_first) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!is_first && c >= '0' && c <= '9');
}

// The offset of the '}' that closes the "${" at `start`, counting nested ones; npos: none.
std::size_t closing_brace(std::string_view text, std::size_t start) {
    int depth = 0;
    for (std::size_t i = start; i < text.size(); ++i) {
        if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') {
            ++depth;
            ++i;
        } else if (text[i] == '}' && --depth == 0) {
            return i;
        }
    }
    return std::string_view::npos;
}

class Expander {
public:
    explicit Expander(const DecodeOptions& options) : options_(options) {}

    void run(std::string_view text, int depth, std::string& out) {
        for (std::size_t i = 0; i < text.size() && result.problems.size() < max_problems;) {
            const std::string_view rest = text.substr(i);
            if (out.size() > max_expanded_bytes) {
                problem(rest, "expands to more than 128 KiB");
                return;
            }
            if (rest.starts_with("$$")) {
                out += '$';
                i += 2;
            } else if (rest.starts_with("${")) {
                const std::size_t end = closing_brace(text, i);
                if (end == std::string_view::npos) {
                    problem(rest.substr(0, 2), "'${' is not closed with '}' (write '$${' for a literal one)");
                    return;
                }
                variable(text.substr(i, end + 1 - i), depth, out);
                i = end + 1;
            } else if (rest.starts_with("{{name}}")) {
                out += "{name}";
                i += 8;
            } else if (rest.starts_with("{name}")) {
                out += options_.name;
                result.has_variables = true;
                i += 6;
            } else {
                out += text[i++];
            }
        }
    }

    Expansion result;

private:
    void problem(std::string_view part, std::string message) {
        if (result.problems.size() < max_problems) result.problems.push_back({part, std::move(message)});
    }

    // `part` is "${…}".
    void variable(std::string_view part, int depth, std::string& out) {
        result.has_variables = true;
        const std::string_view inside = part.substr(2, part.size() - 3);
        std::size_t length = 0;
        while (length < inside.size() && is_name_character(inside[length], length == 0)) ++length;
        const std::string_view name = inside.substr(0, length);
        const std::string_view rest = inside.substr(length);
        if (name.empty() || (!rest.empty() && !rest.starts_with(":-") && !rest.starts_with(":?")))
            return problem(part, in_quotes(part) +
                                     " is not one of ${VAR}, ${VAR:-default}, ${VAR:?message} "
                                     "(write '$$' for a literal '$')");
        if (depth >= max_nesting) return problem(part, "variables are nested too deeply");
        const auto value = options_.variable ? options_.variable(name) : std::nullopt;
        if (value && find_invalid_utf8(*value) != std::string_view::npos)
            return problem(part, "the value of the variable " + in_quotes(name) + " is not UTF-8");
        if (rest.empty()) {
            if (!value)
                return problem(part, "unknown variable " + in_quotes(name) + " (use ${" + printable(name, 60) +
                                         ":-default} if it may be unset)");
            out += *value;
        } else if (value && !value->empty()) {
            out += *value;
        } else if (rest.starts_with(":-")) {
            run(rest.substr(2), depth + 1, out);
        } else {
            const std::string_view message = rest.substr(2);
            problem(part, "the variable " + in_quotes(name) + " is not set" +
                              (message.empty() ? "" : ": " + printable(message, 200)));
        }
    }

    const DecodeOptions& options_;
};

}  // namespace

Expansion expand(std::string_view scalar, const DecodeOptions& options) {
    Expander expander(options);
    std::string text;
    expander.run(scalar, 0, text);
    expander.result.text = std::move(text);
    return std::move(expander.result);
}

}  // namespace common::config
