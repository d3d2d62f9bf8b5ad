// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/host_links.h"

#include <cstring>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

using supervise::DisplayState;
using supervise::Operation;

struct HostLinksTest : FleetTest {
    std::string by_host = (root / "run/by-host").string();

    HostLinks links() const { return {by_host, (root / "run/sockets").string()}; }
    std::string own(const std::string& name) const { return (root / "run/sockets").string() + "/" + name + ".sock"; }
    // Where a host leads to; "": nowhere.
    std::string target(const std::string& host) const {
        std::error_code error;
        return std::filesystem::read_symlink(by_host + "/" + host + ".sock", error).string();
    }
    std::size_t files() const {
        std::error_code error;
        std::size_t count = 0;
        for (const auto& item : std::filesystem::directory_iterator(by_host, error)) {
            if (!item.is_symlink()) continue;
            ++count;
            EXPECT_TRUE(exists(std::filesystem::path(by_host) / ".known" / item.path().stem())) << item.path();
        }
        return count;
    }
    void start_with(const std::string& more, const std::string& name = "shop", const std::string& script = "ok") {
        write(name, script, more);
        fleet->rescan();
    }
};

TEST_F(HostLinksTest, names_come_change_and_go) {
    HostLinks links = this->links();
    links.route("shop", {"a.example", "b.example"}, own("shop"));
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    links.route("shop", {"b.example", "c.example"}, "/srv/shop.sock");
    EXPECT_EQ(target("a.example"), "");
    EXPECT_EQ(target("b.example"), "/srv/shop.sock");
    EXPECT_EQ(target("c.example"), "/srv/shop.sock");
    links.route("shop", {}, "");
    EXPECT_TRUE(std::filesystem::is_empty(by_host));
}

TEST_F(HostLinksTest, a_name_that_moved_is_not_removed_by_who_had_it) {
    HostLinks links = this->links();
    links.route("shop", {"a.example"}, own("shop"));
    links.route("blog", {"a.example"}, own("blog"));
    links.route("shop", {}, "");
    EXPECT_EQ(target("a.example"), "../sockets/blog.sock");
    EXPECT_EQ(links.holders(), (common::config::HostHolders{{"a.example", "blog"}}));
}

TEST_F(HostLinksTest, what_a_former_emperor_left_stands_until_it_is_known_to_be_stale) {
    links().route("shop", {"a.example", "b.example"}, own("shop"));
    std::ofstream(by_host + "/README") << "left alone";
    HostLinks links = this->links();
    EXPECT_EQ(links.holders(), (common::config::HostHolders{{"a.example", "shop"}, {"b.example", "shop"}}));
    links.route("shop", {"a.example"}, own("shop"));
    EXPECT_EQ(files(), 2u);
    links.remove_stale();
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    EXPECT_EQ(target("b.example"), "");
    EXPECT_FALSE(exists(std::filesystem::path(by_host) / ".known" / "b.example"));
    EXPECT_TRUE(exists(std::filesystem::path(by_host) / "README"));
}

TEST_F(HostLinksTest, what_somebody_removed_or_bent_is_mended) {
    HostLinks links = this->links();
    links.route("shop", {"a.example", "b.example"}, own("shop"));
    std::filesystem::remove(by_host + "/a.example.sock");
    std::filesystem::remove(by_host + "/b.example.sock");
    std::filesystem::create_symlink("/elsewhere", by_host + "/b.example.sock");
    links.mend();
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    EXPECT_EQ(target("b.example"), "../sockets/shop.sock");
    std::filesystem::remove_all(by_host);
    links.mend();
    EXPECT_EQ(files(), 2u);
}

TEST_F(HostLinksTest, a_vassal_s_names_live_as_long_as_its_socket_is_open) {
    start();
    start_with("hosts: [a.example, B.Example]\n");
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    EXPECT_EQ(target("b.example"), "../sockets/shop.sock");
    EXPECT_TRUE(operate("shop", Operation::stop).ok);
    EXPECT_EQ(files(), 0u);
    EXPECT_TRUE(operate("shop", Operation::start).ok);
    EXPECT_EQ(files(), 2u);
    std::filesystem::remove(root / "apps/shop.yaml");
    fleet->rescan();
    EXPECT_TRUE(run_until([&] { return files() == 0; }));
}

TEST_F(HostLinksTest, a_sleeping_vassal_is_reached_and_wakes) {
    start();
    start_with("hosts: a.example\non_demand: true\n");
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::sleeping); }));
    const auto client = connect_to(by_host + "/a.example.sock");
    ASSERT_TRUE(client) << std::strerror(errno);
    EXPECT_EQ(answer_on(client).substr(0, 2), "1 ");
}

TEST_F(HostLinksTest, a_rejected_edit_changes_no_route_and_gives_nothing_away) {
    start();
    start_with("hosts: a.example\n");
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    write("shop", "ok", "hosts: b.example\nwokers: 2\n");
    write("blog", "ok", "hosts: a.example\n");
    fleet->rescan();
    ASSERT_TRUE(run_until([&] { return is_in("blog", DisplayState::invalid); }));
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    EXPECT_EQ(files(), 1u);
}

TEST_F(HostLinksTest, names_stay_with_a_vassal_that_is_left_and_adopted) {
    start();
    start_with("hosts: [a.example]\n");
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    die();
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_EQ(target("a.example"), "../sockets/shop.sock");
}

}  // namespace
}  // namespace emperor::fleet
