// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

bool is_supported(common::net::Protocol protocol) noexcept {
    switch (protocol) {
        case common::net::Protocol::uwsgi:
        case common::net::Protocol::http: return true;
        case common::net::Protocol::fastcgi:
        case common::net::Protocol::scgi: return false;
    }
    return false;
}

void Head::clear() noexcept {
    params.clear();
    method = {};
    uri = {};
    url_scheme = {};
    content_length = 0;
    is_chunked = false;
    is_http11 = false;
    keep_alive = false;
    expects_continue = false;
}

}  // namespace vassal::protocol
