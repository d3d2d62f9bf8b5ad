// SPDX-License-Identifier: Apache-2.0
// The fleet's rows to everybody who listens: once a second one document of what changed, made once and shared by all;
// none while nobody listens. Owned by the server.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "emperor/process/timer.h"
#include "emperor/web/event_stream.h"

namespace emperor::web {

class Hub {
public:
    // stats::Server::rows().
    using Rows = std::function<stats::Answer(std::uint64_t since)>;

    Hub(boost::asio::io_context& io, std::chrono::milliseconds tick, Rows rows)
        : tick_(tick), rows_(std::move(rows)), timer_(io) {}

    // It gets all rows now, and from then on changes.
    void add(const std::shared_ptr<EventStream>& stream);
    void remove(const std::shared_ptr<EventStream>& stream);
    // Asks for no more rows: where they come from may be gone before the last connection is.
    void close();
    [[nodiscard]] std::size_t listeners() const noexcept { return streams_.size(); }

private:
    void arm();
    void send();

    const std::chrono::milliseconds tick_;
    Rows rows_;
    process::Timer timer_;
    std::set<std::shared_ptr<EventStream>> streams_;
    std::uint64_t sent_ = 0;  // the revision that every listener has
};

}  // namespace emperor::web
