// SPDX-License-Identifier: Apache-2.0
// One client of a stats socket, from accept to close. Internal to this room; owned by its own coroutine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "common/base/unique_fd.h"
#include "emperor/stats/catalogue.h"
#include "emperor/stats/http.h"
#include "emperor/stats/server.h"
#include "emperor/stats/stream.h"

namespace emperor::stats {

class Client {
public:
    // Gives the document that is asked for; a null body: there is none. Not called after close().
    using Source = std::function<Answer(const Target& target)>;

    Client(boost::asio::io_context& io, common::UniqueFd fd, const Options& options, Source source);

    [[nodiscard]] boost::asio::awaitable<void> run();
    void close() noexcept;

private:
    [[nodiscard]] boost::asio::awaitable<bool> read_opening();  // true: HTTP
    [[nodiscard]] boost::asio::awaitable<void> answer_http();
    [[nodiscard]] boost::asio::awaitable<void> refuse_method();

    Stream stream_;
    const Options& options_;
    Source source_;
    std::string received_;
};

}  // namespace emperor::stats
