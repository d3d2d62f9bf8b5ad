// SPDX-License-Identifier: Apache-2.0
// A real client of a real socket for component tests, driven together with the server's loop in one thread; and a
// directory that is gone at the end of the test.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "common/base/unique_fd.h"

namespace emperor::testing {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = "/tmp/emperor-test-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Runs the loop until the condition holds; fails the test after ten seconds.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            ADD_FAILURE() << "the condition did not come true in time";
            return false;
        }
        io.restart();
        io.run_one_for(std::chrono::milliseconds(5));
    }
    return true;
}

class SocketClient {
public:
    SocketClient(boost::asio::io_context& io, const std::string& path) : io_(io) {
        fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
        is_connected = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }

    void write(const std::string& text) {
        std::size_t sent = 0;
        run_until(io_, [&] {
            const ssize_t size = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (size < 0 && errno == EPIPE) return true;
            if (size > 0) sent += static_cast<std::size_t>(size);
            return sent == text.size();
        });
    }
    void finish_writing() { ::shutdown(fd_.get(), SHUT_WR); }
    void close() { fd_.reset(); }

    // Everything up to the end of file.
    std::string read_all() {
        run_until(io_, [&] { return !receive(); });
        return std::exchange(received_, {});
    }
    // At most so many bytes of what is there; how many there were. For readers that are slow on purpose.
    std::size_t take(std::size_t most) {
        std::string bytes(most, '\0');
        const ssize_t size = ::recv(fd_.get(), bytes.data(), most, 0);
        return size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    std::string read_line() {
        run_until(io_, [&] { return !receive() || received_.find('\n') != std::string::npos; });
        const auto end = std::min(received_.find('\n'), received_.size());
        std::string line = received_.substr(0, end);
        received_.erase(0, end + 1);
        return line;
    }
    // Nothing has come so far and the connection stands.
    [[nodiscard]] bool is_silent() { return receive() && received_.empty(); }
    [[nodiscard]] bool is_ended() { return !receive(); }

    bool is_connected = false;

private:
    // False at the end of file.
    bool receive() {
        std::array<char, 65536> chunk;
        for (;;) {
            const ssize_t size = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
            if (size > 0) received_.append(chunk.data(), static_cast<std::size_t>(size));
            else return size < 0 && errno == EAGAIN;
        }
    }

    boost::asio::io_context& io_;
    common::UniqueFd fd_;
    std::string received_;
};

}  // namespace emperor::testing
