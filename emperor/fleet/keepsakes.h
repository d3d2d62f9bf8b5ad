// SPDX-License-Identifier: Apache-2.0
// What the keeper holds for this fleet, by meaning: listeners by vassal and address, scoreboards by vassal. Without a
// keeper program (tests) it holds nothing and finds nothing. Owned by the fleet; outlives every host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "common/net/address.h"
#include "emperor/fleet/options.h"
#include "emperor/keeper/client.h"
#include "emperor/process/listeners.h"

namespace emperor::fleet {

class Keepsakes {
public:
    Keepsakes(boost::asio::io_context& io, const FleetOptions& options);

    // Asks for what a former emperor left. Before the first adoption and the first scan.
    void start();

    // The listener that a former emperor had for this vassal on this address, once; empty when there is none (more).
    [[nodiscard]] common::UniqueFd take_listener(const std::string& vassal, const common::net::ListenAddress& address);
    [[nodiscard]] common::UniqueFd take_scoreboard(const std::string& vassal);

    // From now on until drop_…: the keeper holds it too.
    void keep_listener(const std::string& vassal, const process::Listener& listener);
    void drop_listener(const std::string& vassal, const process::Listener& listener);
    void keep_scoreboard(const std::string& vassal, int fd);
    void drop_scoreboard(const std::string& vassal);

    // Every directory was scanned: what nobody took is of no use to anybody.
    void forget_rest();
    // The emperor leaves; the keeper stays as it is.
    void leave();
    // Everything is stopped: the keeper ends.
    void dismiss();

private:
    std::optional<keeper::Client> client_;
    keeper::Holdings found_;
};

}  // namespace emperor::fleet
