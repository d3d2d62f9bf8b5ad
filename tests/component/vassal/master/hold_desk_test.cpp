// SPDX-License-Identifier: Apache-2.0
// Real sockets: who is answered, who is not waited for, and what is still done after close().
#include "vassal/master/hold_desk.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

namespace vassal::master {
namespace {

using common::UniqueFd;
using common::net::Protocol;

struct HoldDeskTest : testing::Test {
    boost::asio::io_context io;
    std::vector<Listener> listeners;
    int emptied = 0;
    std::unique_ptr<HoldDesk> desk;

    HoldDeskTest() {
        for (const Protocol protocol : {Protocol::http, Protocol::fastcgi}) {
            Listener listener;
            listener.fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            sockaddr_un name{};  // an abstract one that the kernel chooses
            name.sun_family = AF_UNIX;
            ::bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(sa_family_t));
            ::listen(listener.fd.get(), 1024);
            listener.address.protocol = protocol;
            listeners.push_back(std::move(listener));
        }
        desk = std::make_unique<HoldDesk>(io, listeners, [] { return 7u; }, [this] { ++emptied; });
    }
    ~HoldDeskTest() override {
        desk.reset();
        io.restart();
        io.poll();
    }

    [[nodiscard]] UniqueFd connect(std::size_t listener = 0) const {
        sockaddr_un name{};
        socklen_t size = sizeof name;
        ::getsockname(listeners[listener].fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
        UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
        return client;
    }
    static void say(const UniqueFd& client, std::string_view text) {
        EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    // What the client reads up to the end of the stream; "-" when that does not come.
    std::string answer_to(const UniqueFd& client, std::chrono::seconds time = std::chrono::seconds(15)) {
        std::string text;
        const auto deadline = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < deadline) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds(10));
            char buffer[512];
            ssize_t size = 0;
            while ((size = ::recv(client.get(), buffer, sizeof buffer, 0)) > 0)
                text.append(buffer, static_cast<std::size_t>(size));
            if (size == 0) return text;
            if (errno != EAGAIN) return text + "(reset)";
        }
        return text + "-";
    }
    // False: it did not come about within ten seconds.
    template <class Condition>
    bool run_until(Condition holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!holds() && std::chrono::steady_clock::now() < deadline) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds(10));
        }
        return holds();
    }
};

TEST_F(HoldDeskTest, answers_who_waited_and_who_comes) {
    const UniqueFd early = connect();
    say(early, "GET / HTTP/1.1\r\n\r\n");
    desk->open();
    EXPECT_NE(answer_to(early).find("503 Service Unavailable\r\n"), std::string::npos);
    const UniqueFd late = connect();
    say(late, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_NE(answer_to(late).find("Retry-After: 7\r\n"), std::string::npos);
    EXPECT_EQ(desk->answered(), 2u);
}

TEST_F(HoldDeskTest, the_answer_survives_a_body_that_nobody_reads) {
    desk->open();
    const UniqueFd client = connect();
    say(client, "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    const std::string answer = answer_to(client);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("Unavailable\n")) << answer;
    say(client, std::string(50'000, 'x'));  // the stream is open in this direction
}

TEST_F(HoldDeskTest, fastcgi_is_answered_with_the_number_of_its_request) {
    desk->open();
    const UniqueFd client = connect(1);
    say(client, {"\1\1\0\5\0\10\0\0\0\1\0\0\0\0\0\0", 16});
    const std::string answer = answer_to(client);
    EXPECT_NE(answer.find("Status: 503 "), std::string::npos);
    EXPECT_EQ(answer.substr(2, 2), (std::string{"\0\5", 2}));
    const UniqueFd question = connect(1);
    say(question, {"\1\11\0\0\0\0\0\0", 8});  // FCGI_GET_VALUES: no request
    EXPECT_EQ(answer_to(question), "");
}

TEST_F(HoldDeskTest, after_close_nobody_is_accepted_and_who_was_is_answered) {
    desk->open();
    const UniqueFd accepted = connect();
    ASSERT_TRUE(run_until([&] { return !desk->is_empty(); }));
    desk->close();
    const UniqueFd late = connect();
    say(late, "GET / HTTP/1.1\r\n\r\n");
    say(accepted, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(answer_to(accepted).starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(answer_to(late, std::chrono::seconds(1)), "-") << "it waits for somebody who can serve";
    EXPECT_FALSE(desk->is_empty()) << "the client has not closed";
    ::shutdown(accepted.get(), SHUT_RDWR);
    EXPECT_TRUE(run_until([&] { return desk->is_empty(); }));
    EXPECT_EQ(emptied, 1);
    desk->open();
    EXPECT_TRUE(answer_to(late).starts_with("HTTP/1.1 503 "));
}

TEST_F(HoldDeskTest, more_than_it_may_hold_wait_in_the_queue) {
    desk->open();
    std::vector<UniqueFd> silent;
    for (std::size_t i = 0; i < HoldDesk::most_connections; ++i) silent.push_back(connect());
    const UniqueFd late = connect();
    say(late, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(answer_to(late, std::chrono::seconds(1)), "-");
    silent.front().reset();
    EXPECT_TRUE(answer_to(late).starts_with("HTTP/1.1 503 "));
}

TEST_F(HoldDeskTest, a_silent_client_is_not_waited_for_for_ever) {
    desk->open();
    const UniqueFd silent = connect();
    EXPECT_EQ(answer_to(silent, 4 * HoldDesk::patience), "");
}

}  // namespace
}  // namespace vassal::master
