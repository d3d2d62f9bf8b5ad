// SPDX-License-Identifier: Apache-2.0
// `static` through real sockets. What is answered is tested with the room itself; here: that the app is never entered.
#include <fstream>
#include <latch>

#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

class StaticTest : public WorkerTest {
protected:
    StaticTest() {
        std::filesystem::create_directories(directory() + "/static");
        write("a.txt", "static text");
        site = files::Site::open({{"/static", directory() + "/static"}}).value();
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(directory() + "/static/" + name) << text;
    }
};

TEST_F(StaticTest, all_protocols_serve_files_without_the_app) {
    start();
    EXPECT_TRUE(connect(0).ask(uwsgi("/static/a.txt")).ends_with("\r\n\r\nstatic text"));
    EXPECT_TRUE(connect(1).ask(http("/static/a%2Etxt?v=1", "Connection: close\r\n")).ends_with("\r\n\r\nstatic text"));
    const std::string head = "GET /static/a.txt HTTP/1.1\r\nHost: a\r\n";
    const std::string answer = connect(1).ask(head + "Connection: close\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nETag: ")) << answer;
    EXPECT_NE(answer.find("\r\nContent-Length: 11\r\n"), std::string::npos);
    const std::string only_head = connect(1).ask("HEAD" + head.substr(3) + "Connection: close\r\n\r\n");
    EXPECT_NE(only_head.find("\r\nContent-Length: 11\r\n"), std::string::npos);
    EXPECT_TRUE(only_head.ends_with("\r\n\r\n"));
    EXPECT_TRUE(connect(3).ask(scgi("/static/a.txt")).starts_with("Status: 405 "));  // the fixture's is a POST
    EXPECT_NE(connect(2).ask(fastcgi("/static/a.txt")).find("Status: 405 "), std::string::npos);
    EXPECT_EQ(app.served, 0);
    EXPECT_EQ(stop(), 0);
    EXPECT_EQ(figures().requests.load(), 6u);
    EXPECT_EQ(figures().status_classes[1].load(), 4u);
}

TEST_F(StaticTest, the_connection_is_kept_and_the_app_has_the_rest) {
    start();
    Client client = connect(1);
    client.send(http("/static/a.txt") + http("/statics") + http("/static/none") + http("/", "Connection: close\r\n"));
    const std::string answers = client.read_all();
    const std::size_t first = answers.find("\r\n\r\nstatic textHTTP/1.1 200 OK");
    const std::size_t second = answers.find("\r\n\r\n/staticsHTTP/1.1 404 Not Found", first);
    EXPECT_NE(second, std::string::npos) << answers;
    EXPECT_TRUE(answers.ends_with("\r\n\r\nhello"));
    EXPECT_EQ(app.served, 2);
}

TEST_F(StaticTest, prefixes_are_whole_url_paths_also_under_a_mount) {
    config.mount = "/mount";
    site = files::Site::open({{"/static", directory() + "/static"}, {"/mount/in", directory() + "/static"}}).value();
    start();
    EXPECT_TRUE(connect(0).ask(uwsgi("/static/a.txt")).ends_with("static text"));
    EXPECT_TRUE(connect(0).ask(uwsgi("/mount/in/a.txt")).ends_with("static text"));
    EXPECT_TRUE(connect(0).ask(uwsgi("/mount/static/a.txt")).ends_with("/static/a.txt"));  // the app
    EXPECT_TRUE(connect(0).ask(uwsgi("/in/a.txt")).ends_with("/in/a.txt"));
    EXPECT_TRUE(connect(0).ask(uwsgi("/in/a.txt", {}, {{"SCRIPT_NAME", "/mount"}})).ends_with("static text"));
    EXPECT_EQ(app.served, 2);
}

TEST_F(StaticTest, a_large_file_reaches_a_slow_client_whole) {
    std::string text(8'000'000, 'x');
    for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>('a' + i / 1000 % 26);
    write("large", text);
    start();
    for (const int listener : {0, 1}) {
        Client client = connect(listener);
        client.send(listener == 0 ? uwsgi("/static/large") : http("/static/large", "Connection: close\r\n"));
        ASSERT_TRUE(client.read_until("\r\n\r\n").ends_with("\r\n\r\n"));
        // The worker has others to serve while this one does not read.
        EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
        EXPECT_TRUE(client.read_all() == text) << listener;
    }
}

// A thread that waits for the interpreter could not answer: the app holds it until the file was served.
TEST_F(StaticTest, a_file_does_not_wait_for_the_interpreter) {
    config.threads = 2;
    config.limits.connections = 2;  // with both of them here no thread looks for a third, which needs the interpreter
    std::latch both(2);             // threads run: one that only starts needs the interpreter, too
    app.routes["/both"] = [&](const app::Request&, app::Response& response) {
        app.release();
        both.count_down();
        for (int i = 0; i < 10'000 && !both.try_wait(); ++i) ::poll(nullptr, 0, 1);
        app.acquire();
        FakeApplication::answer(response, "both");
    };
    std::binary_semaphore has_begun{0}, may_end{0};
    app.routes["/held"] = [&](const app::Request&, app::Response& response) {
        has_begun.release();
        EXPECT_TRUE(may_end.try_acquire_for(std::chrono::seconds(10)));
        FakeApplication::answer(response, "held");
    };
    start();
    Client holder = connect(1), client = connect(1);
    holder.send(http("/both"));
    client.send(http("/both"));
    ASSERT_TRUE(holder.read_until("both").ends_with("both") && client.read_until("both").ends_with("both"));
    holder.send(http("/held", "Connection: close\r\n"));
    has_begun.acquire();
    client.send(http("/static/a.txt"));
    EXPECT_TRUE(client.read_until("static text").ends_with("static text"));
    may_end.release();
    EXPECT_TRUE(holder.read_all().ends_with("held"));
}

TEST_F(StaticTest, a_file_that_shrinks_while_it_is_sent_breaks_the_connection_off) {
    write("large", std::string(4'000'000, 'x'));
    start();
    Client client = connect(1);
    client.send(http("/static/large"));
    ASSERT_TRUE(client.read_until("\r\n\r\n").find("Content-Length: 4000000\r\n") != std::string::npos);
    std::filesystem::resize_file(directory() + "/static/large", 1000);
    const std::string rest = client.read_all();
    EXPECT_LT(rest.size(), 4'000'000u);
    EXPECT_FALSE(rest.ends_with("TIMEOUT"));
    EXPECT_TRUE(reaches(figures().write_errors, 1));
    EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
}

}  // namespace
}  // namespace vassal::worker
