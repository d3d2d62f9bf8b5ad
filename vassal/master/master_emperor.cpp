// SPDX-License-Identifier: Apache-2.0
// The link to the emperor, and its successors. Without an emperor everything else goes on.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/config/decode.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::UniqueFd;
namespace wire = common::link;

constexpr auto newcomer_patience = std::chrono::seconds(5);

template <class... Ts>
struct overloaded : Ts... {
    using Ts::operator()...;
};

std::optional<uid_t> peer_uid(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.uid;
}

std::string_view name_of(const std::optional<WorkerPool>& pool) {
    if (!pool) return "starting";
    switch (pool->state()) {
        case PoolState::idle:
        case PoolState::starting: return "starting";
        case PoolState::ready: return "ready";
        case PoolState::serving: return pool->is_suspended() ? "suspended" : "serving";
        case PoolState::stopping:
        case PoolState::finished: break;
    }
    return "draining";
}

}  // namespace

void Master::Impl::report(const wire::MasterMessage& message) {
    if (observer_) observer_(message);
    if (emperor_) emperor_->send(wire::encode(message));
}

void Master::Impl::connect_emperor(UniqueFd link) {
    emperor_uid_ = peer_uid(link.get()).value_or(0);
    emperor_ = std::make_unique<ChannelEnd>(
        io_, std::move(link), [this](wire::Packet& packet) { on_emperor_packet(packet); },
        [this] { on_emperor_lost(); });
    report(wire::Hello{wire::protocol_version, static_cast<std::int32_t>(::getpid())});
}

// What serves goes on without an emperor. What does not yet is of no use: the next emperor starts it anew, and may not even
// know of this process, which was recorded a moment after it was spawned.
void Master::Impl::on_emperor_lost() {
    if (is_holding_) return finish_after_desk(0);
    if (!generation_) return finish(1);
    const bool is_promoted = pool_ && pool_->state() != PoolState::idle && pool_->state() != PoolState::starting &&
                             pool_->state() != PoolState::ready;
    if (!is_promoted) stop(false, "its emperor is gone, and it did not serve yet");
}

void Master::Impl::on_emperor_packet(wire::Packet& packet) {
    auto message = wire::decode_emperor_message(packet.payload);
    if (!message) {
        report(wire::Failed{"link", message.error().message(), ""});
        if (!generation_ && !is_holding_) finish(1);
        return;
    }
    std::visit(overloaded{
                   [&](wire::Start& start) { on_start(start, packet.fds); },
                   [&](const wire::Promote&) {
                       if (pool_) post(PromoteRequested{});
                   },
                   [&](const wire::Stop& order) { stop(order.graceful, order.reason); },
                   [&](const wire::ReopenLogs&) {
                       if (log_) log_->reopen();
                   },
                   [](const wire::Attach&) {},  // only a newcomer says that
                   [&](wire::Hold& hold) { on_hold(hold, packet.fds); },
                   [&](const wire::Suspend&) {
                       if (!pool_) return;
                       is_suspension_reported_ = false;
                       post(SuspendRequested{});
                       report_suspended();
                   },
                   [&](const wire::Resume&) {
                       if (pool_) post(ResumeRequested{});
                   },
                   [&](wire::Reconfigure& order) { on_reconfigure(order); },
               },
               *message);
}

void Master::Impl::on_start(wire::Start& start, std::vector<UniqueFd>& fds) {
    if (generation_) return;
    const auto refuse = [this](std::string why) {
        report(wire::Failed{"start", std::move(why), ""});
        finish(1);
    };
    if (start.version != wire::protocol_version)
        return refuse("the emperor speaks another version of the link protocol");
    if (fds.size() != start.listeners.size() + 3)
        return refuse("expected " + std::to_string(start.listeners.size() + 3) + " descriptors, got " +
                      std::to_string(fds.size()));
    auto config = common::config::config_from_json(start.config);
    if (!config) return refuse(config.error().message());

    Generation generation;
    generation.name = std::move(start.name);
    generation.number = start.generation;
    generation.bank = start.bank;
    generation.config = std::move(*config);
    generation.document = std::move(start.config);
    generation.identity = std::move(start.identity);
    for (std::size_t i = 0; i < start.listeners.size(); ++i) {
        auto address = common::net::parse_listen_address(start.listeners[i]);
        if (!address) return refuse(address.error().message());
        generation.listeners.push_back({std::move(fds[i]), std::move(*address)});
    }
    generation.scoreboard_fd = std::move(fds[fds.size() - 3]);
    auto scoreboard = common::scoreboard::map(generation.scoreboard_fd.get());
    if (!scoreboard) return refuse(scoreboard.error().message());
    generation.scoreboard = std::move(*scoreboard);
    log_channel_ = std::move(fds[fds.size() - 2]);
    listen_on_rendezvous(std::move(fds.back()));
    begin(std::move(generation));
}

void Master::Impl::listen_on_rendezvous(UniqueFd fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) return;
    rendezvous_.assign(fd.release());
    accept_newcomer();
}

void Master::Impl::accept_newcomer() {
    rendezvous_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](error_code error) {
        if (error) return;
        UniqueFd peer(::accept4(rendezvous_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (peer) {
            const auto uid = peer_uid(peer.get());
            if (uid && (*uid == 0 || *uid == ::getuid() || *uid == emperor_uid_)) {
                dismiss_newcomer();
                newcomer_ = std::make_unique<ChannelEnd>(
                    io_, std::move(peer), [this](wire::Packet& packet) { on_newcomer_packet(packet); },
                    [this] { dismiss_newcomer(); });
                newcomer_timer_.expires_after(newcomer_patience);
                newcomer_timer_.async_wait([this](error_code waited) {
                    if (!waited) dismiss_newcomer();
                });
            }
        }
        accept_newcomer();
    });
}

void Master::Impl::dismiss_newcomer() {
    newcomer_timer_.cancel();
    if (newcomer_) newcomer_->close();
    retire(io_, std::move(newcomer_));
}

void Master::Impl::on_newcomer_packet(wire::Packet& packet) {
    const auto message = wire::decode_emperor_message(packet.payload);
    if (!message || !std::holds_alternative<wire::Attach>(*message)) return dismiss_newcomer();
    UniqueFd link(::fcntl(newcomer_->fd(), F_DUPFD_CLOEXEC, 3));
    dismiss_newcomer();
    if (link) adopt(std::move(link));
}

// The newcomer is our emperor from here on. It gets copies of what the former one gave us, and a fresh log channel.
void Master::Impl::adopt(UniqueFd link) {
    auto logs = wire::make_channel();
    if (!logs) return;
    wire::Snapshot snapshot;
    snapshot.name = generation_->name;
    snapshot.generation = generation_->number;
    snapshot.bank = generation_->bank;
    snapshot.state = name_of(pool_);
    snapshot.config = generation_->document;
    snapshot.identity = generation_->identity;
    std::vector<int> fds;
    for (const Listener& listener : generation_->listeners) {
        snapshot.listeners.push_back(listener.address.text());
        fds.push_back(listener.fd.get());
    }
    fds.push_back(generation_->scoreboard_fd.get());
    fds.push_back(logs->first.get());
    if (!wire::send(link.get(), wire::encode(wire::MasterMessage(std::move(snapshot))), fds)) return;
    emperor_uid_ = peer_uid(link.get()).value_or(emperor_uid_);
    if (log_) log_->use_channel(std::move(logs->second));
    if (emperor_) emperor_->close();
    retire(io_, std::move(emperor_));
    emperor_ = std::make_unique<ChannelEnd>(
        io_, std::move(link), [this](wire::Packet& packet) { on_emperor_packet(packet); }, [] {});
    if (log_ && !log_->file_problem().empty()) report(wire::LogFile{log_->file_problem()});
}

}  // namespace vassal::master
