// SPDX-License-Identifier: Apache-2.0
// What an app may ask of the worker that it runs in (`import emperor`). Implemented by vassal/worker, which hands it to
// the Application when it is about to serve and takes it away before it ends. Called with the interpreter lock held, by
// any thread of the app; never waits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vassal::app {

class Host {
public:
    virtual ~Host() = default;

    enum class Asked {
        sent,     // the master was told
        pending,  // this worker asked a moment ago; one answer is enough
        refused,  // nobody can be told: a child process that the app forked, or a master that is gone
    };

    // The whole app, replaced without losing a request: by the emperor's rollout, or worker by worker where there is no
    // emperor. At most one message a second leaves the worker.
    [[nodiscard]] virtual Asked request_reload(std::string_view reason) noexcept = 0;

    // Files that the app's code came from; each is told once. Only where somebody asked to hear of them.
    virtual void report_sources(const std::vector<std::string>& /*files*/) noexcept {}

    // How many requests this worker has begun, its predecessors in the same place included.
    [[nodiscard]] virtual std::uint64_t requests() noexcept = 0;

    // Clients in the queues of all listeners, not accepted by any worker yet; -1 when the kernel does not say.
    [[nodiscard]] virtual long listen_queue() noexcept = 0;
};

}  // namespace vassal::app
