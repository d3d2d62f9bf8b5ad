// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/http_target.h"

#include "vassal/protocol/http_policy.h"

namespace vassal::protocol {
namespace {

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// 400 for an incomplete escape and for %00, which ends strings in too many places behind us.
int percent_decode(std::string_view text, ParamSet& params, std::string_view& decoded) noexcept {
    if (text.find('%') == std::string_view::npos) {
        decoded = text;
        return 0;
    }
    char* const begin = params.allocate(text.size());
    if (begin == nullptr) return 431;
    char* out = begin;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            *out++ = text[i];
            continue;
        }
        if (text.size() - i < 3) return 400;
        const int high = hex_value(text[i + 1]);
        const int low = hex_value(text[i + 2]);
        if (high < 0 || low < 0 || (high == 0 && low == 0)) return 400;
        *out++ = static_cast<char>(high * 16 + low);
        i += 2;
    }
    decoded = {begin, static_cast<std::size_t>(out - begin)};
    return 0;
}

bool strip_scheme(std::string_view& text) noexcept {
    for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
        if (equals_without_case(text.substr(0, scheme.size()), scheme)) {
            text.remove_prefix(scheme.size());
            return true;
        }
    }
    return false;
}

}  // namespace

int read_target(std::string_view method, std::string_view text, ParamSet& params, Target& target) {
    if (method == "CONNECT") return 501;  // a tunnel; this is an origin server
    if (text == "*") return method == "OPTIONS" ? 0 : 400;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '#') return 400;
    }
    if (!text.starts_with('/')) {
        if (!strip_scheme(text)) return 400;
        const std::size_t end = text.find_first_of("/?");
        target.authority = text.substr(0, end);
        if (!is_valid_host(target.authority)) return 400;  // user information is refused here too
        text = end == std::string_view::npos ? std::string_view("/") : text.substr(end);
    }
    const std::size_t question = text.find('?');
    target.query = question == std::string_view::npos ? std::string_view() : text.substr(question + 1);
    std::string_view path = text.substr(0, question);
    if (path.empty()) path = "/";
    return percent_decode(path, params, target.path);
}

}  // namespace vassal::protocol
