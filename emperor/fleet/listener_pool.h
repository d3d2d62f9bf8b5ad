// SPDX-License-Identifier: Apache-2.0
// The listeners of one vassal. Every configuration has a set of them, in the order of its `listen`; sets share the
// listeners whose address they have in common, so that an unchanged address keeps its socket (and the clients in its
// queue) over generations. New ones are opened before anything else happens; one is closed with the last set that
// names it. Owned by the vassal's host.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "emperor/fleet/deployment.h"
#include "emperor/fleet/keepsakes.h"
#include "emperor/process/listeners.h"

namespace emperor::fleet {

// Shared by the sets of a running and of a coming generation; neither is sure to live longer.
using ListenerPtr = std::shared_ptr<process::Listener>;
using ListenerSet = std::vector<ListenerPtr>;

class ListenerPool {
public:
    // `keepsakes` is borrowed and outlives the pool and its listeners.
    ListenerPool(std::string name, const std::string& sockets_directory, Keepsakes& keepsakes)
        : own_path_(sockets_directory + "/" + name + ".sock"), name_(std::move(name)), keepsakes_(keepsakes) {}

    // All or nothing. A failure is a diagnostic at the position of the address in its file.
    [[nodiscard]] boost::system::result<ListenerSet, common::config::Diagnostic> open(const Deployment& deployment);

    // Takes a descriptor that a master handed over.
    ListenerPtr adopt(const Deployment& deployment, std::size_t index, common::UniqueFd fd);

    // Live listeners, in no particular order.
    [[nodiscard]] ListenerSet live();

private:
    [[nodiscard]] process::ListenRequest request_for(const Deployment& deployment, std::size_t index) const;
    [[nodiscard]] ListenerPtr find(const common::net::ListenAddress& address);
    // What the keeper holds of a former emperor, where clients still find it.
    [[nodiscard]] ListenerPtr find_kept(const process::ListenRequest& request);
    // A descriptor that was opened before. What systemd owns keeps its file, and its place is looked at with our rights.
    [[nodiscard]] std::unique_ptr<process::Listener> take_over(process::ListenRequest request, common::UniqueFd fd) const;
    // From now on the keeper holds it too, as long as anybody here does.
    ListenerPtr own(std::unique_ptr<process::Listener> listener);

    std::string own_path_;  // the one path that the emperor binds with its own rights
    std::string name_;
    Keepsakes& keepsakes_;
    std::vector<std::weak_ptr<process::Listener>> known_;
};

}  // namespace emperor::fleet

// The error of a pool is a finding, not a system error: value() on a failed one is a broken invariant.
namespace common::config {
[[noreturn]] inline void throw_exception_from_error(const Diagnostic& diagnostic, const boost::source_location&) {
    throw std::logic_error(diagnostic.message);
}
}  // namespace common::config
