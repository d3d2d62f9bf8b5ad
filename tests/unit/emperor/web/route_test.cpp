// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/route.h"

#include <gtest/gtest.h>

#include "emperor/web/assets.h"
#include "emperor/web/headers.h"

namespace emperor::web {
namespace {

struct Case {
    const char* method;
    const char* target;
    Page page;
    const char* name = "";
    const char* operation = "";
};

TEST(Route, every_path_of_the_api_is_found) {
    const Case cases[] = {
        {"GET", "/", Page::asset, "/index.html"},
        {"HEAD", "/js/main.js", Page::asset, "/js/main.js"},
        {"GET", "/livez", Page::livez},
        {"GET", "/readyz", Page::readyz},
        {"GET", "/metrics", Page::metrics},
        {"GET", "/health/shop", Page::health, "shop"},
        {"GET", "/api/v1/fleet?since=7", Page::fleet},
        {"GET", "/api/v1/rows", Page::rows},
        {"GET", "/api/v1/rates", Page::rates},
        {"GET", "/api/v1/stream", Page::stream},
        {"GET", "/api/v1/events", Page::events},
        {"GET", "/api/v1/vassals/my.shop-2", Page::vassal, "my.shop-2"},
        {"GET", "/api/v1/vassals/shop/show", Page::show, "shop"},
        {"GET", "/api/v1/vassals/shop/why", Page::why, "shop"},
        {"GET", "/api/v1/vassals/shop/logs?lines=5", Page::logs, "shop"},
        {"GET", "/api/v1/vassals/shop/config", Page::config, "shop"},
        {"GET", "/api/v1/vassals/shop/series", Page::series, "shop"},
        {"GET", "/api/v1/vassals/shop/stream", Page::vassal_stream, "shop"},
        {"POST", "/api/v1/vassals/shop/reload", Page::operation, "shop", "reload"},
        {"POST", "/api/v1/vassals/shop/scale", Page::operation, "shop", "scale"},
    };
    for (const Case& one : cases) {
        const Routing routing = route_of(one.method, one.target);
        ASSERT_TRUE(routing.route) << one.target;
        EXPECT_EQ(routing.route->page, one.page) << one.target;
        EXPECT_EQ(routing.route->name, one.name) << one.target;
        EXPECT_EQ(routing.route->operation, one.operation) << one.target;
    }
}

TEST(Route, what_is_no_path_is_404_and_a_wrong_method_405_with_the_right_one) {
    for (const char* target :
         {"/api/v1/nothing", "/api/v2/fleet", "/api/v1/vassals/", "/api/v1/vassals/../etc", "/health/", "/health/a/b",
          "/api/v1/vassals/shop/explode", "/api/v1/vassals/sh%6fp", "/api/v1/vassals/shop/reload/"})
        EXPECT_EQ(route_of("GET", target).refusal.status, 404) << target;
    const Routing get = route_of("GET", "/api/v1/vassals/shop/reload"), post = route_of("POST", "/api/v1/fleet");
    EXPECT_EQ(get.refusal, (Refusal{405, "method not allowed", "POST"}));
    EXPECT_EQ(post.refusal, (Refusal{405, "method not allowed", "GET, HEAD"}));
    EXPECT_EQ(route_of("DELETE", "/livez").refusal.status, 405);
}

TEST(Route, parameters_are_read_and_senseless_ones_refused) {
    const Route route = *route_of("GET", "/api/v1/vassals/shop/logs?lines=2000&since=12&per_worker=1&wait=0&other=x").route;
    EXPECT_EQ(route.lines, 2000);
    EXPECT_EQ(route.since, 12u);
    EXPECT_TRUE(route.is_per_worker);
    EXPECT_FALSE(route.waits);
    for (const char* query : {"lines=0", "lines=2001", "lines=", "lines=1x", "lines=-1", "since=-1",
                              "since=99999999999999999999", "wait=yes", "per_worker"})
        EXPECT_EQ(route_of("GET", std::string("/api/v1/events?") + query).refusal.status, 400) << query;
}

TEST(Route, only_health_is_for_everybody_and_only_operations_act) {
    EXPECT_EQ(need_of(Page::livez), Need::nothing);
    EXPECT_EQ(need_of(Page::health), Need::nothing);
    EXPECT_EQ(need_of(Page::asset), Need::page);
    for (const Page page : {Page::fleet, Page::rows, Page::stream, Page::logs, Page::config, Page::metrics, Page::vassal_stream})
        EXPECT_EQ(need_of(page), Need::read);
    EXPECT_EQ(need_of(Page::operation), Need::act);
}

TEST(Headers, gzip_is_taken_where_it_is_named_and_not_refused) {
    for (const char* text : {"gzip", "br, gzip", "deflate, gzip;q=0.5", "gzip;q=1.0, *;q=0"})
        EXPECT_TRUE(takes_gzip(text)) << text;
    for (const char* text : {"", "br", "gzip;q=0", "gzip; q=0.000", "gzipped", "identity"})
        EXPECT_FALSE(takes_gzip(text)) << text;
}

TEST(Assets, the_page_is_inside_whole_and_compressed) {
    const Asset* page = find_asset("/index.html");
    ASSERT_NE(page, nullptr);
    EXPECT_EQ(page->type, "text/html; charset=utf-8");
    EXPECT_EQ(page->gzip.substr(0, 2), "\x1f\x8b");
    EXPECT_NE(find_asset("/uplot/uPlot.js"), nullptr);
    EXPECT_EQ(find_asset("/../CMakeLists.txt"), nullptr);
    for (const Asset& asset : assets()) EXPECT_LT(asset.gzip.size(), asset.plain.size()) << asset.path;
}

}  // namespace
}  // namespace emperor::web
