// SPDX-License-Identifier: Apache-2.0
// An accepted connection, of whichever family, as a socket of the event loop. Internal to this room.
#pragma once

#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/unique_fd.h"

namespace emperor::stats {

using StreamSocket = boost::asio::generic::stream_protocol::socket;

[[nodiscard]] inline StreamSocket stream_of(boost::asio::io_context& io, common::UniqueFd fd) {
    int domain = AF_UNIX;
    socklen_t size = sizeof domain;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    StreamSocket socket(io, boost::asio::generic::stream_protocol(domain, 0), fd.get());
    (void)fd.release();
    return socket;
}

}  // namespace emperor::stats
