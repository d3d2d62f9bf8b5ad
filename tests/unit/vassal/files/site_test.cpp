// SPDX-License-Identifier: Apache-2.0
// Real directories, and a response that records.
#include "vassal/files/site.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "vassal/files/http_date.h"

namespace vassal::files {
namespace {

class RecordedResponse final : public app::Response {
public:
    void start(std::string_view text) override { status = text; }
    void header(std::string_view name, std::string_view value) override { fields[std::string(name)] = value; }
    [[nodiscard]] bool has_started() const noexcept override { return !status.empty(); }
    [[nodiscard]] bool head_was_sent() const noexcept override { return false; }
    [[nodiscard]] app::Sent write(std::string_view) override { return app::Sent::ok; }
    void finish(std::span<const std::string_view> chunks) override {
        for (const std::string_view chunk : chunks) body += chunk;
    }
    void finish_file(int fd, std::uint64_t offset, std::uint64_t count) override {
        body.resize(count);
        EXPECT_EQ(::pread(fd, body.data(), count, static_cast<off_t>(offset)), static_cast<ssize_t>(count));
    }
    void abort() override { status = "aborted"; }
    void note_exception() noexcept override {}
    void log_field(std::string_view, std::string_view) noexcept override {}

    std::string status, body;
    std::map<std::string, std::string> fields;
};

app::Request request_of(std::string_view method, std::span<const app::Param> params = {}) {
    app::Request request;
    request.method = method;
    request.params = params;
    return request;
}

class SiteTest : public testing::Test {
protected:
    SiteTest() {
        std::string name = "/tmp/site-test-XXXXXX";
        root = ::mkdtemp(name.data());
        write("in/a.css", "css");
        write("in/deep/b.txt", "0123456789");
        write("in/deep/index.html", "index");
        write("in/.hidden", "secret");
        write("in/.git/config", "secret");
        write("in/empty", "");
        write("outside", "secret");
        std::filesystem::create_symlink("../outside", root / "in/out");
        std::filesystem::create_symlink(root / "outside", root / "in/absolute");
        std::filesystem::create_symlink("a.css", root / "in/inside");
        std::filesystem::create_symlink("loop", root / "in/loop");
    }
    ~SiteTest() override { std::filesystem::remove_all(root); }

    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text;
    }
    RecordedResponse get(std::string_view url, std::vector<app::Param> params = {},
                         std::string_view method = "GET") const {
        const Site site = Site::open({{"/static", root / "in"}}).value();
        RecordedResponse response;
        const auto place = site.find(url);
        if (place) site.serve(*place, request_of(method, params), response);
        return response;
    }

    std::filesystem::path root;
};

TEST_F(SiteTest, a_file_comes_with_its_type_and_validators) {
    const RecordedResponse response = get("/static/a.css");
    EXPECT_EQ(response.status, "200 OK");
    EXPECT_EQ(response.body, "css");
    EXPECT_EQ(response.fields.at("Content-Type"), "text/css; charset=utf-8");
    EXPECT_EQ(response.fields.at("Accept-Ranges"), "bytes");
    EXPECT_THAT(response.fields.at("ETag"), testing::MatchesRegex("\"[0-9a-f]+-3-[0-9a-f]+\""));
    const auto modified = parse_http_date(response.fields.at("Last-Modified"));
    EXPECT_LE(::time(nullptr) - modified.value(), 60);
    EXPECT_EQ(get("/static/empty").status, "200 OK");
    EXPECT_EQ(get("/static//deep//b.txt").body, "0123456789");
}

TEST_F(SiteTest, a_client_that_has_it_gets_304_until_it_changes) {
    const std::string etag = get("/static/a.css").fields.at("ETag");
    const RecordedResponse same = get("/static/a.css", {{"HTTP_IF_NONE_MATCH", etag}});
    EXPECT_EQ(same.status, "304 Not Modified");
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(same.fields.at("ETag"), etag);
    EXPECT_FALSE(same.fields.contains("Content-Type"));
    write("in/a.css", "csS");
    std::filesystem::last_write_time(root / "in/a.css",
                                     std::filesystem::last_write_time(root / "in/a.css") + std::chrono::nanoseconds(1));
    EXPECT_EQ(get("/static/a.css", {{"HTTP_IF_NONE_MATCH", etag}}).body, "csS");
}

TEST_F(SiteTest, a_time_in_the_future_is_not_told) {
    std::filesystem::last_write_time(root / "in/a.css",
                                     std::filesystem::last_write_time(root / "in/a.css") + std::chrono::hours(48));
    EXPECT_LE(parse_http_date(get("/static/a.css").fields.at("Last-Modified")).value(), ::time(nullptr));
}

TEST_F(SiteTest, a_range_is_a_part) {
    const RecordedResponse part = get("/static/deep/b.txt", {{"HTTP_RANGE", "bytes=2-4"}});
    EXPECT_EQ(part.status, "206 Partial Content");
    EXPECT_EQ(part.body, "234");
    EXPECT_EQ(part.fields.at("Content-Range"), "bytes 2-4/10");
    const RecordedResponse beyond = get("/static/deep/b.txt", {{"HTTP_RANGE", "bytes=10-"}});
    EXPECT_EQ(beyond.status, "416 Range Not Satisfiable");
    EXPECT_EQ(beyond.fields.at("Content-Range"), "bytes */10");
    EXPECT_EQ(get("/static/a.css", {{"HTTP_IF_MATCH", "\"x\""}}).status, "412 Precondition Failed");
}

TEST_F(SiteTest, nothing_outside_and_nothing_hidden_is_found) {
    for (const std::string_view url :
         {"/static/out", "/static/absolute", "/static/loop", "/static/../outside", "/static/deep/../../outside",
          "/static/deep/../a.css", "/static/./a.css", "/static/.hidden", "/static/.git/config", "/static/deep/.",
          "/static/..", "/static/a.css/", "/static/a.css/x", "/static/none", "/static//etc/passwd",
          "/static/\\..\\outside", "/static/"}) {
        EXPECT_EQ(get(url).status, "404 Not Found") << url;
    }
    EXPECT_EQ(get(std::string_view("/static/a.css\0x", 15)).status, "404 Not Found");
    EXPECT_EQ(get("/static/" + std::string(5000, 'x')).status, "404 Not Found");
    EXPECT_EQ(get("/static/" + std::string(300, 'x')).status, "404 Not Found");
    EXPECT_EQ(get("/static/inside").body, "css");
}

TEST_F(SiteTest, what_is_no_regular_file_is_404_at_once) {
    ASSERT_EQ(::mkfifo((root / "in/fifo").c_str(), 0666), 0);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (root / "in/socket").c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(get("/static/fifo").status, "404 Not Found");
    EXPECT_EQ(get("/static/socket").status, "404 Not Found");
    ::close(fd);
    if (::mknod((root / "in/device").c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0) {
        EXPECT_EQ(get("/static/device").status, "404 Not Found");
    }
}

TEST_F(SiteTest, a_file_that_may_not_be_read_is_403) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
    std::filesystem::permissions(root / "in/a.css", std::filesystem::perms::none);
    EXPECT_EQ(get("/static/a.css").status, "403 Forbidden");
}

TEST_F(SiteTest, a_directory_has_an_index_and_a_slash) {
    EXPECT_EQ(get("/static/deep/").body, "index");
    EXPECT_EQ(get("/static/deep/").fields.at("Content-Type"), "text/html; charset=utf-8");
    const RecordedResponse moved = get("/static/deep", {{"QUERY_STRING", "a=1\r\nX: y"}});
    EXPECT_EQ(moved.status, "301 Moved Permanently");
    EXPECT_EQ(moved.fields.at("Location"), "/static/deep/?a=1%0D%0AX:%20y");
    EXPECT_EQ(get("/static").fields.at("Location"), "/static/");
}

TEST_F(SiteTest, a_redirect_never_leads_to_another_host) {
    std::filesystem::create_directories(root / "in/evil.example/x y");
    const Site site = Site::open({{"/", root / "in"}}).value();
    RecordedResponse response;
    site.serve(*site.find("//evil.example/x y"), request_of("GET"), response);
    EXPECT_EQ(response.fields.at("Location"), "/evil.example/x%20y/");
}

TEST_F(SiteTest, other_methods_are_405) {
    for (const std::string_view method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
        const RecordedResponse response = get("/static/a.css", {}, method);
        EXPECT_EQ(response.status, "405 Method Not Allowed") << method;
        EXPECT_EQ(response.fields.at("Allow"), "GET, HEAD");
    }
    EXPECT_EQ(get("/static/a.css", {}, "HEAD").status, "200 OK");
}

TEST_F(SiteTest, the_longest_prefix_wins_at_whole_segments) {
    write("other/a.css", "other");
    const Site site = Site::open({{"/static", root / "in"}, {"/static/special/", root / "other"}}).value();
    const auto body = [&](std::string_view url) {
        RecordedResponse response;
        const auto place = site.find(url);
        if (!place) return std::string("(app)");
        site.serve(*place, request_of("GET"), response);
        return response.body;
    };
    EXPECT_EQ(body("/static/a.css"), "css");
    EXPECT_EQ(body("/static/special/a.css"), "other");
    EXPECT_EQ(body("/static/specials/a.css"), "404 Not Found\n");
    EXPECT_EQ(body("/statics/a.css"), "(app)");
    EXPECT_EQ(body("/"), "(app)");
    EXPECT_EQ(body(""), "(app)");
}

TEST_F(SiteTest, a_link_that_moves_later_is_not_followed) {
    write("releases/1/a", "one");
    write("releases/2/a", "two");
    std::filesystem::create_symlink("releases/1", root / "current");
    const Site site = Site::open({{"/", root / "current"}}).value();
    std::filesystem::remove(root / "current");
    std::filesystem::create_symlink("releases/2", root / "current");
    RecordedResponse response;
    site.serve(*site.find("/a"), request_of("GET"), response);
    EXPECT_EQ(response.body, "one");
}

TEST_F(SiteTest, a_missing_directory_is_named_with_its_key) {
    const auto site = Site::open({{"/static", root / "none"}});
    ASSERT_TRUE(site.has_error());
    EXPECT_EQ(site.error().message(), "static: /static: open the directory " + (root / "none").string() +
                                          ": No such file or directory");
    EXPECT_TRUE(Site::open({{"/static", root / "outside"}}).has_error());
    EXPECT_TRUE(Site::open({})->is_empty());
}

}  // namespace
}  // namespace vassal::files
