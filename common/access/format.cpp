// SPDX-License-Identifier: Apache-2.0
#include "common/access/format.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/nearest.h"

namespace common::access {
namespace {

struct Name {
    std::string_view name;
    Field field;
};

constexpr std::array<Name, 23> names = {{
    {"time", Field::time},
    {"time_common", Field::time_common},
    {"vassal", Field::vassal},
    {"generation", Field::generation},
    {"worker", Field::worker},
    {"thread", Field::thread},
    {"pid", Field::pid},
    {"remote_addr", Field::remote_addr},
    {"user", Field::user},
    {"method", Field::method},
    {"uri", Field::uri},
    {"path", Field::path},
    {"query", Field::query},
    {"protocol", Field::protocol},
    {"scheme", Field::scheme},
    {"host", Field::host},
    {"status", Field::status},
    {"bytes", Field::bytes},
    {"duration_ms", Field::duration_ms},
    {"duration_us", Field::duration_us},
    {"request_id", Field::request_id},
    {"referer", Field::referer},
    {"user_agent", Field::user_agent},
}};

constexpr std::string_view default_text =
    R"({remote_addr} - {user} [{time_common}] "{method} {uri} {protocol}" {status} {bytes} "{referer}" "{user_agent}" )"
    R"({duration_ms} {request_id})";
constexpr std::string_view default_json =
    "{time} {vassal} {generation} {worker} {pid} {remote_addr} {user} {method} {uri} {protocol} {scheme} {host} "
    "{status} "
    "{bytes} {duration_ms} {request_id} {referer} {user_agent}";

constexpr std::size_t most_of_a_uri = 2000, most_of_others = 500;

bool is_name_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

char upper(char c) noexcept {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// The header's name as the codecs hand it to the app.
std::string variable_of(std::string_view header) {
    std::string name;
    for (const char c : header) name += upper(c);
    return name == "CONTENT_TYPE" || name == "CONTENT_LENGTH" ? name : "HTTP_" + name;
}

std::string snake(std::string_view header) {
    std::string name;
    for (const char c : header) {
        const char u = upper(c);
        name += u >= 'A' && u <= 'Z' ? static_cast<char>(u - 'A' + 'a') : u;
    }
    return name;
}

std::optional<Copied> copied_for(const Piece& piece) {
    using Source = Copied::Source;
    switch (piece.field) {
        case Field::remote_addr: return Copied{Source::remote_addr, "", most_of_others};
        case Field::method: return Copied{Source::method, "", most_of_others};
        case Field::uri:
        case Field::path:
        case Field::query: return Copied{Source::uri, "", most_of_a_uri};
        case Field::protocol: return Copied{Source::protocol, "", most_of_others};
        case Field::scheme: return Copied{Source::scheme, "", most_of_others};
        case Field::host: return Copied{Source::host, "", most_of_others};
        case Field::request_id: return Copied{Source::request_id, "", most_of_others};
        case Field::user: return Copied{Source::variable, "REMOTE_USER", most_of_others};
        case Field::referer: return Copied{Source::variable, "HTTP_REFERER", most_of_others};
        case Field::user_agent: return Copied{Source::variable, "HTTP_USER_AGENT", most_of_others};
        case Field::header: return Copied{Source::variable, variable_of(piece.text), most_of_others};
        case Field::literal:
        case Field::worker:
        case Field::thread:
        case Field::vassal:
        case Field::generation:
        case Field::time:
        case Field::time_common:
        case Field::status:
        case Field::bytes:
        case Field::duration_ms:
        case Field::duration_us:
        case Field::pid:
        case Field::field:
        case Field::fields: break;
    }
    return std::nullopt;
}

Error at(std::size_t position, std::string what) {
    return failure("at position " + std::to_string(position + 1) + ": " + std::move(what));
}

std::string quoted(std::string_view text) { return std::string("'").append(text).append("'"); }

class Parser {
public:
    Parser(Style style, std::string_view text) : text_(text) { format_.style = style; }

    Result<Format> run() {
        if (text_.size() > max_format_size)
            return failure("is longer than " + std::to_string(max_format_size) + " bytes");
        while (at_ < text_.size()) {
            if (auto done = step(); !done) return done.error();
        }
        if (auto done = end_literal(); !done) return done.error();
        if (std::ranges::all_of(format_.pieces, [](const Piece& p) { return p.field == Field::literal; }))
            return failure("names no field (for example {status})");
        return std::move(format_);
    }

private:
    Result<void> step() {
        const char c = text_[at_];
        const bool is_doubled = text_.substr(at_).starts_with(c == '{' ? "{{" : "}}");
        if (c == '{' && !is_doubled) {
            if (auto done = end_literal(); !done) return done;
            return read_field();
        }
        if (c == '}' && !is_doubled) return at(at_, "a '}' without its '{' (as text, write '}}')");
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return at(at_, "a control character");
        if (literal_.empty()) literal_at_ = at_;
        literal_ += c;
        at_ += c == '{' || c == '}' ? 2 : 1;
        return {};
    }

    Result<void> end_literal() {
        if (literal_.empty()) return {};
        const std::string text = std::exchange(literal_, {});
        if (format_.style == Style::text) {
            format_.pieces.push_back({Field::literal, text, "", 0});
            return {};
        }
        const std::size_t odd = text.find_first_not_of(" ,");
        if (odd == std::string::npos) return {};
        return at(literal_at_ + odd,
                  "with 'access: json' this is a list of fields, '{time} {status}', without other text");
    }

    Result<void> read_field() {
        const std::size_t begin = at_;
        const std::size_t end = text_.find_first_of("{}", at_ + 1);
        if (end == std::string_view::npos || text_[end] == '{')
            return at(begin, "a '{' without its '}' (as text, write '{{')");
        const std::string_view name = text_.substr(begin + 1, end - begin - 1);
        at_ = end + 1;
        auto piece = piece_of(name, begin);
        if (!piece) return piece.error();
        return add(std::move(*piece), begin);
    }

    static Result<Piece> piece_of(std::string_view name, std::size_t position) {
        const auto found = std::ranges::find(names, name, &Name::name);
        if (found != names.end()) return Piece{found->field, "", std::string(name), 0};
        for (const auto& [prefix, field] : {std::pair("header.", Field::header), std::pair("field.", Field::field)}) {
            if (!name.starts_with(prefix)) continue;
            const std::string_view rest = name.substr(std::string_view(prefix).size());
            if (rest.empty() || rest.size() > 64 || !std::ranges::all_of(rest, is_name_character))
                return at(position, quoted(rest) + " is no name for " + quoted(std::string(prefix) + "NAME") +
                                        " (letters, digits, '-' and '_', at most 64)");
            if (field == Field::header) return Piece{field, std::string(rest), "header_" + snake(rest), 0};
            return Piece{field, std::string(rest), "field_" + std::string(rest), 0};
        }
        std::vector<std::string> candidates = field_names();
        candidates.insert(candidates.end(), {"header.NAME", "field.NAME"});
        const auto close = nearest(name, candidates, 1);
        return at(position, "unknown field " + quoted(name) +
                                (close.empty() ? "" : " (did you mean " + quoted(close.front()) + "?)"));
    }

    Result<void> add(Piece piece, std::size_t position) {
        if (format_.style == Style::json) {
            const std::string begin = (format_.pieces.empty() ? "{\"" : ",\"") + piece.key + "\":";
            if (std::ranges::any_of(format_.pieces, [&](const Piece& p) { return p.key.substr(1) == begin.substr(1); }))
                return at(position, "the key '" + piece.key + "' is there already");
            piece.key = begin;
        } else {
            piece.key.clear();
        }
        if (piece.field == Field::field) format_.wants_fields = true;
        if (auto copied = copied_for(piece)) {
            const auto there = std::ranges::find(format_.copied, *copied);
            piece.value = static_cast<std::size_t>(there - format_.copied.begin());
            if (there == format_.copied.end()) format_.copied.push_back(std::move(*copied));
            if (format_.copied.size() > max_copied)
                return at(position, "more than " + std::to_string(max_copied) + " values of the request");
        }
        format_.pieces.push_back(std::move(piece));
        return {};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string literal_;
    std::size_t literal_at_ = 0;
    Format format_;
};

}  // namespace

Result<Format> parse_format(Style style, std::string_view text) {
    if (!text.empty()) return Parser(style, text).run();
    auto format = Parser(style, style == Style::json ? default_json : default_text).run();
    if (style == Style::json) {
        format->pieces.push_back({Field::fields, "", R"(,"fields":)", 0});
        format->wants_fields = true;
    }
    return format;
}

std::vector<std::string> field_names() {
    std::vector<std::string> all;
    for (const Name& name : names) all.emplace_back(name.name);
    return all;
}

}  // namespace common::access
