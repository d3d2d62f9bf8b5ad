// SPDX-License-Identifier: Apache-2.0
// No event library: a process that must outlive everything else has three descriptors to wait for and few ways to fail.
#include "emperor/keeper/keeper.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>

#include "common/link/channel.h"
#include "emperor/keeper/wire.h"

namespace emperor::keeper {

namespace {

namespace link = common::link;
using common::UniqueFd;

constexpr int send_patience_ms = 2000;
constexpr int orphan_check_ms = 5000;

class Keeper {
public:
    Keeper(std::string path, UniqueFd first) : path_(std::move(path)), link_(std::move(first)) {}
    ~Keeper() {
        if (is_in_place()) ::unlink(path_.c_str());
    }
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    int run() {
        listen();
        for (;;) {
            pollfd waits[2] = {{link_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};  // -1 is skipped
            const int ready = ::poll(waits, 2, link_ ? -1 : orphan_check_ms);
            if (ready < 0 && errno != EINTR) return 1;
            if (ready > 0 && waits[0].revents != 0 && !obey()) return 0;
            if (ready > 0 && waits[1].revents != 0) accept();
            if (!link_ && (kept_.empty() || !is_in_place())) return 0;
        }
    }

private:
    // A socket that is in the way belonged to a keeper that is gone: one that lives was asked before we were started.
    void listen() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (!fd || path_.size() >= sizeof address.sun_path) return;
        path_.copy(address.sun_path, path_.size());
        ::unlink(path_.c_str());
        const mode_t before = ::umask(0177);
        const bool is_bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::umask(before);
        struct stat found {};
        if (!is_bound || ::listen(fd.get(), 4) != 0 || ::lstat(path_.c_str(), &found) != 0) return;
        inode_ = found.st_ino;
        listener_ = std::move(fd);
    }

    [[nodiscard]] bool is_in_place() const {
        struct stat found {};
        return listener_ && ::lstat(path_.c_str(), &found) == 0 && found.st_ino == inode_;
    }

    void accept() {
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        ucred peer{};
        socklen_t size = sizeof peer;
        if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::geteuid()) return;
        link_ = std::move(fd);
    }

    // False: quit.
    bool obey() {
        for (;;) {
            auto received = link::receive(link_.get());
            if (!received || received->state == link::ReceiveState::closed) {
                link_.reset();
                return true;
            }
            if (received->state == link::ReceiveState::empty) return true;
            auto& packet = received->packet;
            const char order = packet.payload.front();
            std::string key = packet.payload.substr(1);
            if (order == wire_quit) return false;
            if (order == wire_list) send_all();
            if (order == wire_drop) kept_.erase(key);
            if (order == wire_keep && packet.fds.size() == 1 && key.size() <= max_key_size)
                kept_.insert_or_assign(std::move(key), std::move(packet.fds.front()));
        }
    }

    void send_all() {
        for (const auto& [key, fd] : kept_) {
            const int fds[] = {fd.get()};
            if (!send(wire_entry + key, fds)) return link_.reset();
        }
        if (!send(std::string(1, wire_end), {})) link_.reset();
    }

    bool send(const std::string& packet, std::span<const int> fds) {
        for (;;) {
            const auto sent = link::send(link_.get(), packet, fds);
            if (sent) return true;
            const int number = sent.error().code.value();
            if (number != EAGAIN && number != EWOULDBLOCK) return false;
            pollfd writable{link_.get(), POLLOUT, 0};
            if (::poll(&writable, 1, send_patience_ms) <= 0) return false;
        }
    }

    std::string path_;
    UniqueFd link_, listener_;
    ino_t inode_ = 0;
    std::map<std::string, UniqueFd> kept_;
};

}  // namespace

std::string socket_path(const std::string& runtime_directory) { return runtime_directory + "/keeper.sock"; }

int run(const std::string& runtime_directory, UniqueFd link) {
    // A second Ctrl-C at a terminal is not for us, and who hangs up is the emperor's business.
    for (const int number : {SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGQUIT}) ::signal(number, SIG_IGN);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
    return Keeper(socket_path(runtime_directory), std::move(link)).run();
}

}  // namespace emperor::keeper
