// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/hold_process.h"

#include <unistd.h>

namespace emperor::fleet {

namespace link = common::link;

namespace {

std::int64_t milliseconds(common::Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

common::Result<std::unique_ptr<HoldProcess>> HoldProcess::start(boost::asio::io_context& io, const FleetOptions& options,
                                                                const std::string& name, LaunchPtr launch,
                                                                common::Duration retry, OnExit on_exit) {
    auto ends = link::make_channel();
    if (!ends) return ends.error();
    link::Hold hold;
    hold.name = name;
    hold.retry_ms = milliseconds(retry);
    std::vector<int> fds;
    for (const ListenerPtr& listener : launch->listeners) {
        hold.listeners.push_back(listener->address().text());
        fds.push_back(listener->fd());
    }
    // It waits in the socket before the process exists, as with a master.
    if (const auto sent = link::send(ends->first.get(), link::encode(link::EmperorMessage(hold)), fds); !sent)
        return common::failure("send hold: " + sent.error().message());
    auto process = process::spawn(vassal_program(options, launch->deployment->identity, ends->second.get()));
    if (!process) return process.error();
    return std::make_unique<HoldProcess>(io, std::move(*process), std::move(ends->first), std::move(launch), std::move(on_exit));
}

void HoldProcess::next_attempt_in(common::Duration retry) {
    link::Hold hold;
    hold.retry_ms = milliseconds(retry);
    // One that does not listen any more is noticed by its exit.
    static_cast<void>(link::send(link_.get(), link::encode(link::EmperorMessage(hold))));
}

void HoldProcess::end() {
    if (!link::send(link_.get(), link::encode(link::EmperorMessage(link::Stop{true, "a generation takes over"}))))
        child_.signal(SIGTERM);
}

}  // namespace emperor::fleet
