// SPDX-License-Identifier: Apache-2.0
// Operators' requests: what each changes, which older ones it overtakes, and how each gets its one answer.
#include <algorithm>
#include <utility>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

namespace {

// May `older` no longer be fulfilled as asked, once `newer` has been accepted? Equal starts and stops wait together; a
// second reload means the code as it is now, so the first one is not an answer to it.
bool overtakes(Operation newer, Operation older) {
    switch (newer) {
        case Operation::stop: return older != Operation::stop;
        case Operation::start: return older == Operation::stop;
        case Operation::restart: return true;
        case Operation::reload:
            return older == Operation::stop || older == Operation::reload || older == Operation::rollback;
        case Operation::rollback: return older != Operation::start && older != Operation::rollback;
    }
    return false;
}

Failure refused(std::string reason) { return {.step = "refused", .reason = std::move(reason), .detail = {}}; }

// "operator root: stop" → "operator root"
std::string who(const Cause& cause) { return cause.text.substr(0, cause.text.rfind(": ")); }

}  // namespace

void VassalFsm::apply(const OperatorRequest& event, TimePoint now) {
    if (const std::optional<Failure> failure = refusal(event)) return finish(event.ticket, failure);
    const std::vector<Request> waiting = requests_;
    for (const Request& older : waiting)
        if (overtakes(event.operation, older.operation)) overtake(older, event.cause.text);
    requests_.push_back({event.operation, event.ticket, event.cause});

    if (event.operation == Operation::stop) {
        is_held_ = true;
        held_reason_ = "stopped by " + who(event.cause);
        return;  // reconcile() brings it down and answers
    }
    is_held_ = false;
    if (event.operation == Operation::reload && is_asleep()) {
        unpin();
        return fulfil(event.ticket);
    }
    is_awake_ = true;
    reset_backoff();
    const Instance* active = with_role(Role::active);
    if (event.operation == Operation::start) {
        const bool is_up = active && !active->fsm.is_ending();
        if (is_up) fulfil(event.ticket);
        else if (!with_role(Role::successor)) cause_ = event.cause;  // no new wish, but why it starts
        return;
    }
    if (event.operation == Operation::rollback) return roll_back_for(event, now);
    unpin();
    ++wish_;
    cause_ = event.cause;
    if (event.operation != Operation::restart) return;
    release_slot();
    for (Instance& instance : instances_)
        retire(instance, StopMode::graceful, true, "restart by " + who(event.cause), now);
}

std::optional<Failure> VassalFsm::refusal(const OperatorRequest& event) const {
    const Operation operation = event.operation;
    if (requests_.size() >= max_requests) return refused("too many requests wait for this vassal");
    if (operation == Operation::stop) return std::nullopt;
    if (shutdown_) return refused("the emperor is shutting down");
    if (is_removed_) return refused("its file was removed");
    // `reload '*'` after a deploy must not start what somebody stopped on purpose, nor `rollback '*'` after a bad one.
    const bool needs_release = operation == Operation::reload || operation == Operation::rollback;
    if (needs_release && is_held_) return refused(held_reason_ + "; only start and restart bring it back");
    const Instance* active = with_role(Role::active);
    const bool is_up = active && !active->fsm.is_ending();
    if (operation == Operation::start && is_up) return std::nullopt;
    if (operation == Operation::rollback) return refusal_of_rollback(event);
    const bool is_disabled = desired_ && !desired_->is_enabled;
    if (operation == Operation::start && pinned_ && !is_disabled) return std::nullopt;  // the file is not needed
    // What runs must not be lost to a file that could not be started again.
    if (!invalid_.empty()) return Failure{.step = "configuration", .reason = invalid_, .detail = {}};
    if (!desired_) return refused("there is no configuration for it");
    if (is_disabled) return refused("disabled in its file");
    return std::nullopt;
}

std::optional<Failure> VassalFsm::refusal_of_rollback(const OperatorRequest& event) const {
    if (desired_ && !desired_->is_enabled) return refused("disabled in its file");
    const Instance* active = with_role(Role::active);
    const bool is_under_way = pinned_ && (!active || active->wish != wish_);
    if (is_under_way || with_role(Role::standby)) return std::nullopt;
    if (pinned_) return refused("rolled back already: " + rolled_back_ + "; reload brings the file's configuration back");
    if (is_being_replaced() || event.last_good) return std::nullopt;
    return refused("no other configuration of it has served before the one of now");
}

// ---- answers -------------------------------------------------------------------------------------------------------

void VassalFsm::finish(std::uint64_t ticket, const std::optional<Failure>& failure) {
    commands_.push_back(OperationDone{ticket, !failure, failure.value_or(Failure{})});
}

template <class Predicate>
void VassalFsm::finish_requests(Predicate is_meant, const std::optional<Failure>& failure) {
    for (const Request& request : requests_)
        if (is_meant(request)) finish(request.ticket, failure);
    std::erase_if(requests_, is_meant);
}

void VassalFsm::fulfil(std::uint64_t ticket) {
    finish_requests([&](const Request& request) { return request.ticket == ticket; }, {});
}

void VassalFsm::overtake(const Request& older, const std::string& by) {
    finish_requests([&](const Request& request) { return request.ticket == older.ticket; },
                    Failure{.step = "overtaken", .reason = "overtaken by " + by, .detail = {}});
}

void VassalFsm::requests_promoted(bool is_newest_wish) {
    finish_requests(
        [&](const Request& request) {
            return request.operation == Operation::start || (is_newest_wish && request.operation != Operation::stop);
        },
        {});
}

void VassalFsm::requests_start_failed(const Failure& failure) {
    finish_requests([](const Request& request) { return request.operation != Operation::stop; }, failure);
}

void VassalFsm::requests_stopped() {
    finish_requests([](const Request& request) { return request.operation == Operation::stop; }, {});
}

void VassalFsm::rollbacks_overtaken_by(const Cause& edit) {
    finish_requests([](const Request& request) { return request.operation == Operation::rollback; },
                    Failure{.step = "overtaken", .reason = "overtaken by a change of its file: " + edit.text, .detail = {}});
}

void VassalFsm::requests_overtaken_by(const Down& down) {
    const std::string by = [&]() -> std::string {
        switch (down.why) {
            case Down::Why::shutdown: return "the emperor's shutdown";
            case Down::Why::removed: return "the removal of its file";
            case Down::Why::disabled: return "an edit: " + down.text;
            case Down::Why::invalid: return "an invalid file: " + down.text;
            case Down::Why::asleep: return "an edit: it runs on demand";
            case Down::Why::held:
            case Down::Why::nothing: break;
        }
        return down.text;
    }();
    finish_requests([](const Request& request) { return request.operation != Operation::stop; },
                    Failure{.step = "overtaken", .reason = "overtaken by " + by, .detail = {}});
}

}  // namespace emperor::supervise
