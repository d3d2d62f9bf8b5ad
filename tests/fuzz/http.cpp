// SPDX-License-Identifier: Apache-2.0
// HTTP request heads: what is accepted is sound, and how the bytes arrive changes nothing.
#include "vassal/protocol/http.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "tests/fuzz/target.h"
#include "vassal/protocol/trusted_proxies.h"

using namespace vassal::protocol;

namespace {

const Limits limits{.header_size = 2048, .headers = 32, .body = 1 << 20};

void check_accepted(const Head& head, std::string_view text) {
    fuzz::require(!head.method.empty() && fuzz::is_inside(head.method, text), "the method is a part of the input");
    fuzz::require(fuzz::is_inside(head.uri, text), "the target is a part of the input");
    fuzz::require(head.content_length <= limits.body, "the body is within its limit");
    fuzz::require(!head.is_chunked || head.content_length == 0, "a body is framed in one way");
    std::set<std::string> keys;
    for (const auto& [key, value] : head.params.all()) {
        fuzz::require(keys.emplace(key).second, "each variable is there once");
        fuzz::require(std::string(value).find('\0') == std::string::npos, "no variable holds a NUL");
    }
    for (const char* key : {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "SCRIPT_NAME", "SERVER_NAME"})
        fuzz::require(keys.contains(key), "the variables of PEP 3333 are there");
    fuzz::require(!keys.contains("HTTP_PROXY") && !keys.contains("HTTP_TRANSFER_ENCODING"), "some fields are dropped");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto trusted = TrustedProxies::parse(std::array<std::string, 2>{"192.0.2.0/24", "2001:db8::/32"}).value();
    const std::string_view text = fuzz::text_of(data, size);
    const Facts facts{.server_name = "localhost", .server_port = "8000", .mount = "/shop",
                      .remote_addr = "192.0.2.7", .remote_port = "4711", .trusted = &trusted};
    static Head head, other;  // used again and again, as a connection's are
    HttpScan scan;
    const Decoded whole = decode_http(text, scan, limits, facts, head);
    if (whole.outcome == Outcome::bad) fuzz::require(whole.status >= 400 && whole.status <= 599, "a refusal has a status");
    if (whole.outcome == Outcome::complete) {
        fuzz::require(whole.consumed > 0 && whole.consumed <= size, "the head is a part of the input");
        check_accepted(head, text);
    }

    const fuzz::Copy first(text.substr(0, fuzz::cut_of(text)));
    scan = {};
    const Decoded begun = decode_http(first.view(), scan, limits, facts, other);
    if (begun.outcome != Outcome::need_more) {
        fuzz::require(begun.outcome == whole.outcome && begun.consumed == whole.consumed, "more input changes no verdict");
        return 0;
    }
    const Decoded ended = decode_http(text, scan, limits, facts, other);
    fuzz::require(ended.outcome == whole.outcome && ended.status == whole.status && ended.consumed == whole.consumed,
                  "a cut changes no verdict");
    if (ended.outcome == Outcome::complete)
        fuzz::require(std::ranges::equal(head.params.all(), other.params.all(),
                                         [](auto& a, auto& b) { return a.key == b.key && a.value == b.value; }),
                      "a cut changes no variable");
    return 0;
}
