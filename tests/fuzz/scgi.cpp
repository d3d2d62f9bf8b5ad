// SPDX-License-Identifier: Apache-2.0
// SCGI packets: what is accepted is sound, how the bytes arrive changes nothing, and what was understood reads the same
// when it is packed again.
#include "vassal/protocol/scgi.h"

#include <map>
#include <string>

#include "tests/fuzz/target.h"

using namespace vassal::protocol;

namespace {

using Variables = std::map<std::string, std::string>;

const Limits limits{.header_size = 2048, .headers = 32, .body = 1 << 20};
const Facts facts{.server_name = "localhost", .server_port = "8000", .mount = {}, .remote_addr = {}, .remote_port = {}};

Variables variables_of(const Head& head) {
    Variables found;
    for (const auto& [key, value] : head.params.all())
        fuzz::require(found.emplace(key, value).second, "each variable is there once");
    return found;
}

void check_packed_again(Variables variables) {
    std::string block;
    const auto put = [&block](const std::string& key, const std::string& value) {
        block.append(key).append(1, '\0').append(value).append(1, '\0');
    };
    put("CONTENT_LENGTH", variables["CONTENT_LENGTH"]);
    for (const auto& [key, value] : variables) {
        if (key != "CONTENT_LENGTH") put(key, value);
    }
    if (block.size() > limits.header_size) return;
    const std::string packet = std::to_string(block.size()) + ":" + block + ",";
    static Head head;
    fuzz::require(decode_scgi(packet, limits, facts, head).outcome == Outcome::complete,
                  "what was accepted is acceptable");
    fuzz::require(variables_of(head) == variables, "what was understood reads the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    static Head head;  // used again and again, as a connection's is
    const Decoded whole = decode_scgi(text, limits, facts, head);
    fuzz::require(whole.consumed <= size, "the packet is a part of the input");
    if (whole.outcome == Outcome::need_more) fuzz::require(whole.wanted > size, "what is wanted is more");
    if (whole.outcome == Outcome::bad)
        fuzz::require(whole.status >= 400 && whole.status <= 599, "a refusal has a status");
    if (whole.outcome == Outcome::complete) {
        fuzz::require(!head.method.empty() && fuzz::is_inside(head.method, text), "the method is a part of the input");
        fuzz::require(head.content_length <= limits.body, "the body is within its limit");
        check_packed_again(variables_of(head));
    }
    const fuzz::Copy first(text.substr(0, fuzz::cut_of(text)));
    const Decoded begun = decode_scgi(first.view(), limits, facts, head);
    if (begun.outcome != Outcome::need_more)
        fuzz::require(
            begun.outcome == whole.outcome && begun.status == whole.status && begun.consumed == whole.consumed,
            "more input changes no verdict");
    return 0;
}
