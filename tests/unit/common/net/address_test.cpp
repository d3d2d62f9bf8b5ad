// SPDX-License-Identifier: Apache-2.0
#include "common/net/address.h"

#include <gtest/gtest.h>

namespace common::net {
namespace {

TEST(Address, every_form_reads_back_as_it_was_written) {
    for (const char* text : {"uwsgi:/run/app.sock", "http:127.0.0.1:8000", "http:[::1]:8000", "scgi::9000", "fastcgi:@name",
                             "http:localhost:80", "uwsgi:/run/with:colon.sock"}) {
        const auto address = parse_listen_address(text);
        ASSERT_TRUE(address) << text << ": " << address.error().message();
        EXPECT_EQ(address->text(), text);
    }
}

TEST(Address, an_ipv6_host_loses_its_brackets) {
    const auto address = parse_address("[fe80::1%eth0]:443");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->kind, Address::Kind::tcp);
    EXPECT_EQ(address->host, "fe80::1%eth0");
    EXPECT_EQ(address->port, 443);
}

TEST(Address, a_port_alone_means_every_interface) {
    const auto address = parse_address(":8000");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->host.empty());
}

struct BadAddress {
    const char* text;
    const char* why;
};

class BadListenAddress : public testing::TestWithParam<BadAddress> {};

TEST_P(BadListenAddress, is_refused_with_the_part_that_is_wrong) {
    const auto address = parse_listen_address(GetParam().text);
    ASSERT_FALSE(address);
    EXPECT_NE(address.error().message().find(GetParam().why), std::string::npos) << address.error().message();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadListenAddress,
    testing::Values(BadAddress{"", "expected PROTO:ADDRESS"}, BadAddress{"/run/app.sock", "expected PROTO:ADDRESS"},
                    BadAddress{"@name", "expected PROTO:ADDRESS"}, BadAddress{"ftp:127.0.0.1:1", "unknown protocol 'ftp'"},
                    BadAddress{"http:", "empty"}, BadAddress{"http:localhost", "host:port"},
                    BadAddress{"http:127.0.0.1:65536", "0 to 65535"}, BadAddress{"http:127.0.0.1:", "0 to 65535"},
                    BadAddress{"http:127.0.0.1:80x", "0 to 65535"}, BadAddress{"http:127.0.0.1:-1", "0 to 65535"},
                    BadAddress{"http:::1:80", "in brackets"}, BadAddress{"http:[::1:80", "missing ']'"},
                    BadAddress{"http:[::1]80", "':PORT' after ']'"}, BadAddress{"http:[/run/x]:80", "IPv6 address"},
                    BadAddress{"http:[@x]:80", "IPv6 address"}, BadAddress{"http:[]:80", "IPv6 address"},
                    BadAddress{"http:[localhost]:80", "IPv6 address"}, BadAddress{"http:[::1%]:80", "IPv6 address"},
                    BadAddress{"http:[::1%/x]:80", "IPv6 address"}, BadAddress{"uwsgi:run/app.sock:1", "must start with '/'"},
                    BadAddress{"uwsgi:@", "needs a name"}));

TEST(Address, a_nul_byte_in_a_path_is_refused) {
    EXPECT_FALSE(parse_address(std::string_view("/run/a\0b", 8)));
}

TEST(Address, an_abstract_name_has_a_bound) {
    EXPECT_TRUE(parse_address("@" + std::string(107, 'x')));
    EXPECT_FALSE(parse_address("@" + std::string(108, 'x')));
}

}  // namespace
}  // namespace common::net
