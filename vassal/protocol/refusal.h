// SPDX-License-Identifier: Apache-2.0
// What a client hears whose request nobody will serve: 503 and Retry-After, in its protocol. For workers whose threads
// are lost, for masters that are left with connections of such a worker, and where no worker can be started. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/net/address.h"
#include "vassal/protocol/text_buffer.h"

namespace vassal::protocol {

// Async-signal-safe where the buffers have room (4 KiB). A view of one of the buffers. Empty where nobody waits for an
// answer: FastCGI without a request (id 0).
[[nodiscard]] std::string_view write_refusal(common::net::Protocol protocol, std::uint16_t fastcgi_id,
                                             TextBuffer& reply, TextBuffer& framed, std::uint64_t retry_after = 1,
                                             bool is_head = false);

// Finds out from the first bytes of a connection what an answer needs to know, without decoding the request.
struct FirstBytes {
    bool is_enough = false;        // else: more bytes, please
    std::uint16_t fastcgi_id = 0;
    bool is_head = false;          // HTTP: the answer has no body
};
[[nodiscard]] FirstBytes look_at_first_bytes(common::net::Protocol protocol, std::string_view bytes) noexcept;

// Of the request that the first bytes of a FastCGI connection begin; 0: none.
[[nodiscard]] std::uint16_t first_fastcgi_id(std::string_view bytes) noexcept;

}  // namespace vassal::protocol
