// SPDX-License-Identifier: Apache-2.0
#include "common/log/text.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

#include "common/base/utf8.h"

namespace common::log {
namespace {

std::string timestamp(std::int64_t time_us, int digits) {
    std::int64_t fraction = time_us % 1'000'000;
    std::time_t seconds = static_cast<std::time_t>(time_us / 1'000'000);
    if (fraction < 0) {
        fraction += 1'000'000;
        --seconds;
    }
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}", parts.tm_year + 1900, parts.tm_mon + 1,
                                   parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, fraction);
    text.resize(text.size() - 6 + static_cast<std::size_t>(digits));
    return text + "Z";
}

void append_escaped(std::string& out, std::string_view bytes) {
    for (const char c : bytes) {
        switch (c) {
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default: fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
}

struct ValueText {
    bool json;

    std::string operator()(const std::string& value) const { return json ? json_string(value) : quoted(value); }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{:.6g}", value); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }

    // Bare where nothing could be misread, else in quotes.
    static std::string quoted(const std::string& value) {
        const std::string escaped = escape(value);
        if (!escaped.empty() && escaped.find_first_of(" \"=") == std::string::npos) return escaped;
        std::string out = "\"";
        for (const char c : escaped) {
            if (c == '"') out += '\\';
            out += c;
        }
        return out + '"';
    }
};

std::string_view color_of(Level level) noexcept {
    switch (level) {
        case Level::debug: return "\033[2m";
        case Level::info: return "\033[32m";
        case Level::warn: return "\033[33m";
        case Level::error: return "\033[31m";
    }
    return "";
}

}  // namespace

std::string escape(std::string_view text, bool keeps_tabs) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
        if (keeps_tabs && sequence == "\t") out += '\t';
        else if (length == 0 || is_control(sequence)) append_escaped(out, sequence);
        else out += sequence;
        text.remove_prefix(sequence.size());
    }
    return out;
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    out.reserve(text.size() + 2);
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
            continue;
        }
        const char c = text[0];
        // As text: the file is read on terminals too.
        if (length == 2 && is_control(text.substr(0, length)))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[1]));
        else if (length > 1) out += text.substr(0, length);
        else if (c == '"' || c == '\\') (out += '\\') += c;
        else if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        else out += c;
        text.remove_prefix(length);
    }
    return out + '"';
}

std::string_view name_of(Level level) noexcept {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: return "error";
    }
    return "info";
}

std::string text_line(std::int64_t time_us, Level level, std::string_view event, Fields fields, bool color) {
    std::string out = timestamp(time_us, 3);
    if (color) fmt::format_to(std::back_inserter(out), " {}{:<5}\033[0m {}", color_of(level), name_of(level), escape(event));
    else fmt::format_to(std::back_inserter(out), " {:<5} {}", name_of(level), escape(event));
    for (const Field& field : fields) {
        fmt::format_to(std::back_inserter(out), " {}={}", field.key, std::visit(ValueText{false}, field.value));
    }
    return out;
}

std::string json_line(std::int64_t time_us, Level level, std::string_view event, Fields fields) {
    std::string out = fmt::format(R"({{"ts":"{}","level":"{}","event":{})", timestamp(time_us, 6), name_of(level),
                                  json_string(event));
    for (const Field& field : fields) {
        fmt::format_to(std::back_inserter(out), ",{}:{}", json_string(field.key),
                       std::visit(ValueText{true}, field.value));
    }
    return out + '}';
}

std::string text_app_line(std::int64_t time_us, std::string_view vassal, int worker, std::string_view text, bool color) {
    const std::string who = worker > 0 ? fmt::format("{}[{}]", escape(vassal), worker) : escape(vassal);
    return fmt::format("{} info  {}{}{} | {}", timestamp(time_us, 3), color ? "\033[36m" : "", who,
                       color ? "\033[0m" : "", escape(text));
}

}  // namespace common::log
