// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/gate.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace emperor::web {
namespace {

const std::string secret = "0123456789abcdef0123";
const Policy with_token{.token = secret, .reads_need_token = false, .hosts = {"ops.example.com"}};
const Policy closed{.token = secret, .reads_need_token = true, .hosts = {}};
const Policy without_token{};

int status(const Credentials& credentials, Need need, const Policy& policy = with_token) {
    const auto refusal = refuse(credentials, need, policy);
    return refusal ? refusal->status : 200;
}

TEST(Gate, numeric_hosts_localhost_and_named_ones_are_ours) {
    for (const char* host : {"127.0.0.1", "127.0.0.1:9180", "[::1]:9180", "[::1]", "localhost", "LOCALHOST:1", "10.1.2.3:80",
                             "ops.example.com", "Ops.Example.com:443"})
        EXPECT_TRUE(is_own_host(host, with_token.hosts)) << host;
    for (const char* host : {"", ":80", "evil.example", "127.0.0.1.evil.example", "ops.example.com.evil",
                             "127.0.0.1:80:80", "localhost:x", "localhost:", "::1", "[::1", "127.0.0.1:123456"})
        EXPECT_FALSE(is_own_host(host, with_token.hosts)) << host;
}

TEST(Gate, another_host_is_421_before_anything_else_but_health) {
    EXPECT_EQ(status({.host = "evil.example"}, Need::page), 421);
    EXPECT_EQ(status({.host = "evil.example", .authorization = "Bearer 0123456789abcdef0123"}, Need::act), 421);
    EXPECT_EQ(status({.host = "evil.example"}, Need::nothing), 200);
    EXPECT_EQ(status({}, Need::nothing), 200);
}

TEST(Gate, another_origin_is_403_even_with_the_token) {
    const std::string bearer = "Bearer " + secret;
    for (const char* origin :
         {"http://evil.example", "null", "http://127.0.0.1:8000", "ftp://127.0.0.1:9180", "http://127.0.0.1:9180.evil"})
        EXPECT_EQ(status({.host = "127.0.0.1:9180", .origin = origin, .authorization = bearer}, Need::act), 403) << origin;
    for (const char* origin : {"http://127.0.0.1:9180", "https://127.0.0.1:9180", "HTTP://127.0.0.1:9180"})
        EXPECT_EQ(status({.host = "127.0.0.1:9180", .origin = origin, .authorization = bearer}, Need::act),
                  std::string_view(origin).starts_with("HTTP") ? 403 : 200) << origin;
}

TEST(Gate, a_browser_that_says_another_site_asks_is_believed) {
    for (const char* site : {"cross-site", "same-site"})
        EXPECT_EQ(status({.host = "localhost", .fetch_site = site}, Need::read), 403) << site;
    for (const char* site : {"same-origin", "none", ""})
        EXPECT_EQ(status({.host = "localhost", .fetch_site = site}, Need::read), 200) << site;
    EXPECT_EQ(status({.host = "localhost", .fetch_site = "cross-site"}, Need::page), 200);  // somebody followed a link
}

TEST(Gate, acting_takes_the_token_and_reading_does_where_it_says_so) {
    const std::string right = "Bearer " + secret, scheme = "bEaReR " + secret, wrong = "Bearer " + secret + "x";
    EXPECT_EQ(status({.host = "localhost"}, Need::act), 401);
    EXPECT_EQ(status({.host = "localhost", .authorization = right}, Need::act), 200);
    EXPECT_EQ(status({.host = "localhost", .authorization = scheme}, Need::act), 200);
    for (const std::string& text : {wrong, std::string("Basic ") + secret, std::string("Bearer"), std::string("Bearer "), secret})
        for (const Need need : {Need::read, Need::act})
            EXPECT_EQ(status({.host = "localhost", .authorization = text}, need), 401) << text;
    EXPECT_EQ(status({.host = "localhost"}, Need::read), 200);
    EXPECT_EQ(status({.host = "localhost"}, Need::read, closed), 401);
    EXPECT_EQ(status({.host = "localhost"}, Need::page, closed), 200);
    EXPECT_EQ(status({.host = "localhost", .authorization = right}, Need::read, closed), 200);
}

TEST(Gate, without_a_token_nobody_acts) {
    EXPECT_EQ(status({.host = "localhost"}, Need::act, without_token), 403);
    EXPECT_EQ(status({.host = "localhost", .authorization = "Bearer "}, Need::act, without_token), 401);
    EXPECT_EQ(status({.host = "localhost"}, Need::read, without_token), 200);
}

TEST(Gate, secrets_are_compared_whole) {
    EXPECT_TRUE(is_same_secret(secret, secret));
    for (const std::string& given :
         {secret + secret, secret.substr(1), secret + "0", std::string(), std::string("0123456789abcdef0124")})
        EXPECT_FALSE(is_same_secret(given, secret)) << given;
    EXPECT_FALSE(is_same_secret("", ""));
    EXPECT_FALSE(is_same_secret("x", ""));
}

TEST(Gate, local_addresses_are_told_from_others) {
    for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "/run/x.sock", "@x"})
        EXPECT_TRUE(is_local(common::net::parse_address(text).value())) << text;
    for (const char* text : {":9180", "0.0.0.0:1", "10.0.0.1:1", "[::]:1", "128.0.0.1:1"})
        EXPECT_FALSE(is_local(common::net::parse_address(text).value())) << text;
}

struct TokenFile : ::testing::Test {
    std::string path = ::testing::TempDir() + "emperor-token-" + std::to_string(::getpid());
    ~TokenFile() override { std::filesystem::remove(path); }
    void write(const std::string& text, mode_t mode = 0600) {
        std::filesystem::remove(path);
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
    }
};

TEST_F(TokenFile, the_text_without_its_newline_is_the_token) {
    write(secret + "\n");
    EXPECT_EQ(read_token_file(path).value(), secret);
    write(secret, 0440);
    EXPECT_EQ(read_token_file(path).value(), secret);
}

TEST_F(TokenFile, what_others_may_read_or_nobody_should_use_is_refused) {
    write(secret, 0644);
    EXPECT_NE(read_token_file(path).error().message().find("is open to others: chmod 600"), std::string::npos);
    write(secret, 0660);
    EXPECT_FALSE(read_token_file(path));
    write("short");
    EXPECT_NE(read_token_file(path).error().message().find("at least 16"), std::string::npos);
    write(secret + "\n" + secret);
    EXPECT_FALSE(read_token_file(path));
    write(std::string(600, 'x'));
    EXPECT_FALSE(read_token_file(path));
    EXPECT_FALSE(read_token_file("/nowhere/token"));
    EXPECT_FALSE(read_token_file("/dev/null"));
}

}  // namespace
}  // namespace emperor::web
