// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/deployment.h"

namespace emperor::fleet {

supervise::SpecPtr make_spec(const common::config::VassalConfig& config) {
    static std::uint64_t last_id = 0;
    auto spec = std::make_shared<supervise::Spec>();
    spec->id = ++last_id;
    spec->is_enabled = config.enabled;
    spec->start_timeout = config.timeouts.start;
    spec->drain_timeout = config.timeouts.drain;
    spec->kill_timeout = config.timeouts.kill;
    spec->restart_initial = config.restart.initial;
    spec->restart_max = config.restart.max;
    spec->restart_stable = config.restart.stable;
    spec->is_on_demand = config.on_demand;
    spec->idle_timeout = config.timeouts.idle;
    spec->restart_hold = config.restart.hold;
    spec->observe = config.rollout.observe;
    spec->max_error_rate = config.rollout.max_error_rate;
    return spec;
}

}  // namespace emperor::fleet
