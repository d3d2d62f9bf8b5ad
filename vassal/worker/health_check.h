// SPDX-License-Identifier: Apache-2.0
// `health`: a request that a new worker has to answer before it says that it is ready. Through Application::serve(), with
// the variables that the HTTP codec makes of a real one, but without a socket, in no counter and in no access log.
//
//   an answer                in time      late
//   with the right status    healthy      failed attempt
//   anything else            failed       failed
//   none at all              each health.timeout that passes is a failed attempt; the last one ends the process
//
// Failed attempts are told to the master (Probing) and to the log; the next one follows after a pause. The last one's story
// is the caller's to tell (Failed). A request that does not come back cannot be taken back: a timer's signal handler in
// this thread tells the story then, with all tracebacks, and ends the process, wherever it hangs and whoever holds the
// interpreter lock. timeouts.start bounds everything; the master judges it.
#pragma once

#include <optional>

#include "vassal/link/worker_messages.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

// In the main thread, which holds the interpreter lock and has entered the application. Nothing: healthy, or not asked for.
[[nodiscard]] std::optional<link::Failed> check_health(Shared& shared);

}  // namespace vassal::worker
