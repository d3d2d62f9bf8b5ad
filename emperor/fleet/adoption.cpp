// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/adoption.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "emperor/fleet/instance.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace {

// The inode tells: the keeper may hold another socket of that address.
bool is_kept(const Keepsakes& keepsakes, const std::string& name, const RecordedInstance& record) {
    const auto& listen = record.deployment->effective->config.listen;
    if (record.socket_inodes.size() != listen.size()) return false;
    for (std::size_t i = 0; i < listen.size(); ++i) {
        if (!keepsakes.holds_listener(name, listen[i], record.socket_inodes[i])) return false;
    }
    return true;
}

}  // namespace

void adopt_into(VassalHost& host, AdoptionResult result) {
    for (AdoptedInstance& item : result.instances) {
        InstanceParts parts;
        parts.generation = item.record.generation;
        parts.bank = item.record.bank;
        parts.launch = std::make_shared<Launch>();
        parts.launch->deployment = item.record.deployment;
        const bool is_replaced = item.is_draining && host.desired();  // by one that was adopted before it
        if (!item.link && !is_replaced) {
            auto kept = host.listeners().open(*item.record.deployment);
            if (kept) parts.launch->listeners = std::move(*kept);
        }
        for (std::size_t i = 0; i < item.listeners.size(); ++i)
            parts.launch->listeners.push_back(host.listeners().adopt(*item.record.deployment, i, std::move(item.listeners[i])));
        parts.launch->has_listeners = !parts.launch->listeners.empty();
        parts.process = std::move(item.process);
        const bool is_linked = static_cast<bool>(item.link);
        parts.link = std::move(item.link);
        parts.log = std::move(item.log);
        parts.is_child = false;
        parts.started_us = item.record.started_us;
        const AdoptedAs role{item.is_draining, item.is_standby, item.record.observed_until_us};
        parts.minor = item.minor;
        if (!is_linked && !item.is_draining) host.adopt_unlinked(std::move(parts), item.unlinked_because);
        else host.adopt(std::move(parts), std::move(item.scoreboard), std::move(item.board), role);
    }
}

Adoption::Adoption(boost::asio::io_context& io, const FleetOptions& options, const Keepsakes& keepsakes, AdoptableVassal vassal,
                   OnFinished on_finished)
    : name_(std::move(vassal.name)), on_finished_(std::move(on_finished)), io_(io), alive_(std::make_shared<bool>(true)) {
    for (RecordedInstance& record : vassal.instances) {
        const bool can_spare = is_kept(keepsakes, name_, record);
        candidates_.push_back(
            std::make_unique<Candidate>(io, options, name_, std::move(record), can_spare, [this] { candidate_done(); }));
    }
}

Adoption::~Adoption() { *alive_ = false; }

void Adoption::give_up() {
    for (const auto& candidate : candidates_) candidate->end("the emperor shuts down");
}

// Posted: the candidate that reports is on the stack.
void Adoption::candidate_done() {
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive || is_finished_) return;
        if (!std::all_of(candidates_.begin(), candidates_.end(), [](const auto& c) { return c->is_done(); })) return;
        is_finished_ = true;
        AdoptionResult result{name_, {}, {}};
        for (const auto& candidate : candidates_) {
            if (candidate->is_adopted()) result.instances.push_back(candidate->take_adopted());
            else if (candidate->is_ended())
                result.ended.push_back({candidate->record().pid, candidate->record().deployment->spec->drain_timeout});
        }
        std::stable_sort(result.instances.begin(), result.instances.end(),
                         [](const AdoptedInstance& a, const AdoptedInstance& b) {
                             return std::pair(a.is_draining, a.is_standby) < std::pair(b.is_draining, b.is_standby);
                         });
        on_finished_(std::move(result));
    });
}

}  // namespace emperor::fleet
