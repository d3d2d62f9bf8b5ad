// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/listeners.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "emperor/process/act_as.h"
#include "emperor/process/unix_listener.h"

namespace emperor::process {
namespace {

using common::UniqueFd;

struct ListenerTest : testing::Test {
    std::filesystem::path root;

    ListenerTest() {
        std::string pattern = testing::TempDir() + "listen-XXXXXX";
        root = ::mkdtemp(pattern.data());
    }
    ~ListenerTest() override { std::filesystem::remove_all(root); }

    [[nodiscard]] std::string path(const std::string& name) const { return (root / name).string(); }

    static ListenRequest on(const std::string& address) {
        ListenRequest request;
        request.address = common::net::parse_listen_address(address).value();
        request.identity.uid = ::geteuid();
        request.identity.gid = ::getegid();
        return request;
    }

    static struct stat look(const std::string& file) {
        struct stat found {};
        EXPECT_EQ(::lstat(file.c_str(), &found), 0) << file;
        return found;
    }

    static bool is_listening(const std::string& file) {
        const auto directory = open_directory_of(file);
        const auto answer = is_listened_on(directory->get(), base_name(file), file);
        return answer && *answer;
    }
};

TEST_F(ListenerTest, a_unix_socket_listens_with_its_mode_and_goes_with_its_owner) {
    {
        auto request = on("uwsgi:" + path("a.sock"));
        request.mode = 0640;
        const auto listener = open_listener(request);
        ASSERT_TRUE(listener) << listener.error().message();
        EXPECT_EQ(look(path("a.sock")).st_mode & 07777, 0640u);
        EXPECT_TRUE(is_listening(path("a.sock")));
        EXPECT_NE(::fcntl((*listener)->fd(), F_GETFD) & FD_CLOEXEC, 0);
        EXPECT_TRUE(is_listener_for((*listener)->fd(), request.address));
    }
    EXPECT_TRUE(std::filesystem::is_empty(root));
}

TEST_F(ListenerTest, a_stale_socket_is_replaced) {
    const auto first = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(first);
    (*first)->leave_file();
    ASSERT_EQ(::shutdown((*first)->fd(), SHUT_RDWR), 0);  // as if its process had died
    const auto second = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_TRUE(is_listening(path("a.sock")));
}

TEST_F(ListenerTest, a_socket_that_somebody_listens_on_is_in_use) {
    const auto first = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(first);
    const auto second = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message(), "bind " + path("a.sock") + ": Address already in use");
    EXPECT_TRUE(is_listening(path("a.sock")));
}

TEST_F(ListenerTest, a_file_that_is_not_a_socket_is_never_replaced) {
    std::ofstream(path("a.sock")) << "precious";
    const auto listener = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_FALSE(listener);
    EXPECT_NE(listener.error().message().find("not a socket is in the way"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(path("a.sock")), 8u);
}

TEST_F(ListenerTest, a_link_at_the_place_is_not_followed) {
    std::filesystem::create_symlink(path("elsewhere"), path("a.sock"));
    EXPECT_FALSE(open_listener(on("uwsgi:" + path("a.sock"))));
}

TEST_F(ListenerTest, a_path_longer_than_a_socket_address_works) {
    std::string deep = root.string();
    for (int i = 0; i < 10; ++i) deep += "/a-rather-long-directory-name";
    std::filesystem::create_directories(deep);
    const auto listener = open_listener(on("uwsgi:" + deep + "/a.sock"));
    ASSERT_TRUE(listener) << listener.error().message();
    EXPECT_TRUE(is_listening(deep + "/a.sock"));
}

TEST_F(ListenerTest, a_file_that_is_no_longer_ours_is_left_alone) {
    auto first = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(first);
    std::filesystem::remove(path("a.sock"));
    const auto second = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(second);
    first->reset();
    EXPECT_TRUE(is_listening(path("a.sock")));
}

TEST_F(ListenerTest, it_knows_when_its_file_is_gone_or_somebody_elses) {
    const auto listener = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(listener);
    EXPECT_TRUE((*listener)->is_in_place());
    std::filesystem::rename(path("a.sock"), path("b.sock"));
    EXPECT_FALSE((*listener)->is_in_place());
    const auto other = open_listener(on("uwsgi:" + path("a.sock")));
    ASSERT_TRUE(other);
    EXPECT_FALSE((*listener)->is_in_place());
    EXPECT_TRUE((*other)->is_in_place());
}

TEST_F(ListenerTest, update_changes_the_mode_of_the_open_socket) {
    auto request = on("uwsgi:" + path("a.sock"));
    const auto listener = open_listener(request);
    ASSERT_TRUE(listener);
    request.mode = 0600;
    ASSERT_TRUE(update_listener(**listener, request));
    EXPECT_EQ(look(path("a.sock")).st_mode & 07777, 0600u);
}

TEST_F(ListenerTest, tcp_addresses_of_both_families_and_abstract_names_listen) {
    for (const std::string address : {"http:127.0.0.1:0", "http:[::1]:0", "http::0", "uwsgi:@emperor-listeners-test"}) {
        const auto listener = open_listener(on(address));
        if (!listener && listener.error().code.value() == EADDRNOTAVAIL) continue;  // no IPv6 here
        ASSERT_TRUE(listener) << address << ": " << listener.error().message();
    }
}

TEST_F(ListenerTest, a_taken_port_is_an_error_that_names_it) {
    const auto first = open_listener(on("http:127.0.0.1:0"));
    ASSERT_TRUE(first);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ASSERT_EQ(::getsockname((*first)->fd(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&bound);
    const std::string address = "127.0.0.1:" + std::to_string(bytes[2] * 256 + bytes[3]);
    const auto second = open_listener(on("http:" + address));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message(), "bind " + address + ": Address already in use");
}

struct TenantTest : ListenerTest {
    common::config::Identity tenant;

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        tenant.uid = 65534;
        tenant.gid = 65534;
        tenant.user = "nobody";
        std::filesystem::permissions(root, std::filesystem::perms(0755));
    }
};

TEST_F(TenantTest, files_are_touched_with_the_tenants_rights_and_roots_come_back) {
    const std::string secret = path("secret");
    std::ofstream(secret) << "x";
    ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
    {
        const ActAs rights(tenant);
        EXPECT_EQ(::open(secret.c_str(), O_RDONLY | O_CLOEXEC), -1);
        EXPECT_EQ(errno, EACCES);
    }
    EXPECT_TRUE(UniqueFd(::open(secret.c_str(), O_RDONLY | O_CLOEXEC)));
}

TEST_F(TenantTest, a_tenant_cannot_bind_where_he_may_not_write) {
    auto request = on("uwsgi:" + path("a.sock"));
    request.identity = tenant;
    const auto listener = open_listener(request);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().message(), "bind " + path("a.sock") + ": Permission denied");
    EXPECT_TRUE(std::filesystem::is_empty(root));
}

TEST_F(TenantTest, a_socket_in_the_tenants_directory_is_his) {
    ASSERT_EQ(::chown(root.c_str(), tenant.uid, tenant.gid), 0);
    auto request = on("uwsgi:" + path("a.sock"));
    request.identity = tenant;
    request.group = "nogroup";
    {
        const auto listener = open_listener(request);
        ASSERT_TRUE(listener) << listener.error().message();
        EXPECT_EQ(look(path("a.sock")).st_uid, tenant.uid);
        EXPECT_EQ(look(path("a.sock")).st_gid, tenant.gid);
    }
    EXPECT_TRUE(std::filesystem::is_empty(root));
}

TEST_F(TenantTest, a_tenant_gets_no_privileged_port) {
    auto request = on("http:127.0.0.1:80");
    request.identity = tenant;
    const auto listener = open_listener(request);
    std::ifstream start("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    int first = 1024;
    start >> first;
    if (first <= 80) GTEST_SKIP() << "every port is unprivileged here";
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code.value(), EACCES);
}

}  // namespace
}  // namespace emperor::process
