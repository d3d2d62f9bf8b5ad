// SPDX-License-Identifier: Apache-2.0
// Who follows the histories of all vassals, and how they hear of each new entry.
#include "emperor/fleet/fleet.h"

namespace emperor::fleet {

class Fleet::EventSubscription final : public FleetApi::Subscription {
public:
    EventSubscription(Fleet& fleet, std::uint64_t id) : fleet_(fleet), alive_(fleet.alive_), id_(id) {}
    ~EventSubscription() override {
        if (*alive_) fleet_.event_followers_.erase(id_);
    }

private:
    Fleet& fleet_;
    std::shared_ptr<bool> alive_;
    std::uint64_t id_;
};

std::unique_ptr<FleetApi::Subscription> Fleet::follow_events(OnEvent on_event) {
    event_followers_.emplace(++last_follower_, std::move(on_event));
    return std::make_unique<EventSubscription>(*this, last_follower_);
}

void Fleet::event(const std::string& name, const HistoryEntry& entry) {
    // A callback may end a subscription, its own or another one.
    for (auto next = event_followers_.begin(); next != event_followers_.end();) {
        const std::uint64_t id = next->first;
        const OnEvent on_event = next->second;
        on_event(name, entry);
        next = event_followers_.upper_bound(id);
    }
}

void Fleet::note(std::string_view name, const std::string& event, const std::string& text) {
    if (const auto found = hosts_.find(name); found != hosts_.end()) found->second->note_event(event, text);
}

}  // namespace emperor::fleet
