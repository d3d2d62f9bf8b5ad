// SPDX-License-Identifier: Apache-2.0
#include "common/net/backlog.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/base/unique_fd.h"

namespace common::net {
namespace {

// A listener of its own on an address that the kernel picks, and clients of it.
class Queue {
public:
    explicit Queue(int family, int limit) : listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), family_(family) {
        sockaddr_in inet{};
        inet.sin_family = AF_INET;
        inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const sa_family_t autobind = AF_UNIX;  // an abstract name
        const int bound = family == AF_UNIX
                              ? ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&autobind), sizeof autobind)
                              : ::bind(listener.get(), reinterpret_cast<sockaddr*>(&inet), sizeof inet);
        EXPECT_EQ(bound, 0);
        EXPECT_EQ(::listen(listener.get(), limit), 0);
    }
    void connect() {
        sockaddr_storage name{};
        socklen_t size = sizeof name;
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
        clients_.emplace_back(::socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(clients_.back().get(), reinterpret_cast<sockaddr*>(&name), size), 0);
    }

    UniqueFd listener;

private:
    int family_;
    std::vector<UniqueFd> clients_;
};

class BacklogOf : public testing::TestWithParam<int> {};

TEST_P(BacklogOf, counts_the_connections_that_wait) {
    Queue queue(GetParam(), 7);
    EXPECT_EQ(backlog_of(queue.listener.get()).value(), (Backlog{0, 7}));
    for (int i = 0; i < 3; ++i) queue.connect();
    EXPECT_EQ(backlog_of(queue.listener.get()).value(), (Backlog{3, 7}));
    const UniqueFd accepted(::accept4(queue.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(backlog_of(queue.listener.get()).value(), (Backlog{2, 7}));
}

INSTANTIATE_TEST_SUITE_P(Families, BacklogOf, testing::Values(AF_UNIX, AF_INET),
                         [](const auto& test) { return test.param == AF_UNIX ? "unix" : "tcp"; });

TEST(Backlog, what_does_not_listen_has_none) {
    const UniqueFd idle(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(backlog_of(idle.get()).error().message(), "not a listening socket");
    EXPECT_FALSE(backlog_of(-1));
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(backlog_of(ends[0]));
    for (const int end : ends) ::close(end);
}

}  // namespace
}  // namespace common::net
