// SPDX-License-Identifier: Apache-2.0
// uwsgi packets: what is accepted is sound, how the bytes arrive changes nothing, and what was understood reads the same
// when it is packed again.
#include "vassal/protocol/uwsgi.h"

#include <map>
#include <string>

#include "tests/fuzz/target.h"

using namespace vassal::protocol;

namespace {

using Variables = std::map<std::string, std::string>;

const Facts facts{.server_name = "localhost", .server_port = "8000", .mount = {}, .remote_addr = {}, .remote_port = {}};

Variables variables_of(const Head& head) {
    Variables found;
    for (const auto& [key, value] : head.params.all())
        fuzz::require(found.emplace(key, value).second, "each variable is there once");
    return found;
}

void put(std::string& out, const std::string& text) {
    out += {static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
    out += text;
}

void check_packed_again(const Variables& variables) {
    std::string block;
    for (const auto& [key, value] : variables) put(block, key), put(block, value);
    if (block.size() > Limits().header_size || block.size() > 0xffff) return;
    const std::string packet =
        std::string{'\0', static_cast<char>(block.size() & 0xff), static_cast<char>(block.size() >> 8), '\0'} + block;
    static Head head;
    fuzz::require(decode_uwsgi(packet, {}, facts, head).outcome == Outcome::complete, "what was accepted is acceptable");
    fuzz::require(variables_of(head) == variables, "what was understood reads the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    static Head head;  // used again and again, as a connection's is
    const Decoded whole = decode_uwsgi(text, {}, facts, head);
    fuzz::require(whole.consumed <= size, "the packet is a part of the input");
    if (whole.outcome == Outcome::need_more) fuzz::require(size == 0 || whole.wanted > size, "what is wanted is more");
    if (whole.outcome == Outcome::complete) {
        fuzz::require(!head.method.empty() && fuzz::is_inside(head.method, text), "the method is a part of the input");
        check_packed_again(variables_of(head));
    }
    const fuzz::Copy first(text.substr(0, fuzz::cut_of(text)));
    const Decoded begun = decode_uwsgi(first.view(), {}, facts, head);
    if (begun.outcome != Outcome::need_more)
        fuzz::require(begun.outcome == whole.outcome && begun.status == whole.status, "more input changes no verdict");
    return 0;
}
