// SPDX-License-Identifier: Apache-2.0
// Looks at the listen queues of vassals that are busy, and says when one fills up (queue_episode.h): in the log and in the
// vassal's history. An idle vassal costs nothing: its queue is not asked for while nobody is in a request. Those of which no
// worker serves are looked at in turn. Owned by the server.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/queue_episode.h"
#include "emperor/stats/sock_diag.h"

namespace emperor::stats {

class QueueWatch {
public:
    explicit QueueWatch(fleet::FleetApi& fleet) : fleet_(fleet) {}

    // Which vassals are busy, or serve nobody; every few seconds.
    void look_for_busy();
    // The queues of those; more often.
    void look(std::int64_t monotonic_us, common::TimePoint now);
    // Only these vassals are left.
    void keep(const std::vector<std::string>& names);

private:
    void tell(const std::string& name, QueueEpisode::Change change, const QueueEpisode& episode, const QueueSample& sample,
              common::TimePoint now);

    fleet::FleetApi& fleet_;
    QueueProbe probe_;
    std::map<std::string, QueueEpisode, std::less<>> busy_;
    std::string last_silent_;  // of which no worker serves, in the order of names
};

// What an episode is made of; `queues` are of the view's listeners.
[[nodiscard]] QueueSample sample_of(const fleet::VassalView& view, const std::vector<ListenQueue>& queues,
                                    std::int64_t monotonic_us);

}  // namespace emperor::stats
