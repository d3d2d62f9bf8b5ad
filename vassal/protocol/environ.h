// SPDX-License-Identifier: Apache-2.0
// What every codec does once all variables of a request are there: the mandatory ones of PEP 3333, SCRIPT_NAME and
// PATH_INFO under a mount, the URL scheme, and what a trusted proxy says about the client.
#pragma once

#include <optional>
#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// 0, or the status to refuse the request with.
[[nodiscard]] int complete_environ(Head& head, const Facts& facts);

// Takes X-Request-ID over where it is [A-Za-z0-9._-]{1,64}. For peers that are trusted: front ends that speak uwsgi,
// FastCGI or SCGI; over HTTP only proxies of the operator's.
void take_request_id(Head& head) noexcept;

// The decoded path of the URL, whatever the front end or the mount made of it: SCRIPT_NAME and PATH_INFO.
[[nodiscard]] std::string_view url_path(Head& head) noexcept;

// A chunked body that was collected: its size, for apps that read CONTENT_LENGTH bytes (all of them).
void set_content_length(Head& head, std::uint64_t size);

// Digits only, no sign, no space, no overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_length(std::string_view text) noexcept;

}  // namespace vassal::protocol
