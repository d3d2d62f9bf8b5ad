// SPDX-License-Identifier: Apache-2.0
// The JSON document of a stats socket, here or on another machine: connect, read to the end. Blocking, before a deadline.
#pragma once

#include "common/net/address.h"
#include "emperor/ctl/client.h"

namespace emperor::ctl {

// The host of a TCP address has to be numeric, or localhost.
[[nodiscard]] Answer<Json> fetch_stats(const common::net::Address& address, Deadline deadline);

}  // namespace emperor::ctl
