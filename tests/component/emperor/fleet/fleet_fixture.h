// SPDX-License-Identifier: Apache-2.0
// A fleet on a temporary directory with the scripted vassal: write files, run the loop until something is true.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <iterator>
#include <string>

#include "common/log/log.h"
#include "emperor/fleet/fleet.h"
#include "emperor/process/orphans.h"

namespace emperor::fleet {

struct FleetTest : testing::Test {
    std::filesystem::path root;
    boost::asio::io_context io;
    std::unique_ptr<Fleet> fleet;
    FleetOptions options;     // a test may change it before start()
    std::vector<pid_t> seen;  // every master that a test looked at

    FleetTest() {
        const char* log = ::getenv("FLEET_TEST_LOG");  // for whoever looks into a failure
        common::log::configure({.level = common::log::Level::debug, .file = log ? log : "/dev/null"});
        std::string pattern = testing::TempDir() + "fleet-XXXXXX";
        root = ::mkdtemp(pattern.data());
        for (const char* part : {"apps", "run/sockets", "run/stats", "run/vassals"})
            std::filesystem::create_directories(root / part);
    }

    ~FleetTest() override {
        if (fleet) stop();
        for (const pid_t pid : seen) {
            ::kill(pid, 0);
            for (const pid_t orphan : process::orphans_of(pid)) ::kill(orphan, SIGKILL);
        }
        std::filesystem::remove_all(root);
    }

    void write(const std::string& name, const std::string& script, const std::string& more = "") {
        const auto temporary = root / ("." + name + ".new");
        std::ofstream(temporary) << "app: fake:" << script << "\n" << more;
        std::filesystem::rename(temporary, root / "apps" / (name + ".yaml"));
    }

    void write_text(const std::string& name, const std::string& text) {
        const auto temporary = root / ("." + name + ".new");
        std::ofstream(temporary) << text;
        std::filesystem::rename(temporary, root / "apps" / (name + ".yaml"));
    }

    void start() {
        io.restart();
        options.directories = {(root / "apps").string()};
        options.runtime_directory = (root / "run").string();
        options.vassal_program = std::string(TEST_BINARY_DIR) + "/bin/fake_vassal";
        ::getrlimit(RLIMIT_NOFILE, &options.open_files);
        fleet = std::make_unique<Fleet>(io, options);
        fleet->start();
    }

    [[nodiscard]] bool run_until(const std::function<bool()>& condition,
                                 std::chrono::milliseconds patience = std::chrono::seconds(15)) {
        const auto deadline = common::Clock::now() + patience;
        while (!condition()) {
            if (common::Clock::now() >= deadline) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(20));
        }
        return true;
    }

    // True when everything ended within its deadlines.
    bool stop(supervise::StopMode mode = supervise::StopMode::graceful) {
        bool stopped = false;
        fleet->shut_down(mode, [&] { stopped = true; });
        const bool in_time = run_until([&] { return stopped; }, std::chrono::seconds(20));
        fleet.reset();
        io.restart();
        io.poll();
        return in_time;
    }

    // Beyond its own ends: the keeper starts beside the fleet, and may be slower (under a sanitizer).
    static bool keeper_holds_sockets() {
        namespace fs = std::filesystem;
        std::error_code code;
        std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
        for (std::string pid; children >> pid;) {
            std::ifstream file("/proc/" + pid + "/cmdline");
            const std::string line{std::istreambuf_iterator<char>(file), {}};
            if (line.find("--keeper") == std::string::npos) continue;
            for (fs::directory_iterator fd("/proc/" + pid + "/fd", code), end; !code && fd != end; fd.increment(code)) {
                const bool is_own = std::stoi(fd->path().filename().string()) <= 4;
                if (!is_own && fs::read_symlink(fd->path(), code).string().starts_with("socket:")) return true;
            }
        }
        return false;
    }
    // The emperor's program as keeper: listeners outlive their master then.
    void use_keeper() { options.keeper_program = std::string(TEST_BINARY_DIR) + "/bin/emperor"; }

    // As `kill -9` of the emperor: nothing is told to anybody.
    void die() {
        if (!options.keeper_program.empty()) {
            EXPECT_TRUE(run_until([] { return keeper_holds_sockets(); }));
        }
        fleet->leave();
        fleet.reset();
        io.restart();
        io.poll();
    }

    [[nodiscard]] VassalView view(const std::string& name) const { return fleet->view(name).value_or(VassalView{}); }
    [[nodiscard]] bool is_in(const std::string& name, supervise::DisplayState state) const {
        const auto found = fleet->view(name);
        return found && found->status.state == state;
    }
    [[nodiscard]] bool is_running(const std::string& name) const { return is_in(name, supervise::DisplayState::running); }

    pid_t master_of(const std::string& name) {
        for (const auto& instance : view(name).instances) {
            if (instance.role == "active") {
                seen.push_back(instance.master_pid);
                return instance.master_pid;
            }
        }
        return 0;
    }

    [[nodiscard]] std::string socket_of(const std::string& name) const {
        return (root / "run/sockets" / (name + ".sock")).string();
    }

    // A client that waits in the listener's queue.
    [[nodiscard]] static common::UniqueFd connect_to(const std::string& path) {
        common::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
        return fd;
    }

    // What the fake answers: "GENERATION PID"; empty when the connection failed or was cut.
    [[nodiscard]] std::string answer_on(const common::UniqueFd& client) {
        std::string text;
        (void)run_until([&] {
            char buffer[64];
            const ssize_t got = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
            return got == 0 || (got < 0 && errno != EAGAIN);
        });
        return text;
    }
    [[nodiscard]] std::string ask(const std::string& name) {
        const auto client = connect_to(socket_of(name));
        return client ? answer_on(client) : "";
    }

    Outcome operate(const std::string& name, supervise::Operation operation) {
        std::optional<Outcome> outcome;
        fleet->request(name, operation, {::getuid(), ::getpid(), "tester"}, [&](const Outcome& o) { outcome = o; });
        EXPECT_FALSE(outcome.has_value()) << "done must not be called from inside request()";
        EXPECT_TRUE(run_until([&] { return outcome.has_value(); }));
        return outcome.value_or(Outcome{});
    }

    [[nodiscard]] static bool exists(const std::filesystem::path& path) {
        return std::filesystem::exists(std::filesystem::symlink_status(path));
    }
    [[nodiscard]] static bool is_alive(pid_t pid) { return process::start_ticks_of(pid).has_value(); }
    [[nodiscard]] static ino_t inode_of(const std::string& path) {
        struct stat found {};
        return ::lstat(path.c_str(), &found) == 0 ? found.st_ino : 0;
    }
};

}  // namespace emperor::fleet
