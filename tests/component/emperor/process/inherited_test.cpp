// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/inherited.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

#include "emperor/process/listeners.h"

namespace emperor::process {
namespace {

using common::UniqueFd;
using common::net::Address;

Address address(const std::string& text) { return common::net::parse_address(text).value(); }

// A listening socket as systemd makes it, and what it is bound to.
struct Open {
    UniqueFd fd;
    std::string text;
};

Open open_tcp() {
    Open open{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), ""};
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof any;
    EXPECT_EQ(::bind(open.fd.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
    EXPECT_EQ(::listen(open.fd.get(), 8), 0);
    EXPECT_EQ(::getsockname(open.fd.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    open.text = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
    return open;
}

Open open_unix(const std::string& path, bool is_abstract) {
    Open open{UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), is_abstract ? "@" + path : path};
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    path.copy(place.sun_path + (is_abstract ? 1 : 0), sizeof place.sun_path - 2);
    const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + 1;
    EXPECT_EQ(::bind(open.fd.get(), reinterpret_cast<sockaddr*>(&place), static_cast<socklen_t>(size)), 0);
    EXPECT_EQ(::listen(open.fd.get(), 8), 0);
    return open;
}

class InheritedTest : public ::testing::Test {
protected:
    InheritedTest() {
        std::string pattern = testing::TempDir() + "inherited-XXXXXX";
        place_ = ::mkdtemp(pattern.data());
    }
    ~InheritedTest() override { std::filesystem::remove_all(place_); }
    std::string place_;
};

TEST_F(InheritedTest, a_socket_is_found_by_the_address_that_it_is_bound_to) {
    const Open tcp = open_tcp(), path = open_unix(place_ + "/shop.sock", false),
               abstract = open_unix("inherited-" + std::to_string(::getpid()), true);
    std::vector<InheritedSockets::Socket> sockets;
    for (const Open* each : {&tcp, &path, &abstract})
        sockets.push_back({each->fd.get(), "name", socket_inode_of(each->fd.get()), false});
    const InheritedSockets inherited(std::move(sockets));
    EXPECT_EQ(inherited.unused().size(), 3u);
    EXPECT_THAT(inherited.unused(), ::testing::Contains("name " + tcp.text));
    for (const Open* each : {&tcp, &path, &abstract}) {
        const UniqueFd taken = inherited.take(address(each->text));
        ASSERT_TRUE(taken) << each->text;
        EXPECT_NE(taken.get(), each->fd.get()) << "a duplicate";
        EXPECT_EQ(socket_inode_of(taken.get()), socket_inode_of(each->fd.get()));
        EXPECT_TRUE(inherited.holds(socket_inode_of(taken.get())));
    }
    EXPECT_TRUE(inherited.unused().empty());
    EXPECT_TRUE(inherited.take(address(path.text))) << "again: a vassal may come back";
    for (const char* other : {"127.0.0.1:1", ":80", "/shop.sock", "@shop", "[::1]:80"})
        EXPECT_FALSE(inherited.take(address(other))) << other;
    const std::string port = tcp.text.substr(tcp.text.find(':'));
    EXPECT_FALSE(inherited.take(address(port))) << "every interface is another address";
    EXPECT_TRUE(inherited.take(address("localhost" + port)));
}

TEST_F(InheritedTest, with_a_name_it_must_carry_it) {
    const Open tcp = open_tcp();
    const InheritedSockets inherited({{tcp.fd.get(), "shop", socket_inode_of(tcp.fd.get()), false}});
    EXPECT_FALSE(inherited.take(address(tcp.text), "thief"));
    EXPECT_EQ(inherited.name_of(address(tcp.text)), "shop");
    EXPECT_EQ(inherited.unused().size(), 1u);
    EXPECT_TRUE(inherited.take(address(tcp.text), "shop"));
}

TEST_F(InheritedTest, words_of_the_service_manager_are_told_from_others) {
    for (const char* word : {"NOTIFY_SOCKET=/run/x", "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=a", "WATCHDOG_USEC=1",
                             "WATCHDOG_PID=1"})
        EXPECT_TRUE(is_for_service_manager(word)) << word;
    for (const char* word : {"PATH=/bin", "LISTEN=1", "NOTIFY_SOCKETS=x", ""}) EXPECT_FALSE(is_for_service_manager(word)) << word;
}

}  // namespace
}  // namespace emperor::process
