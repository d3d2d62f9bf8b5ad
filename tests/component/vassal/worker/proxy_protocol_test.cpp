// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol before HTTP, as a proxy on a unix socket speaks it.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using namespace std::chrono_literals;

const std::string line = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 8443\r\n";

class ProxyProtocolTest : public WorkerTest {
protected:
    ProxyProtocolTest() {
        config.trusted_proxies = {"unix", "10.0.0.0/8"};
        app.routes["/who"] = [](const app::Request& request, app::Response& response) {
            std::string text = std::string(request.url_scheme);
            for (const char* key : {"REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "HTTPS"}) {
                text.append(" ").append(FakeApplication::value(request, key));
            }
            FakeApplication::answer(response, text);
        };
    }
    static std::string binary(int command, const std::string& content) {
        return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(0x20 | command) + '\x11' + '\0' +
               static_cast<char>(content.size()) + content;
    }
    static std::string last_line(const std::string& answer) { return answer.substr(answer.rfind('\n') + 1); }
    static std::string who(std::string_view fields = {}) {
        return http("/who", "Connection: close\r\n" + std::string(fields));
    }
};

TEST_F(ProxyProtocolTest, the_client_it_names_is_the_peer_for_every_request_of_the_connection) {
    start();
    const std::string expected = "http 192.0.2.1 4711 198.51.100.2 8443 (absent)";
    Client client = connect(1);
    client.send(line + http("/who"));
    EXPECT_TRUE(client.read_until("(absent)").ends_with("\r\n\r\n" + expected));
    EXPECT_EQ(last_line(client.ask(who())), expected);
    // A second one is no head.
    Client again = connect(1);
    EXPECT_TRUE(again.ask(line + line + who()).starts_with("HTTP/1.1 400 "));
}

TEST_F(ProxyProtocolTest, it_may_come_in_single_bytes) {
    start();
    Client client = connect(1);
    for (const char c : line + who()) client.send({&c, 1});
    EXPECT_EQ(last_line(client.read_all()), "http 192.0.2.1 4711 198.51.100.2 8443 (absent)");
}

TEST_F(ProxyProtocolTest, an_encrypted_client_is_https) {
    start();
    const std::string addresses("\xC0\x00\x02\x01\xC6\x33\x64\x02\x12\x67\x01\xBB", 12);
    const std::string encrypted("\x20\x00\x05\x01\x00\x00\x00\x00", 8);
    EXPECT_EQ(last_line(connect(1).ask(binary(1, addresses + encrypted) + who())),
              "https 192.0.2.1 4711 198.51.100.2 443 on");
}

TEST_F(ProxyProtocolTest, the_peer_stays_where_no_client_is_named_and_without_a_header) {
    start();
    const std::string peer = "http  (absent) localhost 80 (absent)";
    EXPECT_EQ(last_line(connect(1).ask(who())), peer);
    EXPECT_EQ(last_line(connect(1).ask("PROXY UNKNOWN\r\n" + who())), peer);
    EXPECT_EQ(last_line(connect(1).ask(binary(0, "") + who())), peer);
}

TEST_F(ProxyProtocolTest, forwarded_fields_count_only_where_the_client_it_names_is_trusted_too) {
    start();
    const std::string forwarded = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n";
    EXPECT_TRUE(last_line(connect(1).ask(line + who(forwarded))).starts_with("http 192.0.2.1 "));
    EXPECT_TRUE(last_line(connect(1).ask("PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n" + who(forwarded)))
                    .starts_with("https 203.0.113.9 (absent) "));
}

TEST_F(ProxyProtocolTest, a_wrong_one_is_refused) {
    start();
    EXPECT_TRUE(connect(1).ask("PROXY TCP4 a b c d\r\n" + who()).starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(connect(1).ask(binary(3, "") + who()).starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(app.served, 0);
}

TEST_F(ProxyProtocolTest, it_is_a_part_of_the_time_for_the_head) {
    config.timeouts.header = 200ms;
    start();
    EXPECT_EQ(connect(1).read_all(), "");
    Client begun = connect(1);
    begun.send(line.substr(0, 20));
    EXPECT_TRUE(begun.read_all().starts_with("HTTP/1.1 408 "));
    Client silent = connect(1);
    silent.send(line);
    EXPECT_EQ(silent.read_all(), "");
}

TEST_F(ProxyProtocolTest, one_that_comes_again_on_a_used_slot_does_not_inherit) {
    start();
    EXPECT_TRUE(last_line(connect(1).ask(line + who())).starts_with("http 192.0.2.1 "));
    EXPECT_EQ(last_line(connect(1).ask(who())), "http  (absent) localhost 80 (absent)");
}

TEST_F(WorkerTest, a_proxy_header_of_a_peer_that_is_not_trusted_is_refused) {
    config.trusted_proxies = {"127.0.0.1"};
    start();
    EXPECT_TRUE(connect(1).ask(line + http("/")).starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(
        connect(1).ask(std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16) + http("/")).starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(connect(0).ask(line).starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(app.served, 0);
}

}  // namespace
}  // namespace vassal::worker
