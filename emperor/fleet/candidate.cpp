// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/candidate.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <csignal>

#include "common/link/messages.h"
#include "common/log/log.h"
#include "emperor/fleet/instance.h"
#include "emperor/fleet/rendezvous.h"
#include "emperor/process/listeners.h"

namespace emperor::fleet {

namespace link = common::link;
namespace log = common::log;
using common::Result;
using common::UniqueFd;

namespace {

constexpr auto answer_patience = std::chrono::seconds(2);
constexpr auto term_patience = std::chrono::seconds(2);

bool is_channel(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

// A standby ("suspended") too: it is who serves if the observed generation has to go.
bool can_go_on(const std::string& state) { return state == "serving" || state == "draining" || state == "suspended"; }

// The descriptors of a snapshot, each checked against the record.
Result<void> take(AdoptedInstance& into, const link::Snapshot& snapshot, std::vector<UniqueFd> fds) {
    const RecordedInstance& record = into.record;
    if (snapshot.version != link::protocol_version)
        return common::failure("it speaks version " + std::to_string(snapshot.version) + " of the link protocol, not " +
                               std::to_string(link::protocol_version));
    if (snapshot.generation != record.generation) return common::failure("it is another generation");
    const auto& listen = record.deployment->effective->config.listen;
    if (fds.size() != listen.size() + 2 || record.socket_inodes.size() != listen.size())
        return common::failure("it handed over an unexpected number of descriptors");
    for (std::size_t i = 0; i < listen.size(); ++i) {
        if (!process::is_listener_for(fds[i].get(), listen[i]) ||
            process::socket_inode_of(fds[i].get()) != record.socket_inodes[i])
            return common::failure("it handed over a socket that is not " + listen[i].text());
    }
    auto board = common::scoreboard::map(fds[listen.size()].get());
    if (!board) return board.error();
    if (!is_channel(fds[listen.size() + 1].get())) return common::failure("its log channel is not one");
    (void)::fcntl(fds[listen.size() + 1].get(), F_SETFL, O_NONBLOCK);
    into.board = std::move(*board);
    into.log = std::move(fds[listen.size() + 1]);
    into.scoreboard = std::move(fds[listen.size()]);
    fds.resize(listen.size());
    into.listeners = std::move(fds);
    into.is_draining = snapshot.state == "draining";
    into.is_standby = snapshot.state == "suspended";
    into.minor = snapshot.minor;
    return {};
}

}  // namespace

Candidate::Candidate(boost::asio::io_context& io, const FleetOptions& options, const std::string& name, RecordedInstance record,
                     bool can_spare_listeners, std::function<void()> on_done)
    : io_(io), name_(name), can_spare_listeners_(can_spare_listeners), on_done_(std::move(on_done)), timer_(io) {
    adopted_.record = std::move(record);
    ask(rendezvous_path(options, name, adopted_.record.generation));
}

void Candidate::ask(const std::string& path) {
    auto connected = connect_rendezvous(path);
    if (!connected) return later(connected.error().message());
    if (const auto sent = link::send(connected->get(), link::encode(link::EmperorMessage(link::Attach{}))); !sent)
        return later(sent.error().message());
    duplicate_ = UniqueFd(::fcntl(connected->get(), F_DUPFD_CLOEXEC, 0));
    reader_ = std::make_unique<ChannelReader>(
        io_, std::move(*connected), [this](link::Packet packet) { answer(std::move(packet)); },
        [this] { later("it closed the link"); });
    timer_.arm_after(answer_patience, [this] { refuse("no answer"); });
}

// Never from inside the constructor or a reader's turn.
void Candidate::later(std::string why) {
    timer_.arm_after({}, [this, why = std::move(why)] { refuse(why); });
}

void Candidate::answer(link::Packet packet) {
    if (is_done() || child_) return;
    const RecordedInstance& record = adopted_.record;
    if (!packet.sender || packet.sender->pid != record.pid) {
        const std::string who = packet.sender ? "pid " + std::to_string(packet.sender->pid) : "somebody unknown";
        return later(who + " answered in the place of pid " + std::to_string(record.pid) + ": an impostor");
    }
    const auto message = link::decode_master_message(packet.payload);
    if (!message) return later(message.error().message());
    const auto* snapshot = std::get_if<link::Snapshot>(&*message);
    if (!snapshot) return;  // a message that was on its way
    const bool is_known_state = snapshot->version == link::protocol_version;
    if (is_known_state && snapshot->name != name_) {
        log::error("master not adopted", {{"vassal", name_}, {"pid", record.pid}, {"reason", "it runs '" + snapshot->name + "'"},
                                          {"action", "left alone"}});
        return timer_.arm_after({}, [this] { gone(); });
    }
    if (is_known_state && !can_go_on(snapshot->state)) {
        return timer_.arm_after({}, [this, state = snapshot->state] { end("it was " + state); });
    }
    if (const auto taken = take(adopted_, *snapshot, std::move(packet.fds)); !taken) return later(taken.error().message());
    auto process = process::open_process(record.pid, record.start_ticks);
    if (!process) return later("it ended");
    (void)link::name_senders(duplicate_.get(), false);
    adopted_.process = std::move(*process);
    adopted_.link = std::move(duplicate_);
    is_adopted_ = true;
    timer_.disarm();
    // From here on the instance reads the link.
    reader_->close();
    on_done_();
}

void Candidate::refuse(const std::string& why) {
    if (is_done() || child_) return;
    const RecordedInstance& record = adopted_.record;
    auto process = process::open_process(record.pid, record.start_ticks);
    // What one that accepts nothing still does, needs nobody's help. A standby that hears nothing is none.
    const bool is_draining = record.state == "draining" || record.state == "suspended";
    const bool can_stay = is_draining || (record.state == "serving" && can_spare_listeners_);
    if (!process || !can_stay) return end(why);
    const char* action = is_draining ? "it finishes what it accepted" : "it serves until its successor is ready";
    log::warn("master not reached", {{"vassal", name_}, {"generation", record.generation}, {"pid", record.pid},
                                     {"reason", why}, {"action", action}});
    timer_.disarm();
    reader_.reset();
    duplicate_.reset();
    adopted_.process = std::move(*process);
    adopted_.unlinked_because = why;
    adopted_.is_draining = is_draining;
    is_adopted_ = true;
    on_done_();
}

void Candidate::end(const std::string& why) {
    if (is_done() || child_) return;
    const RecordedInstance& record = adopted_.record;
    log::warn("master not adopted", {{"vassal", name_}, {"generation", record.generation}, {"pid", record.pid}, {"reason", why}});
    timer_.disarm();
    reader_.reset();
    auto process = process::open_process(record.pid, record.start_ticks);
    if (!process) return gone();
    child_ = std::make_unique<process::Child>(io_, std::move(*process), [this](const common::ExitStatus&) { gone(); });
    child_->signal(SIGTERM);
    // The master alone: its workers then drain by themselves, and requests are inside of them.
    timer_.arm_after(term_patience, [this] { child_->signal(SIGKILL); });
}

void Candidate::gone() {
    timer_.disarm();
    is_gone_ = true;
    on_done_();
}

}  // namespace emperor::fleet
