// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/server.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "common/log/log.h"
#include "emperor/control/dispatcher.h"
#include "emperor/control/session.h"
#include "emperor/stats/acceptor.h"
#include "emperor/stats/listen_socket.h"

namespace emperor::control {

namespace asio = boost::asio;
using common::net::Address;

namespace {

std::optional<Peer> peer_of(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
    peer.groups.resize(64);
    for (int attempt = 0; attempt < 2; ++attempt) {  // ERANGE says how many there are
        size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
        const bool is_read = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) == 0;
        if (!is_read && errno != ERANGE) size = 0;
        peer.groups.resize(size / sizeof(gid_t));
        if (is_read) break;
    }
    return peer;
}

// For logs and causes: asked once per operation of an operator, not per request.
std::string user_name(uid_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found) return found->pw_name;
    return std::to_string(uid);
}

// What build_environment() takes over from the process it runs in; nothing else of ours is told.
std::map<std::string, std::string> inherited_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        if (name.size() == text.size()) continue;
        if (name == "PATH" || name == "LANG" || name == "TZ" || name.starts_with("LC_"))
            variables.emplace(name, text.substr(name.size() + 1));
    }
    return variables;
}

common::Result<std::optional<gid_t>> resolve_group(const std::string& name) {
    if (name.empty()) return std::optional<gid_t>();
    group entry{};
    group* found = nullptr;
    std::array<char, 65536> buffer;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found)
        return std::optional<gid_t>(found->gr_gid);
    return common::failure("admin_group: no such group: " + name);
}

bool is_about_apps(std::string_view line) {
    const auto decoded = decode_request(line);
    const auto* request = std::get_if<Request>(&decoded);
    return request && request->command != Command::version && request->command != Command::rescan &&
           request->command != Command::upgrade;
}

}  // namespace

class Server::Impl {
public:
    Impl(asio::io_context& io, fleet::FleetApi& fleet, Options options, Upgrader upgrade)
        : io_(io), fleet_(fleet), options_(std::move(options)), upgrade_(std::move(upgrade)) {}
    ~Impl() {
        acceptors_.clear();
        while (!sessions_.empty()) (*sessions_.begin())->close();
    }

    common::Result<void> start();
    void ask(std::string_view line, const std::string& name, const std::shared_ptr<Conversation>& conversation) {
        receive(line, {.uid = policy_.emperor_uid, .gid = ::getegid(), .pid = ::getpid(), .groups = {}, .name = name},
                conversation);
    }
    std::size_t sessions() const noexcept { return sessions_.size(); }
    void fleet_is_known() {
        for (const Waiting& one : std::exchange(waiting_, {})) {
            const auto conversation = one.conversation.lock();
            if (!conversation) continue;
            dispatcher_->on_line(one.line, one.peer, conversation);
            conversation->end_operation();
        }
    }

private:
    struct Waiting {
        std::string line;
        Peer peer;
        std::weak_ptr<Conversation> conversation;
    };

    void receive(std::string_view line, const Peer& peer, const std::shared_ptr<Conversation>& conversation) {
        const fleet::FleetApi::Self self = fleet_.self();
        if (self.has_scanned || self.is_shutting_down || !is_about_apps(line) || !conversation->has_room())
            return dispatcher_->on_line(line, peer, conversation);
        conversation->begin_operation();
        waiting_.push_back({std::string(line), peer, conversation});
    }

    common::Result<void> open(const Address& address);
    void on_connection(common::UniqueFd fd);
    bool has_room_for(const Peer& peer) const;
    Lookups lookups() const;

    asio::io_context& io_;
    fleet::FleetApi& fleet_;
    Options options_;
    Upgrader upgrade_;
    Policy policy_;
    stats::QueueProbe queues_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::vector<stats::LocalSocket> sockets_;
    std::vector<std::unique_ptr<stats::Acceptor>> acceptors_;
    std::set<std::shared_ptr<Session>> sessions_;
    std::vector<Waiting> waiting_;  // bounded by the sessions and what each may have under way
};

common::Result<void> Server::Impl::start() {
    const common::Result<std::optional<gid_t>> group = resolve_group(options_.admin_group);
    if (!group) return group.error();
    policy_ = {::geteuid(), *group, options_.admin_group};
    dispatcher_ = std::make_unique<Dispatcher>(
        fleet_, policy_, [this] { return lookups(); }, user_name, upgrade_);
    if (options_.extra && options_.extra->kind == Address::Kind::tcp)
        return common::failure("--control takes a unix address: " + options_.extra->text() +
                               " could not tell who its clients are");
    Address own;
    own.path = options_.path;
    if (common::Result<void> opened = open(own); !opened) return opened.error();
    return options_.extra ? open(*options_.extra) : common::Result<void>();
}

common::Result<void> Server::Impl::open(const Address& address) {
    common::UniqueFd inherited = options_.inherited ? options_.inherited(address) : common::UniqueFd();
    common::Result<stats::LocalSocket> socket =
        inherited ? common::Result<stats::LocalSocket>(stats::LocalSocket::adopt(std::move(inherited)))
                  : stats::LocalSocket::listen(address, {.mode = options_.mode, .owner = {}, .group = {}});
    if (!socket) return socket.error();
    sockets_.push_back(std::move(*socket));
    acceptors_.push_back(std::make_unique<stats::Acceptor>(
        io_, sockets_.back().release_fd(), [this](common::UniqueFd fd) { on_connection(std::move(fd)); }));
    return {};
}

void Server::Impl::on_connection(common::UniqueFd fd) {
    std::optional<Peer> peer = peer_of(fd.get());
    if (!peer) return;
    if (!has_room_for(*peer)) {
        const std::string line = encode_error({nullptr, ErrorCode::busy, "too many control clients", {}});
        (void)::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    const auto session = std::make_shared<Session>(
        io_, std::move(fd), std::move(*peer), options_.limits,
        [this](std::string_view line, const Peer& who, const std::shared_ptr<Conversation>& conversation) {
            receive(line, who, conversation);
        });
    sessions_.insert(session);
    // A closed session calls back at most once, and never after this server closed it.
    session->start([this, weak = std::weak_ptr(session)] { sessions_.erase(weak.lock()); });
}

// Everybody may connect, so nobody may take the last place from those who operate the emperor: another user has a few
// sessions, and all of them together half.
bool Server::Impl::has_room_for(const Peer& peer) const {
    if (sessions_.size() >= options_.limits.sessions) return false;
    if (is_admin(peer, policy_)) return true;
    std::size_t own = 0;
    std::size_t all = 0;
    for (const auto& session : sessions_) {
        if (is_admin(session->peer(), policy_)) continue;
        ++all;
        if (session->peer().uid == peer.uid) ++own;
    }
    return own < options_.limits.sessions_of_a_user && all < options_.limits.sessions / 2;
}

Lookups Server::Impl::lookups() const {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return {.memory = stats::read_process_memory,
            .queue = [this](int fd) { return queues_.read(fd); },
            .monotonic_us = static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000,
            .environment = inherited_environment()};
}

Server::Server(asio::io_context& io, fleet::FleetApi& fleet, Options options, Upgrader upgrade)
    : impl_(std::make_unique<Impl>(io, fleet, std::move(options), std::move(upgrade))) {}

Server::~Server() = default;

common::Result<void> Server::start() { return impl_->start(); }
void Server::ask(std::string_view line, const std::string& name, const std::shared_ptr<Conversation>& conversation) {
    impl_->ask(line, name, conversation);
}
void Server::fleet_is_known() { impl_->fleet_is_known(); }
std::size_t Server::sessions() const noexcept { return impl_->sessions(); }

}  // namespace emperor::control
