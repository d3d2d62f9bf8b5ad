// SPDX-License-Identifier: Apache-2.0
// Taking over the vassals of an emperor that is gone (DESIGN law 4). Its record names the masters; each that still is that
// process is asked for its descriptors (candidate.h). Only descriptors are taken from the master, and each is checked;
// name, generation and configuration come from the record. One Adoption per vassal; owned by the fleet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emperor/fleet/candidate.h"
#include "emperor/fleet/keepsakes.h"
#include "emperor/fleet/left_behind.h"
#include "emperor/fleet/options.h"

namespace emperor::fleet {

class VassalHost;

struct AdoptionResult {
    std::string name;
    std::vector<AdoptedInstance> instances;  // the serving one first, then its standby
    std::vector<GoneMaster> ended;           // ended because they were not to be adopted
};

// Moves the result into the vassal's host.
void adopt_into(VassalHost& host, AdoptionResult result);

class Adoption {
public:
    using OnFinished = std::function<void(AdoptionResult)>;

    // `on_finished` is called once, from the event loop, when every instance is adopted or gone. `keepsakes` says which
    // listeners are to be had without their master.
    Adoption(boost::asio::io_context& io, const FleetOptions& options, const Keepsakes& keepsakes, AdoptableVassal vassal,
             OnFinished on_finished);
    ~Adoption();

    // The emperor shuts down: end the masters instead.
    void give_up();
    [[nodiscard]] bool is_finished() const noexcept { return is_finished_; }

private:
    void candidate_done();

    std::string name_;
    OnFinished on_finished_;
    std::vector<std::unique_ptr<Candidate>> candidates_;
    boost::asio::io_context& io_;
    std::shared_ptr<bool> alive_;  // second owner: posted handlers
    bool is_finished_ = false;
};

}  // namespace emperor::fleet
