// SPDX-License-Identifier: Apache-2.0
// Headers of every answer, and what a client says of encodings.
#pragma once

#include <boost/beast/http/message.hpp>
#include <string_view>

namespace emperor::web {

// Nothing but our own files runs or is shown; no page may frame this one, and no text becomes a script by any way.
inline constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

template <class Fields>
void set_common_headers(boost::beast::http::header<false, Fields>& header) {
    header.set("Content-Security-Policy", content_security_policy);
    header.set("X-Content-Type-Options", "nosniff");
    header.set("Referrer-Policy", "no-referrer");
    header.set("Cross-Origin-Resource-Policy", "same-origin");
    header.set("Cross-Origin-Opener-Policy", "same-origin");
}

// RFC 9110 12.5.3: gzip is named, and not with a weight of 0.
[[nodiscard]] bool takes_gzip(std::string_view accept_encoding) noexcept;

}  // namespace emperor::web
