// SPDX-License-Identifier: Apache-2.0
// What the app may ask of this worker (vassal/app/host.h), answered from what its threads share. Owned by run_worker();
// used with the interpreter lock held, by any thread of the app.
#pragma once

#include "vassal/app/host.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

class WorkerHost final : public app::Host {
public:
    explicit WorkerHost(Shared& shared) noexcept : shared_(shared) {}

    Asked request_reload(std::string_view reason) noexcept override;
    void report_sources(const std::vector<std::string>& files) noexcept override;
    std::uint64_t requests() noexcept override;
    long listen_queue() noexcept override;

private:
    Shared& shared_;
    std::int64_t last_request_us_ = INT64_MIN;  // for a reload
};

}  // namespace vassal::worker
