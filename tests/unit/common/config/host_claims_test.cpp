// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/config/verify.h"

namespace common::config {
namespace {

Effective file(const std::string& name, const std::string& more) {
    Decoded decoded = decode({"/etc/apps.d/" + name + ".yaml", "app: x\n" + more}, std::nullopt,
                             {name, "/run/emperor/sockets", nullptr});
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return *decoded.effective;
}

struct HostClaims : ::testing::Test {
    Effective blog = file("blog", "hosts: [blog.example, shared.example]\n");
    Effective shop = file("shop", "hosts: [shop.example, SHARED.example]\n");
    Diagnostics of_blog, of_shop;

    void verify(const HostHolders& holders, const std::set<std::string>& undecided = {}) {
        of_blog.clear();
        of_shop.clear();
        verify_host_claims({{"blog", &blog, &of_blog}, {"shop", &shop, &of_shop}}, holders, undecided);
    }
};

TEST_F(HostClaims, the_second_one_is_told_whose_it_is) {
    verify({});
    EXPECT_TRUE(of_blog.empty());
    ASSERT_EQ(of_shop.size(), 1u);
    EXPECT_EQ(headline(of_shop[0]),
              "/etc/apps.d/shop.yaml:2:23: error: hosts: 'shared.example' belongs to the vassal 'blog' "
              "(/etc/apps.d/blog.yaml:2)");
}

TEST_F(HostClaims, who_has_it_keeps_it) {
    verify({{"shared.example", "shop"}});
    EXPECT_TRUE(of_shop.empty());
    ASSERT_EQ(of_blog.size(), 1u);
    EXPECT_EQ(headline(of_blog[0]),
              "/etc/apps.d/blog.yaml:2:23: error: hosts: 'shared.example' belongs to the vassal 'shop' "
              "(/etc/apps.d/shop.yaml:2)");
}

TEST_F(HostClaims, a_holder_that_gave_it_up_or_is_gone_has_no_say) {
    verify({{"shared.example", "old"}});
    EXPECT_TRUE(of_blog.empty());
    EXPECT_EQ(of_shop.size(), 1u);
}

TEST_F(HostClaims, a_holder_whose_file_is_invalid_keeps_it_against_both) {
    verify({{"shared.example", "old"}}, {"old"});
    ASSERT_EQ(of_blog.size(), 1u);
    ASSERT_EQ(of_shop.size(), 1u);
    EXPECT_NE(headline(of_blog[0]).find("belongs to the vassal 'old', which serves it with its last valid file"),
              std::string::npos);
}

TEST(Hosts, without_a_uwsgi_listener_on_a_unix_socket_there_is_a_warning) {
    const auto warned = [](const std::string& more) {
        Diagnostics found;
        verify_hosts(file("shop", more), found);
        EXPECT_FALSE(has_errors(found));
        return found.empty() ? std::string() : headline(found.front());
    };
    EXPECT_EQ(warned("listen: http:127.0.0.1:80\n"), "");
    EXPECT_EQ(warned("hosts: a.example\n"), "");
    EXPECT_EQ(warned("hosts: a.example\nlisten: [http:/run/x.sock, uwsgi:/run/y.sock]\n"), "");
    const std::string text = warned("hosts: a.example\nlisten: [http:/run/x.sock, uwsgi:127.0.0.1:80, uwsgi:@x]\n");
    EXPECT_TRUE(text.starts_with("/etc/apps.d/shop.yaml:2:8: warning: hosts: no listener on a unix socket speaks uwsgi")) << text;
}

}  // namespace
}  // namespace common::config
