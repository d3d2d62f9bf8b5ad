// SPDX-License-Identifier: Apache-2.0
// From a route to its answer: documents of emperor/stats as they are, requests to emperor/control and what it answers.
// Knows no socket. Owned by the server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "emperor/control/server.h"
#include "emperor/stats/server.h"
#include "emperor/web/event_stream.h"
#include "emperor/web/gate.h"
#include "emperor/web/reply.h"

namespace emperor::web {

class Api {
public:
    // `is_ready`: the first scan is over.
    Api(fleet::FleetApi& fleet, control::Server& control, stats::Server& stats, std::function<bool()> is_ready)
        : fleet_(fleet), control_(control), stats_(stats), is_ready_(std::move(is_ready)) {}

    // What is answered at once: everything but what asks_control().
    [[nodiscard]] Reply answer(const Route& route, std::string_view known_tag, bool takes_gzip);

    // The request line for the control room; its answer comes as one line to the conversation that is given to ask().
    [[nodiscard]] static bool asks_control(const Route& route) noexcept;
    // Nothing and a `problem` where the body of a request makes no sense.
    [[nodiscard]] static std::string control_line(const Route& route, const std::string& body, std::string& problem);
    // `peer`: who asks, for the record of an operation.
    void ask(std::string_view line, const std::string& peer, const std::shared_ptr<control::Conversation>& conversation);

    [[nodiscard]] bool knows(const std::string& vassal) const { return fleet_.glance(vassal).has_value(); }
    // Fills a stream: events of one vassal or ("") of all; with `logs` its log too. The feeds live as long as the stream.
    [[nodiscard]] std::vector<std::shared_ptr<Feed>> follow(const std::string& vassal,
                                                            const std::shared_ptr<EventStream>& stream);

private:
    [[nodiscard]] Reply asset(const std::string& path, std::string_view known_tag, bool takes_gzip) const;
    [[nodiscard]] Reply ready() const;
    [[nodiscard]] Reply health(const std::string& vassal) const;

    fleet::FleetApi& fleet_;
    control::Server& control_;
    stats::Server& stats_;
    std::function<bool()> is_ready_;
};

}  // namespace emperor::web
