// SPDX-License-Identifier: Apache-2.0
// What a proxy says before the first head: bounded, how the bytes arrive changes nothing, and what was understood reads
// the same in the other version of the protocol.
#include "vassal/protocol/proxy_protocol.h"

#include <string>

#include "tests/fuzz/target.h"

using namespace vassal::protocol;

namespace {

bool is_same(const ProxyHeader& a, const ProxyHeader& b) {
    return a.has_client == b.has_client && a.client.address() == b.client.address() &&
           a.client.port() == b.client.port() && a.server.address() == b.server.address() &&
           a.server.port() == b.server.port() && a.is_https == b.is_https;
}

bool is_v6(const Endpoint& endpoint) { return endpoint.address().find(':') != std::string_view::npos; }

std::string mapped(const Endpoint& endpoint) {
    return (is_v6(endpoint) ? "" : "::ffff:") + std::string(endpoint.address());
}

// Any pair of addresses fits into a line of TCP6.
void check_as_line(const ProxyHeader& header) {
    const std::string line = "PROXY TCP6 " + mapped(header.client) + " " + mapped(header.server) + " " +
                             std::string(header.client.port()) + " " + std::string(header.server.port()) + "\r\n";
    ProxyHeader again;
    const Decoded decoded = decode_proxy_header(line, again);
    fuzz::require(decoded.outcome == Outcome::complete && decoded.consumed == line.size(), "a line can say the same");
    again.is_https = header.is_https;  // but not this
    fuzz::require(is_same(header, again), "what was understood reads the same again");
}

void check_accepted(const ProxyHeader& header, const Decoded& decoded) {
    fuzz::require(decoded.consumed <= max_proxy_header, "a header is bounded");
    fuzz::require(decoded.consumed > 0 || !header.has_client, "nothing comes from nothing");
    fuzz::require(header.has_client || header.client.address().empty(), "no address without a client");
    fuzz::require(header.client.address().empty() == header.server.address().empty(), "both addresses, or none");
    fuzz::require(header.client.address().empty() == header.client.port().empty(), "a port beside each address");
    if (!header.client.address().empty()) check_as_line(header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    ProxyHeader header, other;
    const Decoded whole = decode_proxy_header(text, header);
    if (whole.outcome == Outcome::need_more) {
        fuzz::require(size < max_proxy_header, "waiting is bounded");
        fuzz::require(whole.wanted == 0 || (whole.wanted > size && whole.wanted <= max_proxy_header),
                      "what is wanted is more");
    }
    if (whole.outcome == Outcome::bad) fuzz::require(whole.status == 400, "a refusal has a status");
    if (whole.outcome == Outcome::complete) {
        fuzz::require(whole.consumed <= size, "the header is a part of the input");
        check_accepted(header, whole);
    }
    const fuzz::Copy first(text.substr(0, fuzz::cut_of(text)));
    const Decoded begun = decode_proxy_header(first.view(), other);
    if (begun.outcome == Outcome::need_more) return 0;
    fuzz::require(begun.outcome == whole.outcome && begun.consumed == whole.consumed, "more input changes no verdict");
    if (begun.outcome == Outcome::complete) fuzz::require(is_same(header, other), "more input changes no client");
    return 0;
}
