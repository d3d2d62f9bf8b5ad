// SPDX-License-Identifier: Apache-2.0
// A real mold process with an interpreter of C++; the test plays the master.
#include "vassal/mold/mold.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "common/link/channel.h"
#include "common/scoreboard/scoreboard.h"
#include "vassal/link/worker_messages.h"
#include "vassal/mold/worker_main.h"

namespace vassal::mold {
namespace {

using common::UniqueFd;
using testing::HasSubstr;

constexpr int patience_ms = 10'000;

class NoApplication : public app::Application {
public:
    void enter_thread() override {}
    void leave_thread() override {}
    void release() noexcept override {}
    void acquire() noexcept override {}
    void dump_tracebacks(int) const noexcept override {}
    [[nodiscard]] bool holds_lock() const noexcept override { return false; }
    void serve(const app::Request&, app::Response&) noexcept override {}
};

// Tells its life on standard output; "fail" and "threads" as the app's name make it misbehave.
class FakeInterpreter : public python::Interpreter {
public:
    explicit FakeInterpreter(std::string app) : app_(std::move(app)) {}

    std::unique_ptr<python::LoadFailure> load() override {
        if (app_ != "fail") return nullptr;
        return std::make_unique<python::LoadFailure>(
            python::LoadFailure{"import", "NameError: x", std::string(200'000, 'x') + "the end"});
    }
    std::vector<std::string> new_sources() override { return {"/srv/shop/main.py"}; }
    app::Application& application() override { return application_; }
    std::unique_ptr<python::LoadFailure> start_work(int worker) override {
        if (app_ == "bad hook")
            return std::make_unique<python::LoadFailure>(python::LoadFailure{"postfork", "OSError: db", "traceback"});
        print("worker " + std::to_string(worker));
        return nullptr;
    }
    std::vector<std::string> prepare_to_fork() override {
        return app_ == "threads" ? std::vector<std::string>{"poller", "cache"} : std::vector<std::string>{};
    }
    void before_fork() override { hooks_ += "before "; }
    void after_fork_parent() override { hooks_ = ""; }
    void after_fork_child() override { hooks_ += "child "; }
    void run_exit_handlers() override { print(hooks_ + "exit handlers"); }

    static void print(const std::string& text) {
        static_cast<void>(::write(STDOUT_FILENO, (text + "\n").c_str(), text.size() + 1) + 1);
    }

private:
    std::string app_;
    std::string hooks_;
    NoApplication application_;
};

class Mold : public testing::Test {
protected:
    void SetUp() override { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
    void TearDown() override {
        link.reset();
        while (::waitpid(-1, nullptr, 0) > 0) continue;
    }

    void start(const std::string& app) {
        config.app = app;
        auto channel = std::move(common::link::make_channel().value());
        pid = ::fork();
        if (pid == 0) {
            channel.first.reset();
            ::_exit(mold_main(shop(), channel.second.get()));
        }
        link = std::move(channel.first);
    }

    // Never destroyed in the children, which only _exit.
    Shop shop() {
        static const std::vector<std::string> environment = {"COLOR=blue"};
        Shop result;
        result.name = "shop";
        result.config = &config;
        result.environment = &environment;
        result.board = &board.board();
        result.set_title = [](std::string_view) {};
        result.start_interpreter = [](const python::InterpreterOptions& options, python::LoadFailure&) {
            return std::make_unique<FakeInterpreter>(options.app);
        };
        result.run_worker = [](const worker::WorkerOptions& options, app::Application&) {
            FakeInterpreter::print(std::string("serving, COLOR=") + std::getenv("COLOR"));
            link::WorkerMessage ready = link::Ready{};
            static_cast<void>(common::link::send(options.link, link::encode(ready)));
            pollfd order{options.link, POLLIN, 0};
            ::poll(&order, 1, patience_ms);
            return 21;
        };
        return result;
    }

    template <class T>
    T expect(int fd, common::link::Packet* whole = nullptr) {
        pollfd ready{fd, POLLIN, 0};
        if (::poll(&ready, 1, patience_ms) == 1) {
            auto received = common::link::receive(fd);
            if (received && received->state == common::link::ReceiveState::packet) {
                auto message = link::decode_worker_message(received->packet.payload);
                if (message && std::holds_alternative<T>(*message)) {
                    if (whole != nullptr) *whole = std::move(received->packet);
                    return std::get<T>(*message);
                }
            }
        }
        ADD_FAILURE() << "another message, or none";
        return T{};
    }

    struct Ordered {
        UniqueFd link, out;
        pid_t pid = 0;
        UniqueFd pidfd;
    };
    Ordered order_worker(int number) {
        auto channel = std::move(common::link::make_channel().value());
        int out[2];
        EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
        Ordered worker{std::move(channel.first), UniqueFd(out[0]), 0, {}};
        const UniqueFd write_end(out[1]);
        const int fds[] = {channel.second.get(), write_end.get(), write_end.get()};
        const link::MasterOrder order = link::ForkWorker{number};
        EXPECT_TRUE(common::link::send(link.get(), link::encode(order), fds));
        channel.second.reset();
        common::link::Packet packet;
        worker.pid = expect<link::Started>(worker.link.get(), &packet).pid;
        if (packet.fds.size() == 1) worker.pidfd = std::move(packet.fds[0]);
        return worker;
    }
    static std::string read_all(int fd) {
        std::string text;
        char buffer[4096];
        for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(size));
        return text;
    }

    common::config::VassalConfig config;
    UniqueFd board_fd = std::move(common::scoreboard::create("shop").value());
    common::scoreboard::Mapping board = std::move(common::scoreboard::map(board_fd.get()).value());
    UniqueFd link;
    pid_t pid = -1;
};

TEST_F(Mold, a_forked_worker_is_the_master_s_own_child_and_serves) {
    start("ok");
    expect<link::Ready>(link.get());
    Ordered worker = order_worker(2);
    ASSERT_GT(worker.pid, 0);
    ASSERT_TRUE(worker.pidfd);
    expect<link::Ready>(worker.link.get());
    worker.link.reset();
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(worker.pidfd.get()), &info, WEXITED), 0);
    EXPECT_EQ(info.si_pid, worker.pid);
    EXPECT_EQ(info.si_status, 21);
    EXPECT_EQ(read_all(worker.out.get()), "worker 2\nserving, COLOR=blue\nbefore child exit handlers\n");
}

TEST_F(Mold, it_forks_as_often_as_it_is_told_and_ends_with_its_link) {
    start("ok");
    expect<link::Ready>(link.get());
    Ordered workers[] = {order_worker(1), order_worker(2), order_worker(3)};
    EXPECT_NE(workers[0].pid, workers[2].pid);
    link.reset();
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    for (Ordered& worker : workers) expect<link::Ready>(worker.link.get());  // they live on
}

TEST_F(Mold, a_failed_import_is_told_with_the_end_of_its_traceback) {
    start("fail");
    const auto failed = expect<link::Failed>(link.get());
    EXPECT_EQ(failed.step, "import");
    EXPECT_EQ(failed.reason, "NameError: x");
    EXPECT_THAT(failed.detail, HasSubstr("the end"));
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(Mold, a_failed_hook_fails_the_worker_and_not_the_mold) {
    start("bad hook");
    expect<link::Ready>(link.get());
    Ordered worker = order_worker(1);
    const auto failed = expect<link::Failed>(worker.link.get());
    EXPECT_EQ(failed.step + "|" + failed.reason, "postfork|OSError: db");
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(worker.pidfd.get()), &info, WEXITED), 0);
    EXPECT_EQ(info.si_status, 1);
    EXPECT_EQ(read_all(worker.out.get()), "before child exit handlers\n") << "it never served";
    Ordered another = order_worker(2);
    EXPECT_EQ(expect<link::Failed>(another.link.get()).step, "postfork");
}

TEST_F(Mold, an_app_with_live_threads_is_not_forked_and_the_threads_are_named) {
    start("threads");
    EXPECT_EQ(expect<link::Unforkable>(link.get()).threads, "poller, cache");
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace vassal::mold
