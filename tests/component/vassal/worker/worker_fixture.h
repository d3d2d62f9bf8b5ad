// SPDX-License-Identifier: Apache-2.0
// A worker in a thread of the test, with an application of a few lines of C++, and a client for it. Every wait of the
// client is bounded, so that a silent worker fails the test.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/link/channel.h"
#include "vassal/link/worker_messages.h"
#include "vassal/worker/worker.h"

namespace vassal::worker {

// Memory that a forked worker shares with the test. Zeros are a fresh T.
template <class T>
struct Unmap {
    void operator()(T* memory) const { ::munmap(memory, sizeof(T)); }
};
template <class T>
using InSharedMemory = std::unique_ptr<T, Unmap<T>>;
template <class T>
InSharedMemory<T> share() {
    return InSharedMemory<T>(
        static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)));
}

// Routes by PATH_INFO. The lock is real, so that a forgotten release() shows as a deadlock.
class FakeApplication final : public app::Application {
public:
    using Handler = std::function<void(const app::Request&, app::Response&)>;

    std::map<std::string, Handler, std::less<>> routes;
    std::atomic<int> served{0};
    std::mutex lock;  // the interpreter lock
    bool says_it_holds_lock = false;

    void enter_thread() override {
        if (std::this_thread::get_id() != main) lock.lock();
    }
    void leave_thread() override { lock.unlock(); }
    void release() noexcept override { lock.unlock(); }
    void acquire() noexcept override { lock.lock(); }
    void dump_tracebacks(int fd) const noexcept override { static_cast<void>(!::write(fd, "where the app is\n", 17)); }
    void dump_own_traceback(int fd) const noexcept override {
        constexpr std::string_view stack =
            "Stack (most recent call first):\n  File \"/srv/shop/views.py\", line 12 in query\n"
            "  File \"/srv/shop/main.py\", line 3 in application\n";
        static_cast<void>(!::write(fd, stack.data(), stack.size()));
    }
    [[nodiscard]] bool holds_lock() const noexcept override { return says_it_holds_lock; }
    void serve(const app::Request& request, app::Response& response) noexcept override {
        ++served;
        const std::string_view path = value(request, "PATH_INFO");
        if (const auto route = routes.find(path); route != routes.end()) return route->second(request, response);
        answer(response, path == "/" ? "hello" : std::string(path));
    }

    static std::string_view value(const app::Request& request, std::string_view key) {
        for (const app::Param& param : request.params) {
            if (param.key == key) return param.value;
        }
        return "(absent)";
    }
    static void answer(app::Response& response, std::string_view body) {
        response.start("200 OK");
        response.header("Content-Type", "text/plain");
        response.finish({&body, 1});
    }

    std::thread::id main;
};

// A route that tells when it was entered and answers when it may.
struct Held {
    std::counting_semaphore<8> entered{0};
    std::counting_semaphore<8> may_answer{0};

    FakeApplication::Handler handler(FakeApplication& app) {
        return [this, &app](const app::Request&, app::Response& response) {
            app.release();
            entered.release();
            may_answer.acquire();
            app.acquire();
            FakeApplication::answer(response, "held");
        };
    }
};

class Client {
public:
    explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        is_connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        EXPECT_TRUE(is_connected_) << std::strerror(errno);
    }
    explicit Client(common::UniqueFd connected) : fd_(std::move(connected)), is_connected_(true) {}
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    void end_of_input() { ::shutdown(fd_.get(), SHUT_WR); }
    void disconnect() { fd_.reset(); }
    // Until the text ends with `end`, or the connection does. "…TIMEOUT" when the worker is silent for ten seconds,
    // "…RESET" when it resets the connection.
    std::string read_until(std::string_view end) {
        std::string text;
        while (end.empty() || !text.ends_with(end)) {
            pollfd readable{fd_.get(), POLLIN, 0};
            if (::poll(&readable, 1, 10'000) <= 0) return text + "TIMEOUT";
            std::array<char, 65536> buffer;
            const ssize_t count = ::recv(fd_.get(), buffer.data(), end.empty() ? buffer.size() : 1, 0);
            if (count < 0) return text + "RESET";
            if (count == 0) return text;
            text.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return text;
    }
    std::string read_all() { return read_until({}); }
    std::string ask(std::string_view bytes) {
        send(bytes);
        return read_all();
    }
    [[nodiscard]] bool is_silent_for(int milliseconds) const {
        pollfd readable{fd_.get(), POLLIN, 0};
        return ::poll(&readable, 1, milliseconds) == 0;
    }

private:
    common::UniqueFd fd_;
    bool is_connected_ = false;
};

class WorkerTest : public testing::Test {
protected:
    WorkerTest() {
        std::string name = "/tmp/worker-test-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        config.timeouts.kill = std::chrono::milliseconds(2000);
    }
    ~WorkerTest() override {
        if (thread_.joinable()) static_cast<void>(stop());
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
            ::waitpid(process_, nullptr, 0);
        }
        std::filesystem::remove_all(directory_);
    }

    static std::string uwsgi(std::string_view path, const std::string& body = {},
                             std::vector<std::pair<std::string, std::string>> more = {}) {
        more.insert(more.end(), {{"REQUEST_METHOD", body.empty() ? "GET" : "POST"},
                                 {"PATH_INFO", std::string(path)},
                                 {"CONTENT_LENGTH", std::to_string(body.size())},
                                 {"SERVER_PROTOCOL", "HTTP/1.1"}});
        std::string block;
        const auto sized = [&block](const std::string& text) {
            block += {static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
            block += text;
        };
        for (const auto& [key, value] : more) sized(key), sized(value);
        return std::string{'\0', static_cast<char>(block.size() & 0xff), static_cast<char>(block.size() >> 8), '\0'} +
               block + body;
    }
    static std::string record(int type, int id, const std::string& content = {}) {
        const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
        return std::string{1,
                           static_cast<char>(type),
                           0,
                           static_cast<char>(id),
                           byte(content.size() >> 8),
                           byte(content.size()),
                           0,
                           0} +
               content;
    }
    static std::string begin_record(int id, bool keep) {
        return record(1, id, {0, 1, static_cast<char>(keep), 0, 0, 0, 0, 0});
    }
    // Without STDIN.
    static std::string fastcgi_head(std::string_view path, std::string_view length, bool keep, int id = 1) {
        const std::vector<std::pair<std::string, std::string>> pairs{
            {"REQUEST_METHOD", "POST"}, {"PATH_INFO", std::string(path)}, {"CONTENT_LENGTH", std::string(length)}};
        std::string block;
        for (const auto& [key, value] : pairs) {
            block += {static_cast<char>(key.size()), static_cast<char>(value.size())};
            block += key + value;
        }
        return begin_record(id, keep) + record(4, id, block) + record(4, id);
    }
    static std::string fastcgi(std::string_view path, const std::string& body = {}, bool keep = false, int id = 1) {
        std::string text = fastcgi_head(path, std::to_string(body.size()), keep, id);
        for (std::size_t at = 0; at < body.size(); at += 60'000) text += record(5, id, body.substr(at, 60'000));
        return text + record(5, id);
    }
    static std::string scgi(std::string_view path, const std::string& body = {}) {
        using namespace std::string_literals;
        const std::string block = "CONTENT_LENGTH\0"s + std::to_string(body.size()) +
                                  "\0SCGI\0001\0REQUEST_METHOD\0POST\0PATH_INFO\0"s + std::string(path) + "\0"s;
        return std::to_string(block.size()) + ":" + block + "," + body;
    }
    static std::string http(std::string_view path, std::string_view fields = {}) {
        return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
    }

    void listen(common::net::Protocol protocol) {
        const std::string path = directory_ + "/" + std::to_string(listeners_.size());
        common::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(fd.get(), 1024), 0);
        options_.listeners.push_back({fd.get(), protocol, "localhost", "80"});
        listeners_.push_back(std::move(fd));
    }
    // On loopback, with small buffers on both sides, so that a client that does not read leaves much with the worker.
    void listen_on_tcp(common::net::Protocol protocol) {
        common::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int size = 32 * 1024;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(fd.get(), 1024), 0);
        options_.listeners.push_back({fd.get(), protocol, "localhost", "80"});
        listeners_.push_back(std::move(fd));
    }
    Client connect_to_tcp(int listener) const {
        common::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int size = 32 * 1024;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        sockaddr_in address{};
        socklen_t length = sizeof address;
        ::getsockname(listeners_[static_cast<std::size_t>(listener)].get(), reinterpret_cast<sockaddr*>(&address),
                      &length);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
        return Client(std::move(fd));
    }
    // Listener 0 speaks uwsgi, 1 HTTP, 2 FastCGI, 3 SCGI; with has_tcp 4 to 7 the same.
    void listen_and_link() {
        listen(common::net::Protocol::uwsgi);
        listen(common::net::Protocol::http);
        listen(common::net::Protocol::fastcgi);
        listen(common::net::Protocol::scgi);
        for (int i = 0; has_tcp && i < 4; ++i) listen_on_tcp(options_.listeners[static_cast<std::size_t>(i)].protocol);
        auto ends = common::link::make_channel().value();
        master = std::move(ends.first);
        worker_end_ = std::move(ends.second);
        options_.config = &config;
        if (site) options_.site = &*site;
        if (access_rings) options_.access_rings = &*access_rings;
        options_.slot = slot.get();
        options_.worker = 3;
        options_.link = worker_end_.get();
    }
    void start(bool promote = true) {
        listen_and_link();
        thread_ = std::thread([this] {
            app.main = std::this_thread::get_id();
            app.lock.lock();
            exit_code_ = run_worker(options_, app);
            app.lock.unlock();
            has_returned_.release();
        });
        ASSERT_TRUE(std::holds_alternative<link::Ready>(next_message()));
        if (promote) order(link::Promote{});
    }
    void order(const link::MasterOrder& what, std::span<const int> fds = {}) {
        ASSERT_TRUE(common::link::send(master.get(), link::encode(what), fds).has_value());
    }
    link::WorkerMessage next_message() {
        pollfd readable{master.get(), POLLIN, 0};
        if (::poll(&readable, 1, 10'000) <= 0) return link::Failed{"timeout", "", ""};
        auto received = common::link::receive(master.get()).value();
        if (received.state != common::link::ReceiveState::packet) return link::Failed{"closed", "", ""};
        return link::decode_worker_message(received.packet.payload).value();
    }
    // The worker's exit code once it returns by itself; -1 after ten seconds.
    int join() {
        if (!has_returned_.try_acquire_for(std::chrono::seconds(10))) return -1;
        thread_.join();
        return exit_code_;
    }
    // In a process of its own instead: for what ends the process. `config` and `app` are copies there.
    void start_process() {
        fork_process();
        ASSERT_TRUE(std::holds_alternative<link::Ready>(next_message()));
        order(link::Promote{});
    }
    void fork_process() {
        listen_and_link();
        process_ = ::fork();
        if (process_ == 0) {
            ::alarm(60);
            master.reset();  // else the link would outlive the master
            ::dup2(said_.get(), STDERR_FILENO);
            app.main = std::this_thread::get_id();
            app.lock.lock();
            ::_exit(run_worker(options_, app));
        }
        worker_end_.reset();
    }
    // Its exit code; 1000 + signal; -1 after ten seconds.
    int join_process() {
        const common::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
        pollfd ended{pidfd.get(), POLLIN, 0};
        if (::poll(&ended, 1, 10'000) <= 0) return -1;
        int status = 0;
        ::waitpid(std::exchange(process_, 0), &status, 0);
        return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    [[nodiscard]] pid_t process() const { return process_; }
    // Standard error of the process.
    [[nodiscard]] std::string said() const {
        std::string text(static_cast<std::size_t>(::lseek(said_.get(), 0, SEEK_END)), '\0');
        static_cast<void>(!::pread(said_.get(), text.data(), text.size(), 0));
        return text;
    }
    int stop() {
        if (master) static_cast<void>(common::link::send(master.get(), link::encode(link::MasterOrder(link::Stop{}))));
        return join();
    }
    Client connect(int listener) const { return Client(directory_ + "/" + std::to_string(listener)); }
    common::scoreboard::ThreadSlot& figures(std::size_t thread = 0) { return slot->thread[thread]; }
    // Waits (bounded) until a counter of another thread gets there.
    static bool reaches(const std::atomic<std::uint64_t>& counter, std::uint64_t wanted) {
        for (int i = 0; i < 10'000 && counter.load() < wanted; ++i) ::poll(nullptr, 0, 1);
        return counter.load() >= wanted;
    }

    std::optional<common::access::Rings> access_rings;  // set before start(): the access log is on
    common::config::VassalConfig config;
    FakeApplication app;
    bool has_tcp = false;             // set before start()
    std::optional<files::Site> site;  // set before start()
    InSharedMemory<common::scoreboard::WorkerSlot> slot = share<common::scoreboard::WorkerSlot>();
    common::UniqueFd master;

    const std::string& directory() const { return directory_; }

private:
    std::string directory_;
    WorkerOptions options_;
    std::vector<common::UniqueFd> listeners_;
    common::UniqueFd worker_end_;
    std::thread thread_;
    pid_t process_ = 0;
    const common::UniqueFd said_{::memfd_create("said", MFD_CLOEXEC)};
    std::binary_semaphore has_returned_{0};
    int exit_code_ = -1;
};

}  // namespace vassal::worker
