// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace vassal::master {

namespace {

constexpr int patience_ms = 20;  // for a journal that is busy; the app's pipe holds its lines meanwhile
// And not for each entry: who waits all the time for a journal that is slow lets the pipe fill up, and then the app waits.
constexpr auto pause_between_waits = std::chrono::milliseconds(100);

void append_size(std::string& out, std::uint64_t size) {
    for (int byte = 0; byte < 8; ++byte) out.push_back(static_cast<char>(size >> (8 * byte) & 0xff));  // little-endian
}

}  // namespace

std::string journal_entry(JournalFields fields) {
    std::string entry;
    for (const JournalField& field : fields) {
        entry += field.name;
        if (field.value.find('\n') == std::string_view::npos) {
            entry.append("=").append(field.value).push_back('\n');
            continue;
        }
        entry.push_back('\n');
        append_size(entry, field.value.size());
        entry.append(field.value).push_back('\n');
    }
    return entry;
}

bool Journal::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_ && ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    socket_.reset();
    return false;
}

Journal::Outcome Journal::send(JournalFields fields) {
    if (!socket_ && !connect()) return Outcome::absent;
    const std::string entry = journal_entry(fields);
    int number = try_send(entry);
    if (number == ECONNREFUSED || number == ENOTCONN || number == ECONNRESET || number == EPIPE) {  // it began anew
        if (!connect()) return Outcome::absent;
        number = try_send(entry);
    }
    const bool may_wait = number == EAGAIN && !is_stuck_ && common::Clock::now() >= wait_next_;
    if (may_wait) {
        pollfd ready{socket_.get(), POLLOUT, 0};
        if (::poll(&ready, 1, patience_ms) > 0) number = try_send(entry);
        wait_next_ = common::Clock::now() + pause_between_waits;
    }
    is_stuck_ = number != 0;
    return number == 0 ? Outcome::taken : Outcome::lost;
}

int Journal::try_send(const std::string& entry) const {
    for (;;) {
        if (::send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL) >= 0) return 0;
        if (errno == EMSGSIZE || errno == ENOBUFS) return send_as_file(entry);
        if (errno != EINTR) return errno == EWOULDBLOCK ? EAGAIN : errno;
    }
}

int Journal::send_as_file(const std::string& entry) const {
    const common::UniqueFd file(::memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return errno;
    for (std::string_view rest = entry; !rest.empty();) {
        const ssize_t written = ::write(file.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return errno;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    // The journal maps it only when nobody can change it any more.
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return errno;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = file.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

}  // namespace vassal::master
