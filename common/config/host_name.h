// SPDX-License-Identifier: Apache-2.0
// Names of hosts as web clients send them in Host (RFC 952, RFC 1123 section 2.1): labels of letters, digits and '-'. Such a name
// is also safe as a file's name and in the configuration of a web server.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace common::config {

// 253 by the DNS; a socket "HOST.sock" has to be a file name of 255 bytes.
inline constexpr std::size_t max_host_name = 250;

// What is wrong with it, ready to follow "KEY: "; nothing when it is one.
[[nodiscard]] std::optional<std::string> check_host_name(std::string_view text);

// Names do not differ by case (RFC 4343); the canonical one is lower-case.
[[nodiscard]] std::string canonical_host_name(std::string_view text);

}  // namespace common::config
