// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/instance.h"

#include <csignal>

#include "common/log/log.h"

namespace emperor::fleet {

namespace link = common::link;

Instance::Instance(boost::asio::io_context& io, InstanceOwner& owner, InstanceParts parts)
    : owner_(owner), generation_(parts.generation), bank_(parts.bank), launch_(std::move(parts.launch)),
      is_child_(parts.is_child), is_linked_(static_cast<bool>(parts.link)), started_us_(parts.started_us), minor_(parts.minor),
      start_ticks_(process::start_ticks_of(parts.process.pid).value_or(0)), timer_(io),
      link_(io, std::move(parts.link), [this](link::Packet packet) { receive(std::move(packet)); }, {}),
      log_(io, std::move(parts.log), [this](link::Packet packet) { receive_log(std::move(packet)); }, {}),
      child_(io, std::move(parts.process), [this](const common::ExitStatus& status) {
          // What the master said before it ended explains the end: it comes first.
          log_.drain();
          link_.drain();
          timer_.disarm();
          owner_.on_exit(*this, status);
      }) {}

bool Instance::send(const link::EmperorMessage& message) {
    if (!is_linked_) return signal_instead(message);
    if (!link_.is_open()) return false;
    const auto sent = link::send(link_.fd(), link::encode(message));
    if (!sent) {
        common::log::warn("message to master lost", {{"generation", generation_}, {"pid", pid()},
                                                     {"reason", sent.error().message()}});
    }
    return sent.has_value();
}

// What every version of a master understands.
bool Instance::signal_instead(const link::EmperorMessage& message) noexcept {
    const bool is_stop = std::holds_alternative<link::Stop>(message);  // drain; a second one hurries
    if (!is_stop && !std::holds_alternative<link::ReopenLogs>(message)) return false;
    child_.signal(is_stop ? SIGTERM : SIGUSR1);
    return true;
}

void Instance::arm(common::TimePoint deadline) {
    timer_.arm(deadline, [this] { owner_.on_deadline(*this); });
}

void Instance::disarm() { timer_.disarm(); }

// A tenant's process speaks: whatever it says, the emperor only notes it.
void Instance::receive(link::Packet packet) {
    constexpr int patience = 10;
    auto message = link::decode_master_message(packet.payload);
    if (!message) {
        if (++bad_messages_ <= patience)
            common::log::warn("message of master not understood", {{"generation", generation_}, {"pid", pid()},
                                                                    {"reason", message.error().message()}});
        return;
    }
    if (const auto* step = std::get_if<link::Step>(&*message)) step_ = step->name;
    owner_.on_message(*this, *message);
}

void Instance::receive_log(link::Packet packet) {
    if (auto record = link::decode_log_record(packet.payload)) owner_.on_log(*record);
}

std::string_view name_of(Instance::State state) noexcept {
    switch (state) {
        case Instance::State::spawning: return "spawning";
        case Instance::State::starting: return "starting";
        case Instance::State::ready: return "ready";
        case Instance::State::serving: return "serving";
        case Instance::State::draining: return "draining";
        case Instance::State::killing: return "killing";
        case Instance::State::suspended: return "suspended";
    }
    return "unknown";
}

std::int64_t epoch_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace emperor::fleet
