// SPDX-License-Identifier: Apache-2.0
// Hot path. What the codecs share in which a front end has written the CGI variables already: uwsgi, FastCGI, SCGI.
#pragma once

#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

inline void add_variable(ParamSet& params, std::string_view key, std::string_view value) {
    const Known known = classify(key);
    if (known != Known::dropped) params.add(key, value, known);
}

// Once all variables are there. 0, or the status to refuse the request with.
[[nodiscard]] int complete_gateway_head(Head& head, const Limits& limits, const Facts& facts);

// nginx's stock fastcgi_params name the whole path SCRIPT_NAME, its scgi_params only DOCUMENT_URI: both are written for
// scripts in files. A WSGI app finds its path in PATH_INFO, so what is missing there altogether is taken from these.
// Before complete_gateway_head().
void find_path(ParamSet& params);

}  // namespace vassal::protocol
