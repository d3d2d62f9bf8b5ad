// SPDX-License-Identifier: Apache-2.0
// Message transport between emperor, master, mold and workers: SOCK_SEQPACKET unix sockets, one message per packet,
// file descriptors attached by SCM_RIGHTS. No Asio: the owner waits for readability and calls receive() until empty.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace common::link {

inline constexpr std::size_t max_packet_size = 128 * 1024;  // below the default net.core.wmem_default
inline constexpr std::size_t max_packet_fds = 64;

// The process that sent a packet, as the kernel says.
struct Sender {
    pid_t pid = 0;
    uid_t uid = 0;
};

struct Packet {
    std::string payload;
    std::vector<UniqueFd> fds{};     // CLOEXEC
    std::optional<Sender> sender{};  // known where name_senders() was called on the receiving socket
};

enum class ReceiveState { packet, empty, closed };

struct Received {
    ReceiveState state = ReceiveState::empty;
    Packet packet;
};

// Both ends non-blocking and CLOEXEC.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_channel();

// From now on the kernel names the process behind each packet that this end receives: whoever connected or listened once
// says nothing about who holds the other end now.
[[nodiscard]] Result<void> name_senders(int fd, bool named = true);

// Never blocks; EAGAIN is an error like any other (the peer does not read: the caller decides). No SIGPIPE.
[[nodiscard]] Result<void> send(int fd, std::string_view payload, std::span<const int> fds = {});

// Never blocks. A truncated packet or one with more descriptors than allowed is an error; every received fd is closed.
[[nodiscard]] Result<Received> receive(int fd);

}  // namespace common::link
