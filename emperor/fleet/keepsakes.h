// SPDX-License-Identifier: Apache-2.0
// What others hold for this fleet. The keeper, by meaning: listeners by vassal and address, scoreboards by vassal (without
// a keeper program, in tests, it holds nothing and finds nothing). And systemd: the sockets that it passed. Owned by the
// fleet; outlives every host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/net/address.h"
#include "emperor/fleet/options.h"
#include "emperor/keeper/client.h"
#include "emperor/process/inherited.h"
#include "emperor/process/listeners.h"

namespace emperor::fleet {

class Keepsakes {
public:
    // `inherited` may be null; it outlives this.
    Keepsakes(boost::asio::io_context& io, const FleetOptions& options, const process::InheritedSockets* inherited);

    // Asks for what a former emperor left. Before the first adoption and the first scan.
    void start();

    // The listener that a former emperor had for this vassal on this address, once; empty when there is none (more).
    [[nodiscard]] common::UniqueFd take_listener(const std::string& vassal, const common::net::ListenAddress& address);
    // Whether exactly this socket is (still) to be taken.
    [[nodiscard]] bool holds_listener(const std::string& vassal, const common::net::ListenAddress& address,
                                      std::uint64_t socket_inode) const;
    [[nodiscard]] common::UniqueFd take_scoreboard(const std::string& vassal);

    // What systemd passed for this address. An app of another user gets it only when it carries the app's name; `why_not`
    // says so then.
    [[nodiscard]] common::UniqueFd inherited_listener(const std::string& vassal, const process::ListenRequest& request,
                                                      std::string& why_not) const;
    // systemd owns this socket, and its file.
    [[nodiscard]] bool is_inherited(int fd) const;

    // From now on until drop_…: the keeper holds it too.
    void keep_listener(const std::string& vassal, const process::Listener& listener);
    void drop_listener(const std::string& vassal, const process::Listener& listener);
    void keep_scoreboard(const std::string& vassal, int fd);
    void drop_scoreboard(const std::string& vassal);

    // Every directory was scanned: what nobody took is of no use to anybody, but to vassals that `may_come_back`: clients of
    // one that has nothing to run while its file is invalid stay in its queue.
    void forget_rest(const std::function<bool(const std::string& vassal)>& may_come_back);
    // Its socket is gone, nobody could find it any more: another keeper takes its place.
    void renew();
    // The emperor leaves; the keeper stays as it is.
    void leave();
    // Everything is stopped: the keeper ends.
    void dismiss();

private:
    const process::InheritedSockets* inherited_;
    std::optional<keeper::Client> client_;
    keeper::Holdings found_;
};

}  // namespace emperor::fleet
