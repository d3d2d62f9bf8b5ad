// SPDX-License-Identifier: Apache-2.0
// What a tenant's master may send to the emperor, and the log records of its app: refused or understood, and what was
// understood reads the same when it is sent on.
#include <string>
#include <variant>

#include "common/config/decode.h"
#include "common/link/log_record.h"
#include "common/link/messages.h"
#include "tests/fuzz/target.h"

using namespace common::link;

namespace {

template <class Message>
void check_again(const Message& message, auto decode) {
    const std::string once = encode(message);
    const auto back = decode(once);
    fuzz::require(back.has_value(), "what was understood can be sent on");
    fuzz::require(encode(*back) == once, "what was understood reads the same again");
}

// The emperor adopts by it, the master starts by it: the configuration inside is decoded next.
template <class Description>
void check_config(const Description& description) {
    (void)common::config::config_from_json(description.config);
    fuzz::require(description.bank == 0 || description.bank == 1, "the scoreboard has two banks");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 4096) return 0;  // longer texts are shortened on their way
    const std::string_view payload = fuzz::text_of(data, size);
    if (const auto message = decode_emperor_message(payload)) {
        check_again(*message, decode_emperor_message);
        if (const auto* start = std::get_if<Start>(&*message)) check_config(*start);
    }
    if (const auto message = decode_master_message(payload)) {
        check_again(*message, decode_master_message);
        if (const auto* snapshot = std::get_if<Snapshot>(&*message)) check_config(*snapshot);
    }
    if (const auto record = decode_log_record(payload))
        fuzz::require(encode(*record) == payload, "a log record is its bytes");
    return 0;
}
