// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/stream.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace emperor::stats {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

asio::generic::stream_protocol::socket stream_of(asio::io_context& io, common::UniqueFd fd) {
    int domain = AF_UNIX;
    socklen_t size = sizeof domain;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    asio::generic::stream_protocol::socket socket(io, asio::generic::stream_protocol(domain, 0), fd.get());
    (void)fd.release();
    return socket;
}

}  // namespace

Stream::Stream(asio::io_context& io, common::UniqueFd fd) : socket_(stream_of(io, std::move(fd))), timer_(io) {}

void Stream::arm(std::chrono::milliseconds deadline) {
    timer_.arm_after(deadline, [this] {
        error_code ignored;
        socket_.cancel(ignored);
    });
}

void Stream::close() noexcept {
    timer_.disarm();
    error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<bool> Stream::read(std::string& into) {
    std::array<char, 1024> chunk;
    error_code error;
    const std::size_t size =
        co_await socket_.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
    into.append(chunk.data(), size);
    co_return !error;
}

asio::awaitable<bool> Stream::write_last(std::string_view head, std::string_view body) {
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    error_code error;
    co_await asio::async_write(socket_, buffers, asio::redirect_error(asio::use_awaitable, error));
    if (!error) socket_.shutdown(asio::socket_base::shutdown_send, error);
    co_return !error;
}

}  // namespace emperor::stats
