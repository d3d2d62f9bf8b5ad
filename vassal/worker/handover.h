// SPDX-License-Identifier: Apache-2.0
// The connections of a worker that nobody can serve any more (expiry.h). Those of which nothing was read yet go to the
// master, who gives them to another worker: their clients notice nothing. (Of siblings' connections that wait in the
// link he kept a copy.) Requests that were read in part cannot be passed on: they are answered with 503 and Retry-After.
// Runs in a signal handler, with all other threads lost.
#pragma once

#include "vassal/worker/response.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

// `text` has room, so that nothing is allocated.
void give_connections_away(const Shared& shared, ResponseSink::ExpiryText& text) noexcept;

}  // namespace vassal::worker
