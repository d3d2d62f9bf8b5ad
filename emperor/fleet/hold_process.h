// SPDX-License-Identifier: Apache-2.0
// A `vassal` in hold mode: it runs as the vassal's user with its listeners and tells every client 503, where no generation
// can be started. Started and ended by the host as its HoldFsm decides; it ends by itself when the emperor is gone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "emperor/fleet/instance.h"

namespace emperor::fleet {

class HoldProcess {
public:
    using OnExit = std::function<void(const common::ExitStatus&)>;

    // `launch` has its listeners open. `on_exit` is called once, from the event loop; it may destroy the object.
    [[nodiscard]] static common::Result<std::unique_ptr<HoldProcess>> start(boost::asio::io_context& io,
                                                                            const FleetOptions& options,
                                                                            const std::string& name, LaunchPtr launch,
                                                                            common::Duration retry, OnExit on_exit);

    [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }
    void next_attempt_in(common::Duration retry);
    // It stops accepting, answers those whom it accepted, and ends.
    void end();
    void kill() noexcept { child_.kill_all(); }

    HoldProcess(boost::asio::io_context& io, process::Spawned process, common::UniqueFd link, LaunchPtr launch, OnExit on_exit)
        : link_(std::move(link)), launch_(std::move(launch)), child_(io, std::move(process), std::move(on_exit)) {}
    HoldProcess(const HoldProcess&) = delete;
    HoldProcess& operator=(const HoldProcess&) = delete;

private:
    common::UniqueFd link_;
    LaunchPtr launch_;  // its listeners are not closed under it
    process::Child child_;
};

}  // namespace emperor::fleet
