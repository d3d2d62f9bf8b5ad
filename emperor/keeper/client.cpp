// SPDX-License-Identifier: Apache-2.0
#include "emperor/keeper/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/base/readable.h"
#include "common/link/channel.h"
#include "common/log/log.h"
#include "emperor/keeper/keeper.h"
#include "emperor/keeper/wire.h"
#include "emperor/process/inherited.h"
#include "emperor/process/spawn.h"

namespace emperor::keeper {

namespace {

namespace link = common::link;
namespace log = common::log;
using boost::asio::posix::stream_descriptor;
using common::Result;
using common::UniqueFd;

constexpr int answer_patience_ms = 3000;
constexpr int end_patience_ms = 1000;
constexpr int send_patience_ms = 200;
constexpr auto retry_after = std::chrono::seconds(1);

bool wait_for(int fd, short events, int patience_ms) {
    pollfd wait{fd, events, 0};
    int ready = 0;
    do ready = ::poll(&wait, 1, patience_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

std::vector<std::string> own_environment() {
    std::vector<std::string> entries;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (!process::is_for_service_manager(*entry)) entries.emplace_back(*entry);
    }
    return entries;
}

}  // namespace

Client::Client(boost::asio::io_context& io, std::string runtime_directory, std::string program)
    : io_(io), runtime_directory_(std::move(runtime_directory)), program_(std::move(program)), link_(io), retry_(io) {}

Client::~Client() { *alive_ = false; }

Holdings Client::start() {
    if (connect()) {
        auto holdings = fetch();
        if (holdings) {
            for (const auto& [key, fd] : *holdings) unclaimed_.insert(key);
            watch();
            if (!holdings->empty()) log::info("keeper found", {{"descriptors", holdings->size()}});
            return std::move(*holdings);
        }
        log::warn("keeper not understood", {{"reason", holdings.error().message()}});
        link_.close();
    }
    start_another();
    return {};
}

bool Client::connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const std::string path = socket_path(runtime_directory_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!fd || path.size() >= sizeof address.sun_path) return false;
    path.copy(address.sun_path, path.size());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::geteuid()) return false;
    use(std::move(fd));
    return true;
}

Result<void> Client::spawn() {
    auto ends = link::make_channel();
    if (!ends) return ends.error();
    process::SpawnRequest request;
    request.program = program_;
    request.arguments = {"emperor", "--keeper", runtime_directory_};
    request.environment = own_environment();
    request.directory = "/";
    request.fds = {ends->second.get()};
    request.is_silent = true;
    const auto spawned = process::spawn(request);
    if (!spawned) return spawned.error();
    log::debug("keeper started", {{"pid", spawned->pid}});
    use(std::move(ends->first));
    return {};
}

void Client::use(UniqueFd fd) {
    if (link_.is_open()) link_.close();
    link_.assign(fd.release());
}

Result<Holdings> Client::fetch() {
    const int fd = link_.native_handle();
    Holdings holdings;
    if (const auto sent = link::send(fd, std::string(1, wire_list)); !sent) return sent.error();
    while (wait_for(fd, POLLIN, answer_patience_ms)) {
        auto received = link::receive(fd);
        if (!received) return received.error();
        if (received->state == link::ReceiveState::closed) return common::failure("it closed the link");
        if (received->state == link::ReceiveState::empty) continue;
        auto& packet = received->packet;
        if (packet.payload.front() == wire_end) return holdings;
        if (packet.payload.front() != wire_entry || packet.fds.size() != 1) return common::failure("it speaks another language");
        holdings.insert_or_assign(packet.payload.substr(1), std::move(packet.fds.front()));
    }
    return common::failure("it did not answer");
}

// The keeper never speaks unasked: what can be read is the end of the link.
void Client::watch() {
    link_.async_wait(stream_descriptor::wait_read, [this, alive = alive_](const boost::system::error_code& error) {
        if (!*alive || error) return;
        if (!common::is_readable(link_.native_handle())) return watch();
        lost("it ended");
    });
}

void Client::lost(const std::string& why) {
    log::warn("keeper lost", {{"reason", why}});
    link_.close();
    retry_.arm_after(retry_after, [this] { start_another(); });
}

void Client::start_another() {
    if (const auto spawned = spawn(); !spawned) {
        log::warn("no keeper", {{"reason", spawned.error().message()}});
        return retry_.arm_after(10 * retry_after, [this] { start_another(); });
    }
    for (const auto& [key, fd] : kept_)
        if (!tell(wire_keep, key, fd)) return;
    watch();
}

void Client::keep(const std::string& key, int fd) {
    kept_.insert_or_assign(key, fd);
    if (unclaimed_.erase(key) == 0) tell(wire_keep, key, fd);
}

void Client::drop(const std::string& key) {
    if (kept_.erase(key) > 0) tell(wire_drop, key, -1);
}

void Client::drop_unclaimed(const std::function<bool(const std::string&)>& is_waited_for) {
    std::set<std::string> waited_for;
    for (const std::string& key : std::exchange(unclaimed_, {})) {
        if (is_waited_for(key)) waited_for.insert(key);
        else tell(wire_drop, key, -1);
    }
    unclaimed_ = std::move(waited_for);
}

bool Client::tell(char order, const std::string& key, int fd) {
    if (!link_.is_open()) return false;
    const int fds[] = {fd};
    const std::span<const int> attached = fd >= 0 ? std::span<const int>(fds) : std::span<const int>();
    for (int attempt = 0;; ++attempt) {
        const auto sent = link::send(link_.native_handle(), order + key, attached);
        if (sent) return true;
        const int number = sent.error().code.value();
        const bool is_full = number == EAGAIN || number == EWOULDBLOCK;
        if (is_full && attempt == 0 && wait_for(link_.native_handle(), POLLOUT, send_patience_ms)) continue;
        lost(sent.error().message());
        return false;
    }
}

void Client::renew() {
    retry_.disarm();
    if (link_.is_open()) {
        static_cast<void>(link::send(link_.native_handle(), std::string(1, wire_quit)));
        link_.close();
    }
    start_another();
}

void Client::leave() {
    retry_.disarm();
    if (link_.is_open()) link_.close();
}

void Client::dismiss() {
    retry_.disarm();
    kept_.clear();
    if (!link_.is_open()) return;
    link_.cancel();
    const int fd = link_.native_handle();
    if (link::send(fd, std::string(1, wire_quit))) static_cast<void>(wait_for(fd, POLLIN, end_patience_ms));
    link_.close();
}

}  // namespace emperor::keeper
