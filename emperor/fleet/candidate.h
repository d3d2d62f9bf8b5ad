// SPDX-License-Identifier: Apache-2.0
// One recorded master on its way to the new emperor. It is asked over its rendezvous socket for its descriptors; nothing
// that answers is believed before the kernel has said who it is:
//
//     the socket was made by an emperor of our user   SO_PEERCRED; a tenant can put no socket of its own in its place
//     the recorded process itself has answered        SCM_CREDENTIALS of the packet; whoever else holds the socket may not
//     each listener is the recorded socket            its inode; the scoreboard is sealed and of the right size
//
// Outcomes:
//     adopted      with its link: all goes on as if nothing had happened
//     unlinked     it serves, but cannot be taken over (another version of the protocol, an impostor in its place, no
//                  answer), and its listeners are safe with the keeper: it goes on serving, watched by pidfd and told by
//                  signals, until a successor is proven. Or it drains: then it has its time for that
//     left alone   it runs another vassal than its record says
//     gone         it was in no state to serve, or nothing would be left of its listeners without it: it was ended,
//                  SIGTERM, then SIGKILL for its whole group
//
// Owned by the vassal's Adoption.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/scoreboard/scoreboard.h"
#include "emperor/fleet/channel_reader.h"
#include "emperor/fleet/options.h"
#include "emperor/fleet/record.h"
#include "emperor/process/child.h"
#include "emperor/process/timer.h"

namespace emperor::fleet {

// A master that handed over its descriptors; without a link: one that did not, see above.
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
    int minor = 0;                 // of the link protocol
    std::string unlinked_because;  // why there is no link
};

class Candidate {
public:
    // `can_spare_listeners`: every listener of the record is to be had without the master.
    Candidate(boost::asio::io_context& io, const FleetOptions& options, const std::string& name, RecordedInstance record,
              bool can_spare_listeners, std::function<void()> on_done);

    [[nodiscard]] bool is_done() const noexcept { return is_adopted_ || is_gone_; }
    [[nodiscard]] bool is_adopted() const noexcept { return is_adopted_; }
    // It was ended, and may have left workers.
    [[nodiscard]] bool is_ended() const noexcept { return is_gone_ && child_; }
    [[nodiscard]] const RecordedInstance& record() const noexcept { return adopted_.record; }
    [[nodiscard]] AdoptedInstance take_adopted() { return std::move(adopted_); }

    // Never mind what it could do: it ends.
    void end(const std::string& why);

private:
    void ask(const std::string& path);
    void later(std::string why);
    void answer(common::link::Packet packet);
    void refuse(const std::string& why);
    void gone();

    boost::asio::io_context& io_;
    std::string name_;
    bool can_spare_listeners_;
    std::function<void()> on_done_;
    process::Timer timer_;
    std::unique_ptr<ChannelReader> reader_;
    common::UniqueFd duplicate_;             // of the link, for the instance
    std::unique_ptr<process::Child> child_;  // set: it is being ended
    AdoptedInstance adopted_;
    bool is_adopted_ = false;
    bool is_gone_ = false;
};

}  // namespace emperor::fleet
