// SPDX-License-Identifier: Apache-2.0
// From a decoded request to its answers: which apps are meant, whether the peer may, what the fleet is asked. Knows no
// socket: it speaks to a Conversation, so that all of it is tested without one. Owned by the server; one for all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "emperor/control/authorization.h"
#include "emperor/control/request.h"
#include "emperor/control/views.h"
#include "emperor/control/upgrader.h"
#include "emperor/fleet/fleet_api.h"

namespace emperor::control {

// One client, as the dispatcher sees it.
class Conversation {
public:
    virtual ~Conversation() = default;
    virtual void send(std::string line) = 0;
    // An operation whose outcome will be sent later began, or was answered.
    virtual void begin_operation() = 0;
    virtual void end_operation() = 0;
    // Lines will be sent for as long as the conversation lives.
    virtual void keep(std::unique_ptr<fleet::FleetApi::Subscription> subscription) = 0;
    // It can take one more operation or stream.
    [[nodiscard]] virtual bool has_room() const = 0;
};

class Dispatcher {
public:
    Dispatcher(fleet::FleetApi& fleet, Policy policy, std::function<Lookups()> lookups,
               std::function<std::string(uid_t)> user_name, Upgrader upgrade)
        : fleet_(fleet),
          policy_(std::move(policy)),
          lookups_(std::move(lookups)),
          user_name_(std::move(user_name)),
          upgrade_(std::move(upgrade)) {}

    // Every line gets exactly one answer with "ok"; `logs` and `events` with follow send lines after it. The conversation is
    // shared because an outcome may arrive when the client is already gone: then it is dropped.
    void on_line(std::string_view line, const Peer& peer, const std::shared_ptr<Conversation>& conversation);

private:
    using Selection = std::variant<std::vector<fleet::VassalView>, RequestError>;

    [[nodiscard]] std::string who_is(const Peer& peer) const;
    [[nodiscard]] Selection select(const Request& request, const Peer& peer) const;
    [[nodiscard]] RequestError no_such_app(const Request& request, const std::string& given, const Peer& peer) const;
    void operate(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                 const std::shared_ptr<Conversation>& conversation);
    void answer_logs(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                     const std::shared_ptr<Conversation>& conversation);
    [[nodiscard]] bool is_meant_by(const Request& request, const Peer& peer, const std::string& name) const;
    [[nodiscard]] Json reopen_logs(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views);
    void answer_events(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                       const std::shared_ptr<Conversation>& conversation);
    [[nodiscard]] std::variant<Json, RequestError> read(const Request& request,
                                                        const std::vector<fleet::VassalView>& views) const;
    [[nodiscard]] std::variant<Json, RequestError> read_emperor(const Request& request, const Peer& peer);
    [[nodiscard]] std::variant<Json, RequestError> scale(const Request& request, const Peer& peer,
                                                        const fleet::VassalView& view) const;
    [[nodiscard]] std::variant<Json, RequestError> diff(const Request& request, const Peer& peer) const;
    [[nodiscard]] std::variant<Json, RequestError> diff_candidate(const Request& request, const Peer& peer) const;
    void upgrade(const Request& request, const Peer& peer, const std::shared_ptr<Conversation>& conversation);

    fleet::FleetApi& fleet_;
    Policy policy_;
    std::function<Lookups()> lookups_;
    std::function<std::string(uid_t)> user_name_;
    Upgrader upgrade_;
};

}  // namespace emperor::control
