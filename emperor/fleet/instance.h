// SPDX-License-Identifier: Apache-2.0
// One generation's master as the emperor sees it: the process, the link to it, its log channel and its deadline. Carries
// out and reports; decides nothing (the vassal's machine does). Owned by the vassal's host, which outlives it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/link/log_record.h"
#include "common/link/messages.h"
#include "emperor/fleet/channel_reader.h"
#include "emperor/fleet/deployment.h"
#include "emperor/fleet/listener_pool.h"
#include "emperor/fleet/options.h"
#include "emperor/process/child.h"
#include "emperor/process/timer.h"
#include "emperor/supervise/types.h"

namespace emperor::fleet {

// A deployment with the listeners that were opened for it; they are open as long as this lives. Shared by the host and
// the instances that run it.
struct Launch {
    DeploymentPtr deployment;
    ListenerSet listeners;
    bool has_listeners = false;
};
using LaunchPtr = std::shared_ptr<Launch>;

class Instance;

class InstanceOwner {
public:
    virtual void on_message(Instance& instance, const common::link::MasterMessage& message) = 0;
    virtual void on_log(const common::link::LogRecord& record) = 0;
    virtual void on_deadline(Instance& instance) = 0;
    virtual void on_exit(Instance& instance, const common::ExitStatus& status) = 0;  // last; may destroy the instance

protected:
    ~InstanceOwner() = default;
};

// What an instance is made of: a fresh one by start_instance, an adopted one by adoption.h.
struct InstanceParts {
    supervise::Generation generation = 0;
    int bank = 0;
    LaunchPtr launch;
    process::Spawned process;
    common::UniqueFd link;  // none: an adopted one that could not be reached (candidate.h); it is told by signals
    common::UniqueFd log;
    bool is_child = true;
    std::int64_t started_us = 0;  // epoch
    int minor = 0;                // of the link protocol that its master speaks, where that is known already
};

class Instance {
public:
    enum class State { spawning, starting, ready, serving, draining, killing, suspended };

    Instance(boost::asio::io_context& io, InstanceOwner& owner, InstanceParts parts);
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    [[nodiscard]] supervise::Generation generation() const noexcept { return generation_; }
    [[nodiscard]] int bank() const noexcept { return bank_; }
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }
    [[nodiscard]] bool is_child() const noexcept { return is_child_; }
    [[nodiscard]] bool is_linked() const noexcept { return is_linked_; }
    [[nodiscard]] std::uint64_t start_ticks() const noexcept { return start_ticks_; }
    [[nodiscard]] std::int64_t started_us() const noexcept { return started_us_; }
    [[nodiscard]] const LaunchPtr& launch() const noexcept { return launch_; }

    // Its configuration was replaced in place.
    void use(LaunchPtr launch) noexcept { launch_ = std::move(launch); }
    // False: a replacement is under way, what it runs is neither the launch nor surely anything else.
    [[nodiscard]] bool is_settled() const noexcept { return is_settled_; }
    void set_settled(bool is_settled) noexcept { is_settled_ = is_settled; }
    [[nodiscard]] int minor() const noexcept { return minor_; }
    void set_minor(int minor) noexcept { minor_ = minor; }

    // What is wrong with its log.file; empty: nothing.
    [[nodiscard]] const std::string& log_problem() const noexcept { return log_problem_; }
    void set_log_problem(std::string problem) { log_problem_ = std::move(problem); }

    [[nodiscard]] State state() const noexcept { return state_; }
    void set_state(State state) noexcept { state_ = state; }
    [[nodiscard]] const std::string& step() const noexcept { return step_; }
    [[nodiscard]] bool is_accepting() const noexcept { return is_accepting_; }
    void has_stopped_accepting() noexcept { is_accepting_ = false; }
    void has_begun_accepting() noexcept { is_accepting_ = true; }

    // A failure is logged; the deadline then decides.
    bool send(const common::link::EmperorMessage& message);
    void signal(int number) noexcept { child_.signal(number); }
    void kill() noexcept { child_.kill_all(); }
    void arm(common::TimePoint deadline);
    void disarm();

private:
    bool signal_instead(const common::link::EmperorMessage& message) noexcept;
    void receive(common::link::Packet packet);
    void receive_log(common::link::Packet packet);

    InstanceOwner& owner_;
    supervise::Generation generation_;
    int bank_;
    LaunchPtr launch_;
    bool is_child_;
    bool is_linked_;
    std::int64_t started_us_;
    State state_ = State::spawning;
    std::string step_;
    std::string log_problem_;
    bool is_accepting_ = true;  // as far as we know: from promotion until the master says otherwise
    int bad_messages_ = 0;
    int minor_;
    bool is_settled_ = true;
    std::uint64_t start_ticks_;
    process::Timer timer_;
    ChannelReader link_;
    ChannelReader log_;
    process::Child child_;  // last: its exit is reported after the channels were read
};

[[nodiscard]] std::string_view name_of(Instance::State state) noexcept;

// What a running instance of a former emperor does.
struct AdoptedAs {
    bool is_draining = false;
    bool is_standby = false;
    std::int64_t observed_until_us = 0;  // epoch; of a standby, 0 when it is not known
};

struct StartRequest {
    std::string name;
    supervise::Generation generation = 0;
    int bank = 0;
    LaunchPtr launch;
    int scoreboard = -1;  // borrowed
};

// Spawns a master with everything it needs in its first message.
[[nodiscard]] common::Result<InstanceParts> start_instance(const FleetOptions& options, const StartRequest& request);

// The vassal program with the rights of `identity` and one descriptor, its link to us.
[[nodiscard]] process::SpawnRequest vassal_program(const FleetOptions& options, const common::config::Identity& identity,
                                                   int link);

[[nodiscard]] std::int64_t epoch_us();

}  // namespace emperor::fleet
