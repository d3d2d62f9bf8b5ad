// SPDX-License-Identifier: Apache-2.0
// The host names of a vassal lead to the socket that is open for it: of the generation that serves, else of the one
// that will. So a rejected edit changes no route, a sleeping or starting vassal is reached, and one that is stopped or
// removed is not.
#include "common/config/verify.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

void VassalHost::look_after_routes() {
    if (is_left_) return;
    const Instance* active = find(machine_.status().active);
    const LaunchPtr open = active ? active->launch() : next_launch();
    std::vector<std::string> hosts;
    std::string socket;
    if (open && !is_removed_) {
        for (const auto& listener : open->listeners)
            if (socket.empty() && common::config::is_routable(listener->address())) socket = listener->address().address.path;
        if (!socket.empty()) hosts = open->deployment->effective->config.hosts;
    }
    if (hosts == routed_hosts_ && (hosts.empty() || socket == routed_to_)) return;
    context_.route(name_, hosts, socket);
    routed_hosts_ = std::move(hosts);
    routed_to_ = std::move(socket);
}

}  // namespace emperor::fleet
