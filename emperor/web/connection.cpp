// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/connection.h"

#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "emperor/web/headers.h"

namespace emperor::web {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t small_answer = 64 * 1024;  // bytes; with the kernel at once

asio::generic::stream_protocol protocol_of(int fd) {
    int domain = AF_UNIX;
    socklen_t size = sizeof domain;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return {domain, 0};
}

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

// Two of one header that decides who passes: some of us would read the first, others the last.
bool is_ambiguous(const http::fields& fields) {
    for (const http::field name : {http::field::host, http::field::origin, http::field::authorization})
        if (fields.count(name) > 1) return true;
    return false;
}

// What a proxy in front might end elsewhere than we do: the parser takes an unknown coding for no body, and two equal
// lengths for one.
bool is_framed_oddly(const http::fields& fields) {
    const std::size_t codings = fields.count(http::field::transfer_encoding);
    if (codings > 1 || fields.count(http::field::content_length) > 1) return true;
    return codings == 1 && !beast::iequals(fields[http::field::transfer_encoding], "chunked");
}

Refusal refusal_of(const error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return {431, "the head of the request is too large"};
    if (error == http::error::body_limit) return {413, "the body of the request is too large"};
    return {400, "not an HTTP request that can be understood"};
}

}  // namespace

Connection::Connection(asio::io_context& io, common::UniqueFd fd, Desk& desk)
    : stream_(asio::generic::stream_protocol::socket(io, protocol_of(fd.get()), fd.get())),
      buffer_(desk.limits.head_size + desk.limits.body_size),
      desk_(&desk), pause_(io) {
    (void)fd.release();
}

void Connection::close() noexcept {
    if (desk_) end_large();
    desk_ = nullptr;
    quiet_since_.reset();
    feeds_.clear();
    pause_.cancel();
    if (outcome_) outcome_->give_up();
    end_stream();
    stream_.close();
}

void Connection::end_stream() noexcept {
    if (events_) events_->close();
}

asio::awaitable<void> Connection::run() {
    for (bool is_first = true;; is_first = false) {
        // Its own frame would not outlive a parser by much, but a parser is large: one at a time.
        const auto parser = std::make_unique<Parser>();
        parser->header_limit(static_cast<std::uint32_t>(desk_->limits.head_size));
        parser->body_limit(desk_->limits.body_size);
        const bool is_read = co_await read(*parser, is_first);
        if (!is_read || !desk_) co_return;
        const Request request = parser->release();
        const bool goes_on = co_await serve(request);
        if (!goes_on || !desk_) co_return;
    }
}

asio::awaitable<bool> Connection::read(Parser& parser, bool is_first) {
    error_code error;
    stream_.expires_after(is_first ? desk_->limits.request : desk_->limits.idle);
    quiet_since_ = common::Clock::now();
    co_await http::async_read(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, error));
    quiet_since_.reset();
    if (!error || !desk_) co_return !error;
    const bool is_quiet = error == http::error::end_of_stream || error == beast::error::timeout || !buffer_.size();
    if (!is_quiet || error == http::error::header_limit || error == http::error::body_limit) {
        const Reply reply = reply_of(refusal_of(error));
        const bool ignored = co_await write(reply, 11, false, false);
        (void)ignored;
    }
    co_return false;
}

// Whoever sent a wrong token of late waits before anybody looks at the next one.
asio::awaitable<std::optional<Refusal>> Connection::judge(const Credentials& credentials, Need need) {
    const bool is_tried = !credentials.authorization.empty() && (need == Need::read || need == Need::act);
    const std::string peer = is_tried ? peer_of(stream_.socket().native_handle()) : std::string();
    if (is_tried) {
        const auto delay = desk_->wrong_tokens.delay_of(peer, common::Clock::now());
        error_code ignored;
        pause_.expires_after(delay);
        if (delay.count() > 0) co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (!desk_) co_return Refusal{503, "closing"};
    }
    std::optional<Refusal> refusal = refuse(credentials, need, desk_->policy);
    if (is_tried && refusal && refusal->status == 401) desk_->wrong_tokens.add(peer, common::Clock::now());
    co_return refusal;
}

asio::awaitable<bool> Connection::serve(const Request& request) {
    const bool is_odd = is_framed_oddly(request);
    const bool keeps = request.keep_alive() && !is_odd;
    const bool is_head = request.method() == http::verb::head;
    const Credentials credentials{.host = view_of(request[http::field::host]),
                                  .origin = view_of(request[http::field::origin]),
                                  .fetch_site = view_of(request["Sec-Fetch-Site"]),
                                  .authorization = view_of(request[http::field::authorization])};
    Routing routing = route_of(view_of(request.method_string()), view_of(request.target()));
    std::optional<Refusal> refusal;
    if (is_odd) refusal = Refusal{400, "the length of the request is not clear"};
    else if (is_ambiguous(request)) refusal = Refusal{400, "a header that may stand once stands twice"};
    // Before whether there is such a path: a stranger learns nothing.
    const Need need = routing.route ? need_of(routing.route->page) : Need::page;
    if (!refusal) refusal = co_await judge(credentials, need);
    if (!desk_) co_return false;
    if (!refusal && !routing.route) refusal = routing.refusal;
    const bool is_stream = routing.route && (routing.route->page == Page::stream || routing.route->page == Page::vassal_stream);
    if (!refusal && is_stream) {
        if (!is_head && desk_->streams >= desk_->limits.streams) refusal = Refusal{503, "too many streams"};
        else if (!routing.route->name.empty() && !desk_->api.knows(routing.route->name)) refusal = Refusal{404, "no such app"};
    }
    if (refusal) {
        const Reply reply = reply_of(*refusal);
        const bool is_written = co_await write(reply, request.version(), keeps, is_head);
        co_return is_written && keeps;
    }
    if (is_stream && !is_head) {
        co_await stream(*routing.route);
        co_return false;
    }
    const bool is_holder = standing_of(credentials, desk_->policy) == Standing::holder;
    const Reply reply = co_await reply_to(request, *routing.route, is_holder);
    if (!desk_) co_return false;
    const bool is_written = co_await write(reply, request.version(), keeps, is_head);
    co_return is_written && keeps;
}

asio::awaitable<Reply> Connection::reply_to(const Request& request, const Route& route, bool is_holder) {
    if (!Api::asks_control(route))
        co_return desk_->api.answer(route, view_of(request[http::field::if_none_match]),
                                    takes_gzip(view_of(request[http::field::accept_encoding])));
    std::string problem;
    std::string line = Api::control_line(route, request.body(), problem);
    if (!problem.empty()) co_return reply_of(Refusal{400, problem});
    Reply reply = co_await ask(std::move(line), !is_holder);
    if (route.page == Page::operation && !route.waits && reply.status == 200) reply.status = 202;
    co_return reply;
}

asio::awaitable<Reply> Connection::ask(std::string line, bool hides_secrets) {
    const auto waiting = std::make_shared<WaitingLine>(stream_.get_executor());
    outcome_ = waiting;
    desk_->api.ask(line, peer_of(stream_.socket().native_handle()), waiting);
    const auto patience = desk_->limits.operation;
    co_await waiting->wait(patience);
    outcome_.reset();
    if (!waiting->line()) co_return reply_of(Refusal{503, "no outcome yet; see the app's events"});
    co_return reply_of_control(*waiting->line(), hides_secrets);
}

// Documents of a thousand apps have some megabytes, each of its own moment: whoever takes his longest gives way to newer ones.
void Connection::begin_large(std::size_t size) {
    if (size <= small_answer) return;
    std::vector<Connection*>& writers = desk_->writers;
    std::size_t sum = size;
    for (const Connection* writer : writers) sum += writer->large_;
    while (sum > desk_->limits.answers_size && !writers.empty()) {
        sum -= writers.front()->large_;
        writers.front()->close();  // leaves the list
    }
    large_ = size;
    writers.push_back(this);
}

void Connection::end_large() noexcept {
    if (std::exchange(large_, 0) > 0) std::erase(desk_->writers, this);
}

asio::awaitable<bool> Connection::write(const Reply& reply, unsigned version, bool keeps, bool is_head) {
    const std::string_view body = reply.text();
    http::response<http::span_body<const char>> response(http::int_to_status(static_cast<unsigned>(reply.status)), version);
    set_common_headers(response);
    response.set(http::field::content_type, reply.type);
    if (reply.type != "text/html; charset=utf-8" && reply.headers.empty()) response.set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.keep_alive(keeps);
    response.content_length(reply.status == 304 ? boost::optional<std::uint64_t>() : body.size());
    if (!is_head && reply.status != 304) response.body() = {body.data(), body.size()};
    http::response_serializer<http::span_body<const char>> serializer(response);
    error_code error;
    if (!is_head && reply.body) begin_large(body.size());
    stream_.expires_after(desk_->limits.write);
    if (is_head || reply.status == 304)
        co_await http::async_write_header(stream_, serializer, asio::redirect_error(asio::use_awaitable, error));
    else
        co_await http::async_write(stream_, serializer, asio::redirect_error(asio::use_awaitable, error));
    if (!desk_) co_return false;
    end_large();
    if (!error && !keeps) stream_.socket().shutdown(asio::socket_base::shutdown_send, error);
    co_return !error;
}

}  // namespace emperor::web
