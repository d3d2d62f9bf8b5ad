// SPDX-License-Identifier: Apache-2.0
#include "vassal/check_import.h"

#include <poll.h>

#include <chrono>

#include "common/config/decode.h"
#include "common/link/channel.h"
#include "common/link/messages.h"
#include "vassal/mold/worker_main.h"

namespace vassal {

namespace {

namespace wire = common::link;

constexpr int order_patience_ms = 10'000;

common::Result<master::Generation> receive_order(int link) {
    pollfd waited{link, POLLIN, 0};
    if (::poll(&waited, 1, order_patience_ms) != 1) return common::failure("nobody said what to import");
    const auto received = wire::receive(link);
    if (!received) return received.error();
    auto message = wire::decode_emperor_message(received->packet.payload);
    if (!message) return message.error();
    auto* start = std::get_if<wire::Start>(&*message);
    if (start == nullptr) return common::failure("expected an order to start");
    auto config = common::config::config_from_json(start->config);
    if (!config) return config.error();
    master::Generation generation;
    generation.name = std::move(start->name);
    generation.config = std::move(*config);
    generation.identity = std::move(start->identity);
    return generation;
}

}  // namespace

int check_import(int link, const std::function<mold::Shop(const master::Generation&)>& shop_of) {
    const auto say = [link](const wire::MasterMessage& message) { static_cast<void>(wire::send(link, wire::encode(message))); };
    const auto fail = [&](const char* step, const std::string& reason) {
        say(wire::Failed{step, reason, ""});
        return 1;
    };
    auto generation = receive_order(link);
    if (!generation) return fail("link", generation.error().message());
    if (const auto prepared = master::prepare(*generation); !prepared) return fail("environment", prepared.error().message());
    const mold::Shop shop = shop_of(*generation);
    shop.set_title("check");
    mold::use_environment(*shop.environment);
    const auto began = std::chrono::steady_clock::now();
    const auto interpreter = mold::load_app(shop, 1, [&](const python::LoadFailure& failure) {
        say(wire::Failed{failure.step, failure.reason, failure.detail});
    });
    if (!interpreter) return 1;
    const auto took = std::chrono::steady_clock::now() - began;
    say(wire::Ready{std::chrono::duration_cast<std::chrono::milliseconds>(took).count()});
    mold::run_exit_handlers(*interpreter);
    return 0;
}

}  // namespace vassal
