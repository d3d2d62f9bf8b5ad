// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/adoption.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "common/log/log.h"
#include "emperor/fleet/instance.h"
#include "emperor/fleet/orphan_record.h"
#include "emperor/fleet/vassal_host.h"
#include "emperor/process/listeners.h"
#include "emperor/process/orphans.h"
#include "emperor/process/unix_listener.h"

namespace emperor::fleet {

namespace link = common::link;
namespace log = common::log;
using common::Result;
using common::UniqueFd;

namespace {

constexpr auto answer_patience = std::chrono::seconds(2);
constexpr auto term_patience = std::chrono::seconds(2);

Result<UniqueFd> connect_to(const std::string& path) {
    const auto directory = process::open_directory_of(path);
    if (!directory) return directory.error();
    const std::string reached = "/proc/self/fd/" + std::to_string(directory->get()) + "/" + process::base_name(path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (reached.size() >= sizeof address.sun_path) return common::failure("rendezvous socket: name too long");
    std::memcpy(address.sun_path, reached.data(), reached.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("rendezvous socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return common::system_error("connect " + path);
    return fd;
}

bool is_channel(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

// The descriptors of a snapshot, each checked against the record.
Result<void> take(AdoptedInstance& into, const link::Snapshot& snapshot, std::vector<UniqueFd> fds) {
    const RecordedInstance& record = into.record;
    if (snapshot.version != link::protocol_version) return common::failure("it speaks another version of the link protocol");
    if (snapshot.generation != record.generation) return common::failure("it is another generation");
    into.is_draining = snapshot.state == "draining";
    into.is_standby = snapshot.state == "suspended";
    if (snapshot.state != "serving" && !into.is_draining && !into.is_standby) return common::failure("it was " + snapshot.state);
    const auto& listen = record.deployment->effective->config.listen;
    if (fds.size() != listen.size() + 2 || record.socket_inodes.size() != listen.size())
        return common::failure("it handed over an unexpected number of descriptors");
    for (std::size_t i = 0; i < listen.size(); ++i) {
        const process::Listener probe(listen[i], UniqueFd(::fcntl(fds[i].get(), F_DUPFD_CLOEXEC, 0)));
        if (!process::is_listener_for(fds[i].get(), listen[i]) || probe.socket_inode() != record.socket_inodes[i])
            return common::failure("it handed over a socket that is not " + listen[i].text());
        into.listeners.push_back(std::move(fds[i]));
    }
    auto board = common::scoreboard::map(fds[listen.size()].get());
    if (!board) return board.error();
    if (!is_channel(fds[listen.size() + 1].get())) return common::failure("its log channel is not one");
    (void)::fcntl(fds[listen.size() + 1].get(), F_SETFL, O_NONBLOCK);
    into.board = std::move(*board);
    into.scoreboard = std::move(fds[listen.size()]);
    into.log = std::move(fds[listen.size() + 1]);
    into.minor = snapshot.minor;
    return {};
}

}  // namespace

LeftBehind find_adoptable(const FleetOptions& options) {
    LeftBehind found;
    const std::string program = std::filesystem::path(options.vassal_program).filename().string();
    std::error_code code;
    for (std::filesystem::directory_iterator item(options.vassals_directory(), code), end; !code && item != end;
         item.increment(code)) {
        if (!item->is_directory(code)) continue;  // the orphans' file
        const std::string directory = item->path().string();
        AdoptableVassal vassal{item->path().filename().string(), {}};
        auto record = read_record(directory);
        if (!record) {
            log::error("record not understood", {{"vassal", vassal.name}, {"reason", record.error().message()}});
            continue;  // reported and left alone
        }
        for (RecordedInstance& instance : *record) {
            if (process::open_process(instance.pid, instance.start_ticks)) {
                vassal.instances.push_back(std::move(instance));
                continue;
            }
            log::info("former master is gone", {{"vassal", vassal.name}, {"pid", instance.pid}});
            if (process::has_orphan_that_runs(program, instance.pid))
                found.gone.push_back({instance.pid, instance.deployment->spec->drain_timeout});
        }
        if (vassal.instances.empty()) remove_record(directory);
        else found.vassals.push_back(std::move(vassal));
    }
    for (const RecordedOrphans& orphans : read_orphans(options.orphans_file()))
        if (process::has_orphan_that_runs(program, orphans.leader)) found.gone.push_back({orphans.leader, orphans.patience});
    return found;
}

void adopt_into(VassalHost& host, AdoptionResult result) {
    for (AdoptedInstance& item : result.instances) {
        InstanceParts parts;
        parts.generation = item.record.generation;
        parts.bank = item.record.bank;
        parts.launch = std::make_shared<Launch>();
        parts.launch->deployment = item.record.deployment;
        parts.launch->has_listeners = true;
        for (std::size_t i = 0; i < item.listeners.size(); ++i)
            parts.launch->listeners.push_back(host.listeners().adopt(*item.record.deployment, i, std::move(item.listeners[i])));
        parts.process = std::move(item.process);
        parts.link = std::move(item.link);
        parts.log = std::move(item.log);
        parts.is_child = false;
        parts.started_us = item.record.started_us;
        parts.minor = item.minor;
        const AdoptedAs role{item.is_draining, item.is_standby, item.record.observed_until_us};
        host.adopt(std::move(parts), std::move(item.scoreboard), std::move(item.board), role);
    }
}

// One recorded master: asked, then adopted or ended.
class Adoption::Candidate {
public:
    Candidate(boost::asio::io_context& io, const FleetOptions& options, const std::string& name, RecordedInstance record,
              std::function<void()> on_done)
        : io_(io), name_(name), on_done_(std::move(on_done)), timer_(io) {
        adopted_.record = std::move(record);
        ask(rendezvous_path(options, name, adopted_.record.generation));
    }

    [[nodiscard]] bool is_done() const noexcept { return is_adopted_ || is_gone_; }
    [[nodiscard]] bool is_adopted() const noexcept { return is_adopted_; }
    [[nodiscard]] AdoptedInstance take_adopted() { return std::move(adopted_); }

    void end(const std::string& why) {
        if (is_done() || child_) return;
        const RecordedInstance& record = adopted_.record;
        log::warn("master not adopted", {{"vassal", name_}, {"generation", record.generation}, {"pid", record.pid}, {"reason", why}});
        timer_.disarm();
        reader_.reset();
        auto process = process::open_process(record.pid, record.start_ticks);
        if (!process) return gone();
        child_ = std::make_unique<process::Child>(io_, std::move(*process), [this](const common::ExitStatus&) { gone(); });
        child_->signal(SIGTERM);
        timer_.arm_after(term_patience, [this] { child_->kill_all(); });
    }

private:
    void ask(const std::string& path) {
        auto connected = connect_to(path);
        if (!connected) return later(connected.error().message());
        if (const auto sent = link::send(connected->get(), link::encode(link::EmperorMessage(link::Attach{}))); !sent)
            return later(sent.error().message());
        duplicate_ = UniqueFd(::fcntl(connected->get(), F_DUPFD_CLOEXEC, 0));
        reader_ = std::make_unique<ChannelReader>(
            io_, std::move(*connected), [this](link::Packet packet) { answer(std::move(packet)); },
            [this] { later("it closed the link"); });
        timer_.arm_after(answer_patience, [this] { end("no answer"); });
    }

    // Never from inside the constructor or a reader's turn.
    void later(std::string why) {
        timer_.arm_after({}, [this, why = std::move(why)] { end(why); });
    }

    void answer(link::Packet packet) {
        if (is_done() || child_) return;
        const auto message = link::decode_master_message(packet.payload);
        if (!message) return later(message.error().message());
        const auto* snapshot = std::get_if<link::Snapshot>(&*message);
        if (!snapshot) return;  // a message that was on its way
        if (const auto taken = take(adopted_, *snapshot, std::move(packet.fds)); !taken) return later(taken.error().message());
        auto process = process::open_process(adopted_.record.pid, adopted_.record.start_ticks);
        if (!process) return later("it ended");
        adopted_.process = std::move(*process);
        adopted_.link = std::move(duplicate_);
        is_adopted_ = true;
        timer_.disarm();
        // From here on the instance reads the link.
        reader_->close();
        on_done_();
    }

    void gone() {
        timer_.disarm();
        is_gone_ = true;
        on_done_();
    }

    boost::asio::io_context& io_;
    std::string name_;
    std::function<void()> on_done_;
    process::Timer timer_;
    std::unique_ptr<ChannelReader> reader_;
    UniqueFd duplicate_;  // of the link, for the instance
    std::unique_ptr<process::Child> child_;  // set: it is being ended
    AdoptedInstance adopted_;
    bool is_adopted_ = false;
    bool is_gone_ = false;
};

Adoption::Adoption(boost::asio::io_context& io, const FleetOptions& options, AdoptableVassal vassal, OnFinished on_finished)
    : name_(std::move(vassal.name)), on_finished_(std::move(on_finished)), io_(io), alive_(std::make_shared<bool>(true)) {
    for (RecordedInstance& record : vassal.instances)
        candidates_.push_back(std::make_unique<Candidate>(io, options, name_, std::move(record), [this] { candidate_done(); }));
}

Adoption::~Adoption() { *alive_ = false; }

void Adoption::give_up() {
    for (const auto& candidate : candidates_) candidate->end("the emperor shuts down");
}

// Posted: the candidate that reports is on the stack.
void Adoption::candidate_done() {
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive || is_finished_) return;
        if (!std::all_of(candidates_.begin(), candidates_.end(), [](const auto& c) { return c->is_done(); })) return;
        is_finished_ = true;
        AdoptionResult result{name_, {}};
        for (const auto& candidate : candidates_) {
            if (candidate->is_adopted()) result.instances.push_back(candidate->take_adopted());
        }
        std::stable_sort(result.instances.begin(), result.instances.end(),
                         [](const AdoptedInstance& a, const AdoptedInstance& b) {
                             return std::pair(a.is_draining, a.is_standby) < std::pair(b.is_draining, b.is_standby);
                         });
        on_finished_(std::move(result));
    });
}

}  // namespace emperor::fleet
