// SPDX-License-Identifier: Apache-2.0
// One client of the dashboard's server, from accept to close: requests and answers one after the other, or at last a
// stream. Internal to this room; owned by its own coroutine, closed by the server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "emperor/web/api.h"
#include "emperor/web/hub.h"
#include "emperor/web/server.h"
#include "emperor/web/waiting_line.h"
#include "emperor/web/wrong_tokens.h"

namespace emperor::web {

class Connection;

// What connections need of their server.
struct Desk {
    Api& api;
    Hub& hub;
    WrongTokens& wrong_tokens;
    const Policy& policy;
    const Limits& limits;
    std::size_t streams = 0;  // open now
    std::vector<Connection*> writers{};  // of large answers, as they began
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(boost::asio::io_context& io, common::UniqueFd fd, Desk& desk);

    [[nodiscard]] boost::asio::awaitable<void> run();
    // After this the desk is not touched any more.
    void close() noexcept;
    // What is on its way to the client is finished.
    void end_stream() noexcept;
    // Since when it waits for a request, or for the rest of one.
    [[nodiscard]] const std::optional<common::TimePoint>& quiet_since() const noexcept { return quiet_since_; }

private:
    using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Request = boost::beast::http::request<boost::beast::http::string_body>;

    [[nodiscard]] boost::asio::awaitable<bool> read(Parser& parser, bool is_first);
    [[nodiscard]] boost::asio::awaitable<bool> serve(const Request& request);  // false: the connection is over
    [[nodiscard]] boost::asio::awaitable<std::optional<Refusal>> judge(const Credentials& credentials, Need need);
    [[nodiscard]] boost::asio::awaitable<Reply> reply_to(const Request& request, const Route& route, bool is_holder);
    [[nodiscard]] boost::asio::awaitable<Reply> ask(std::string line, bool hides_secrets);
    [[nodiscard]] boost::asio::awaitable<bool> write(const Reply& reply, unsigned version, bool keeps, bool is_head);
    void begin_large(std::size_t size);
    void end_large() noexcept;
    [[nodiscard]] boost::asio::awaitable<void> stream(const Route& route);
    [[nodiscard]] boost::asio::awaitable<void> pump();
    [[nodiscard]] boost::asio::awaitable<bool> write_text(std::string_view text);

    Stream stream_;
    boost::beast::flat_buffer buffer_;
    Desk* desk_;  // null once closed
    boost::asio::steady_timer pause_;
    std::optional<common::TimePoint> quiet_since_;
    std::shared_ptr<WaitingLine> outcome_;  // shared with the control room, which answers it
    std::size_t large_ = 0;  // bytes of the answer that is being written, where it is large
    std::shared_ptr<EventStream> events_;
    std::vector<std::shared_ptr<Feed>> feeds_;
};

}  // namespace emperor::web
