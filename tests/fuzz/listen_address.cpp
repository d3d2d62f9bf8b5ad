// SPDX-License-Identifier: Apache-2.0
// Listen addresses: what is accepted is written back as an address that means the same.
#include "common/net/address.h"
#include "tests/fuzz/target.h"

using namespace common::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    if (const auto address = parse_address(text)) {
        const auto again = parse_address(address->text());
        fuzz::require(again.has_value() && *again == *address, "an address means what its text says");
    } else {
        fuzz::require(!address.error().message().empty(), "a refusal has a reason");
    }
    if (const auto address = parse_listen_address(text)) {
        const auto again = parse_listen_address(address->text());
        fuzz::require(again.has_value() && *again == *address, "a listen address means what its text says");
        fuzz::require(text.starts_with(name_of(address->protocol)), "the protocol stands first");
    }
    return 0;
}
