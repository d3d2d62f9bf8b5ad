// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

void Head::clear() noexcept {
    params.clear();
    method = {};
    uri = {};
    url_scheme = {};
    request_id = {};
    request_start_us = 0;
    content_length = 0;
    is_chunked = false;
    is_http11 = false;
    keep_alive = false;
    expects_continue = false;
}

}  // namespace vassal::protocol
