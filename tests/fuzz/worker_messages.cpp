// SPDX-License-Identifier: Apache-2.0
// What a worker, which runs the app's code, may send to its master, and the other way: refused or understood, and what
// was understood reads the same when it is sent again.
#include "vassal/link/worker_messages.h"

#include <string>
#include <variant>

#include "tests/fuzz/target.h"

using namespace vassal::link;

namespace {

template <class Message>
void check_again(const Message& message, auto decode) {
    const std::string once = encode(message);
    const auto back = decode(once);
    fuzz::require(back.has_value(), "what was understood can be sent again");
    fuzz::require(encode(*back) == once, "what was understood reads the same again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view payload = fuzz::text_of(data, size);
    if (const auto message = decode_worker_message(payload)) {
        check_again(*message, decode_worker_message);
        if (const auto* started = std::get_if<Started>(&*message)) fuzz::require(started->pid > 0, "a pid is positive");
    }
    if (const auto order = decode_master_order(payload)) {
        fuzz::require(encode(*order).size() <= payload.size(), "an order is written in one way, or shorter");
        check_again(*order, decode_master_order);
        if (const auto* fork = std::get_if<ForkWorker>(&*order)) fuzz::require(fork->worker > 0, "workers count from 1");
    }
    return 0;
}
