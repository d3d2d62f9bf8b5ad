// SPDX-License-Identifier: Apache-2.0
#include "emperor/upgrade.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>

#include "common/log/log.h"
#include "emperor/emperor.h"
#include "emperor/process/spawn.h"

namespace emperor {

namespace log = common::log;
using common::Result;

namespace {

constexpr auto trial_patience = std::chrono::seconds(30);
// Where a package manager has replaced the file, the link to the running program says so.
constexpr std::string_view deleted = " (deleted)";

std::string program_on_disk() {
    std::string path = own_program();
    if (path.ends_with(deleted)) path.resize(path.size() - deleted.size());
    return path;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

}  // namespace

Upgrade::Upgrade(boost::asio::io_context& io, std::vector<std::string> arguments, rlimit open_files)
    : io_(io), arguments_(std::move(arguments)), open_files_(open_files), program_(program_on_disk()),
      running_(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), patience_(io) {}

void Upgrade::try_program(std::function<void(const Result<void>&)> done) {
    if (done_) {
        return boost::asio::post(io_, [done = std::move(done)] {
            done(common::failure("another upgrade is under way"));
        });
    }
    done_ = std::move(done);
    process::SpawnRequest request;
    request.program = program_;
    request.arguments = arguments_;
    request.arguments.emplace_back("--can-start");
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        if (!process::is_for_service_manager(*entry)) request.environment.emplace_back(*entry);
    }
    request.open_files = open_files_;
    request.ends_with_parent = true;  // one that hangs is nobody's otherwise
    auto spawned = process::spawn(request);
    if (!spawned) return boost::asio::post(io_, [this, error = spawned.error()] { finish(error); });
    trial_ = std::make_unique<process::Child>(io_, std::move(*spawned), [this](const common::ExitStatus& status) {
        if (status.is_success()) return finish({});
        finish(common::failure(program_ + " cannot take over: " + status.text() + ", see the emperor's log"));
    });
    patience_.arm_after(trial_patience, [this] {
        trial_->kill_all();
        finish(common::failure(program_ + " cannot take over: it did not say within 30 s whether it can start"));
    });
}

void Upgrade::finish(const Result<void>& result) {
    patience_.disarm();
    // The Child that reports may be on the stack; its end is a turn away.
    boost::asio::post(io_, [trial = std::shared_ptr(std::move(trial_))] {});
    if (const auto done = std::exchange(done_, nullptr)) done(result);
}

void Upgrade::execute(const process::InheritedSockets& inherited) const {
    inherited.keep_over_exec();
    (void)::setrlimit(RLIMIT_NOFILE, &open_files_);
    // Until the new program handles them they would end it; and it opens its log and looks at its directories anyway.
    for (const int number : {SIGHUP, SIGUSR1}) ::signal(number, SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const std::vector<char*> arguments = pointers(arguments_);
    ::execv(program_.c_str(), arguments.data());
    log::error("upgrade failed, going on with the former program",
               {{"reason", common::system_error("exec " + program_).message()}});
    ::fexecve(running_.get(), arguments.data(), ::environ);
    log::error("cannot go on", {{"reason", common::system_error("exec of the former program").message()}});
}

}  // namespace emperor
