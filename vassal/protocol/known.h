// SPDX-License-Identifier: Apache-2.0
// The CGI variables that codecs look at, recognised by length and bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace vassal::protocol {

enum class Known : std::uint8_t {
    other,
    dropped,  // must not reach the app under this name
    request_method,
    script_name,
    path_info,
    query_string,
    server_name,
    server_port,
    server_protocol,
    request_uri,
    request_scheme,
    https,
    uwsgi_scheme,
    content_type,
    content_length,
    remote_addr,
    remote_port,
    http_host,
    http_cookie,
    http_transfer_encoding,
    http_x_forwarded_proto,
    http_x_forwarded_for,
    http_x_request_id,
    http_x_request_start,
    count
};

[[nodiscard]] Known classify(std::string_view key) noexcept;

}  // namespace vassal::protocol
