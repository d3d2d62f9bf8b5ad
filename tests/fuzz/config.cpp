// SPDX-License-Identifier: Apache-2.0
// Configurations as a tenant may write them: there is a result or a reason, reasons can be shown anywhere, and a result
// is a document that the other end of the link understands.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/config/decode.h"
#include "common/config/source_text.h"
#include "tests/fuzz/target.h"

using namespace common::config;

namespace {

DecodeOptions options() {
    const auto variable = [](std::string_view name) {
        return name == "HOME" ? std::optional<std::string>("/home/x") : std::nullopt;
    };
    return {.name = "x", .sockets_directory = "/run/emperor/sockets", .variable = variable};
}

void check(const Decoded& decoded) {
    fuzz::require(decoded.effective.has_value() == !has_errors(decoded.diagnostics), "a result, or a reason");
    for (const Diagnostic& diagnostic : decoded.diagnostics) {
        const std::string shown = render(diagnostic);
        fuzz::require(find_invalid_utf8(shown) == std::string::npos, "a finding is UTF-8");
        for (const char c : shown)
            fuzz::require(c == '\n' || c == '\t' || (c & ~0x1f) != 0, "a finding has no control bytes");
        fuzz::require(headline(diagnostic).find('\n') == std::string::npos, "a headline is one line");
    }
    if (!decoded.effective) return;
    const auto back = config_from_json(*decoded.effective->values);
    fuzz::require(back.has_value() && *back == decoded.effective->config, "the document says the same");
    (void)decoded.effective->values->dump();  // throws where a text is not UTF-8
}

// As `vassal --set` gets them: a line is an argument.
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size() && lines.size() < 8;) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.emplace_back(text.substr(at, end - at));
        if (lines.back().find('\0') != std::string::npos) lines.pop_back();  // no argument of a program can
        at = end + 1;
    }
    return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    const Source own{"/etc/apps.d/x.yaml", text}, plain{"/etc/apps.d/x.yaml", "app: a:b\n"};
    check(decode(own, std::nullopt, options()));
    check(decode(plain, Source{"/etc/apps.d/_defaults.yaml", text}, options()));
    check(decode_settings(lines_of(text), options()));
    return 0;
}
