// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/request_start.h"

#include <gtest/gtest.h>

#include "vassal/protocol/http.h"
#include "vassal/protocol/trusted_proxies.h"
#include "vassal/protocol/uwsgi.h"

namespace vassal::protocol {
namespace {

TEST(RequestStart, every_front_end_s_way_of_writing_it_is_read) {
    constexpr std::int64_t at = 1'700'000'000'123'000;
    EXPECT_EQ(parse_request_start("t=1700000000.123"), at) << "nginx";
    EXPECT_EQ(parse_request_start("1700000000.123"), at);
    EXPECT_EQ(parse_request_start("t=1700000000.12300049"), at) << "beyond microseconds";
    EXPECT_EQ(parse_request_start("1700000000123"), at) << "milliseconds";
    EXPECT_EQ(parse_request_start("t=1700000000123.5"), at + 500);
    EXPECT_EQ(parse_request_start("t=1700000000123000"), at) << "microseconds";
    EXPECT_EQ(parse_request_start("1700000000"), at - 123'000) << "seconds";
    EXPECT_EQ(parse_request_start("t=1700000000.5"), at - 123'000 + 500'000);
}

TEST(RequestStart, what_is_no_time_says_nothing) {
    for (const char* text : {"", "t=", "t=-1700000000", "soon", "t=1700000000.12x", "t=1700000000,123", "1", "0",
                             "999999999", "t=1700000000.1, t=1700000001.1", "1700000000123000.5", "1700000000123000000",
                             "99999999999999999999999999", " 1700000000", "1700000000 "}) {
        EXPECT_EQ(parse_request_start(text), 0) << text;
    }
}

std::int64_t over_http(const char* trusted) {
    const TrustedProxies proxies = TrustedProxies::parse(std::array{std::string(trusted)}).value();
    HttpScan scan;
    Head head;
    const Facts facts{.server_name = "localhost",
                      .server_port = "80",
                      .mount = "",
                      .remote_addr = "192.0.2.1",
                      .remote_port = "1",
                      .trusted = &proxies};
    EXPECT_EQ(decode_http("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Start: t=1700000000.5\r\n\r\n", scan, {}, facts, head)
                  .outcome,
              Outcome::complete);
    return head.request_start_us;
}

TEST(RequestStart, over_http_only_a_proxy_of_the_operator_s_is_believed) {
    EXPECT_EQ(over_http("192.0.2.0/24"), 1'700'000'000'500'000);
    EXPECT_EQ(over_http("198.51.100.0/24"), 0);
}

}  // namespace
}  // namespace vassal::protocol
