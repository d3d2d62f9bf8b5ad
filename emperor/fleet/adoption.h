// SPDX-License-Identifier: Apache-2.0
// Taking over the vassals of an emperor that is gone (DESIGN law 4). Its record names the masters; each that still is that
// process is asked over its rendezvous socket for its descriptors. Only descriptors are taken from the master, and each
// is checked; name, generation and configuration come from the record. A master that does not answer in time, or is not
// in service, is ended: SIGTERM, then SIGKILL for its whole group. One Adoption per vassal; owned by the fleet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/link/messages.h"
#include "common/scoreboard/scoreboard.h"
#include "emperor/fleet/channel_reader.h"
#include "emperor/fleet/options.h"
#include "emperor/fleet/record.h"
#include "emperor/process/child.h"
#include "emperor/process/timer.h"

namespace emperor::fleet {

class VassalHost;

struct AdoptableVassal {
    std::string name;
    std::vector<RecordedInstance> instances;
};

// A master that died while no emperor was there, and left workers. They drain by themselves unless one hangs in its app;
// they hold the vassal's listeners, so they must be ended when the drain time is over.
struct GoneMaster {
    pid_t pid = 0;
    common::Duration drain{};
};

struct LeftBehind {
    std::vector<AdoptableVassal> vassals;
    std::vector<GoneMaster> gone;
};

// Vassals with a record; the records of those whose masters are gone are removed.
[[nodiscard]] LeftBehind find_adoptable(const FleetOptions& options);

// A master that handed over its descriptors.
struct AdoptedInstance {
    RecordedInstance record;
    process::Spawned process;
    common::UniqueFd link;
    std::vector<common::UniqueFd> listeners;
    common::UniqueFd scoreboard;
    common::scoreboard::Mapping board;
    common::UniqueFd log;
    bool is_draining = false;
    bool is_standby = false;
    int minor = 0;  // of the link protocol
};

struct AdoptionResult {
    std::string name;
    std::vector<AdoptedInstance> instances;  // the serving one first, then its standby
};

// Moves the result into the vassal's host.
void adopt_into(VassalHost& host, AdoptionResult result);

class Adoption {
public:
    using OnFinished = std::function<void(AdoptionResult)>;

    // `on_finished` is called once, from the event loop, when every instance is adopted or gone.
    Adoption(boost::asio::io_context& io, const FleetOptions& options, AdoptableVassal vassal, OnFinished on_finished);
    ~Adoption();

    // The emperor shuts down: end the masters instead.
    void give_up();
    [[nodiscard]] bool is_finished() const noexcept { return is_finished_; }

private:
    class Candidate;

    void candidate_done();

    std::string name_;
    OnFinished on_finished_;
    std::vector<std::unique_ptr<Candidate>> candidates_;
    boost::asio::io_context& io_;
    std::shared_ptr<bool> alive_;  // second owner: posted handlers
    bool is_finished_ = false;
};

}  // namespace emperor::fleet
