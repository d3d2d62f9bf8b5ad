// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/nginx_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace emperor::ctl {
namespace {

Json vassal(const std::string& name, const std::vector<std::pair<std::string, std::string>>& endpoints, int weight = 100,
            const std::vector<std::string>& hosts = {"shop.example"}, const std::string& state = "running") {
    Json list = Json::array();
    for (const auto& [protocol, address] : endpoints) list.push_back({{"protocol", protocol}, {"address", address}});
    return {{"name", name}, {"state", state}, {"hosts", hosts}, {"endpoints", list}, {"weight", weight}};
}

Box box(const std::string& name, std::initializer_list<Json> vassals) {
    return {name, common::net::parse_address(name).value(), {{"vassals", Json(std::vector<Json>(vassals))}}};
}

const std::string here = "/run/emperor/stats.sock";

TEST(NginxConfig, one_app_of_this_machine) {
    const std::vector<Box> boxes = {box(here, {vassal("shop", {{"uwsgi", "/run/emperor/sockets/shop.sock"}}, 100,
                                                      {"shop.example", "www.shop.example"})})};
    EXPECT_EQ(app_names_in(boxes), std::vector<std::string>{"shop"});
    EXPECT_EQ(nginx_text({nginx_app("shop", boxes)}, {"80", "[::]:80"}),
              R"(# Written by `emperorctl nginx print`. It belongs into nginx's http block; nginx -t checks it.

# shop
upstream emperor_shop {
    server unix:/run/emperor/sockets/shop.sock max_fails=0;  # /run/emperor/stats.sock, running
}
server {
    listen 80;
    listen [::]:80;
    server_name shop.example www.shop.example;
    client_max_body_size 20m;

    location / {
        include uwsgi_params;
        uwsgi_pass emperor_shop;
        uwsgi_param HTTP_X_REQUEST_START "t=$msec";
        uwsgi_read_timeout 65s;
    }
}
)");
}

TEST(NginxConfig, each_protocol_has_its_directive) {
    for (const auto& [protocol, directive] :
         {std::pair{"http", "proxy_pass http://emperor_shop;"}, std::pair{"fastcgi", "fastcgi_pass emperor_shop;"},
          std::pair{"scgi", "scgi_pass emperor_shop;"}, std::pair{"uwsgi", "uwsgi_pass emperor_shop;"}}) {
        const std::string text =
            nginx_text({nginx_app("shop", {box(here, {vassal("shop", {{protocol, "127.0.0.1:8000"}})})})}, {"80"});
        EXPECT_NE(text.find(directive), std::string::npos) << text;
        EXPECT_NE(text.find("server 127.0.0.1:8000 max_fails=0;"), std::string::npos) << text;
    }
}

TEST(NginxConfig, several_machines_share_by_weight_and_by_a_protocol_that_all_speak) {
    const NginxApp app = nginx_app(
        "shop", {box("10.0.0.1:9117", {vassal("shop", {{"uwsgi", "/run/shop.sock"}, {"http", ":8000"}}, 73)}),
                 box("10.0.0.2:9117",
                     {vassal("shop", {{"uwsgi", "10.0.0.2:9000"}, {"http", "0.0.0.0:8000"}}, 0, {}, "backoff")}),
                 box("10.0.0.3:9117", {vassal("blog", {{"http", ":8000"}})}),
                 box("[fd00::4]:9117", {vassal("shop", {{"http", "[::]:8000"}}, 100)})});
    const std::vector<NginxServer> servers = {{"10.0.0.1:8000", "10.0.0.1:9117", "running", 73},
                                              {"10.0.0.2:8000", "10.0.0.2:9117", "backoff", 0},
                                              {"[fd00::4]:8000", "[fd00::4]:9117", "running", 100}};
    EXPECT_EQ(app.servers, servers);
    EXPECT_EQ(app.protocol, common::net::Protocol::http);
    const std::string text = nginx_text({app}, {"80"});
    EXPECT_NE(text.find("server 10.0.0.1:8000 weight=73;  #"), std::string::npos) << text;
    EXPECT_NE(text.find("server 10.0.0.2:8000 weight=1 down;  # 10.0.0.2:9117, backoff"), std::string::npos) << text;
    EXPECT_NE(text.find("server [fd00::4]:8000 weight=100;"), std::string::npos) << text;
}

TEST(NginxConfig, nobody_is_marked_down_when_all_are) {
    const NginxApp app = nginx_app("shop", {box("10.0.0.1:1", {vassal("shop", {{"http", ":8000"}}, 0)}),
                                            box("10.0.0.2:1", {vassal("shop", {{"http", ":8000"}}, 0)})});
    EXPECT_EQ(nginx_text({app}, {"80"}).find("down;"), std::string::npos);
}

TEST(NginxConfig, what_nginx_cannot_reach_is_left_out_and_said) {
    struct Row {
        const char *of, *protocol, *address, *why;
    };
    const std::string long_path = "/" + std::string(107, 'x');
    const Row rows[] = {{"10.0.0.1:1", "uwsgi", "/run/shop.sock", "a unix socket of another machine"},
                        {"10.0.0.1:1", "http", "127.0.0.1:80", "a loopback address of another machine"},
                        {"10.0.0.1:1", "http", "[::1]:80", "a loopback address of another machine"},
                        {"/run/stats.sock", "uwsgi", "@shop", "nginx knows no abstract sockets"},
                        {"/run/stats.sock", "uwsgi", long_path.c_str(), "the path is too long for nginx"},
                        {"/run/stats.sock", "http", "127.0.0.1:0", "its port is not known"},
                        {"/run/stats.sock", "gopher", "127.0.0.1:70", "not an address"},
                        {"/run/stats.sock", "uwsgi", "/run/a\n}b", "not an address"}};
    for (const Row& row : rows) {
        const NginxApp app = nginx_app("shop", {box(row.of, {vassal("shop", {{row.protocol, row.address}})})});
        EXPECT_TRUE(app.servers.empty()) << row.address;
        ASSERT_EQ(app.notes.size(), 2u);
        EXPECT_NE(app.notes[0].find(row.why), std::string::npos) << app.notes[0];
        const std::string text = nginx_text({app}, {"80"});
        EXPECT_EQ(text.find("upstream"), std::string::npos) << text;
        for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
            EXPECT_TRUE(text[at] == '#' || text[at] == '\n') << text;
    }
}

// Another machine's document may say anything.
TEST(NginxConfig, nothing_in_a_document_becomes_a_directive) {
    const Json evil = vassal(
        "shop", {{"uwsgi", "/run/a \"b\\ ;{}$x.sock"}}, 100,
        {"shop.com; return 200", "a.example\n}", "{", "*", "GOOD.example", "good.example", "..", "$host", "\"x\""},
        "up\n} evil {");
    const std::string text = nginx_text({nginx_app("shop", {box(here, {evil})})}, {"80"});
    EXPECT_NE(text.find("    server_name good.example;\n"), std::string::npos) << text;
    EXPECT_NE(text.find(R"(    server "unix:/run/a \"b\\ ;{}$x.sock" max_fails=0;  # )"), std::string::npos) << text;
    EXPECT_EQ(text.find("\n} evil"), std::string::npos) << text;
    EXPECT_EQ(text.find("return 200\n"), text.find("shop.com; return 200\n") + 10) << "in a comment only\n" << text;

    const std::vector<Box> names = {box(here, {vassal("a b", {}), vassal("../x", {}), vassal("x;y", {}), Json("text"),
                                               Json::object(), vassal("ok", {})})};
    EXPECT_EQ(app_names_in(names), std::vector<std::string>{"ok"});
    for (const Json& document : {Json(), Json(3), Json::array(), Json{{"vassals", 3}}, Json{{"vassals", {{{"name", 7}}}}}})
        EXPECT_TRUE(app_names_in({{here, common::net::parse_address(here).value(), document}}).empty());
    const NginxApp odd =
        nginx_app("x", {{here,
                         common::net::parse_address(here).value(),
                         {{"vassals", {{{"name", "x"}, {"hosts", 1}, {"endpoints", {1, "a"}}, {"weight", "9"}}}}}}});
    EXPECT_TRUE(odd.servers.empty());
}

TEST(NginxConfig, a_host_name_is_in_one_block_and_an_app_without_any_has_an_upstream) {
    const std::vector<Box> boxes = {
        box(here, {vassal("one", {{"uwsgi", "/run/1"}}), vassal("two", {{"uwsgi", "/run/2"}}),
                   vassal("three", {{"http", "/run/3"}}, 100, {})})};
    const std::string text = nginx_text({nginx_app("one", boxes), nginx_app("two", boxes), nginx_app("three", boxes)}, {"80"});
    EXPECT_EQ(text.find("server_name shop.example"), text.rfind("server_name shop.example"));
    EXPECT_NE(text.find("upstream emperor_two {"), std::string::npos);
    EXPECT_NE(text.find("proxy_pass http://emperor_three;"), std::string::npos) << text;
}

TEST(NginxConfig, names_that_differ_in_case_only_have_upstreams_that_nginx_can_tell_apart) {
    const std::vector<Box> boxes = {
        box(here, {vassal("Shop", {{"uwsgi", "/a.sock"}}), vassal("shop", {{"uwsgi", "/b.sock"}}),
                   vassal("shoP", {{"uwsgi", "/c.sock"}}), vassal("Blog", {{"uwsgi", "/d.sock"}})})};
    EXPECT_EQ(nginx_app("Shop", boxes).upstream, "emperor_shop+0");
    EXPECT_EQ(nginx_app("shop", boxes).upstream, "emperor_shop+");
    EXPECT_EQ(nginx_app("shoP", boxes).upstream, "emperor_shop+3");
    EXPECT_EQ(nginx_app("Blog", boxes).upstream, "emperor_Blog");
    const std::string text = nginx_text({nginx_app("Shop", boxes)}, {"80"});
    EXPECT_NE(text.find("upstream emperor_shop+0 {"), std::string::npos);
    EXPECT_NE(text.find("uwsgi_pass emperor_shop+0;"), std::string::npos);
}

TEST(NginxConfig, words_are_quoted_and_listen_arguments_are_checked) {
    EXPECT_EQ(nginx_word("unix:/run/shop.sock"), "unix:/run/shop.sock");
    EXPECT_EQ(nginx_word(""), "\"\"");
    EXPECT_EQ(nginx_word("a b"), "\"a b\"");
    EXPECT_EQ(nginx_word("a\"\\'"), "\"a\\\"\\\\'\"");
    for (const char* good : {"80", "[::]:80", "127.0.0.1:8080", "443 ssl", "*:80", "unix:/run/nginx.sock"})
        EXPECT_TRUE(is_listen_argument(good)) << good;
    for (const char* bad : {"", " 80", "80;", "80 } server {", "80\n", "\"80\"", "$x"})
        EXPECT_FALSE(is_listen_argument(bad)) << bad;
}

}  // namespace
}  // namespace emperor::ctl
