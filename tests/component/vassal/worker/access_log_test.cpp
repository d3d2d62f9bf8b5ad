// SPDX-License-Identifier: Apache-2.0
// A worker's records for the access log, read as its master reads them.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include "common/access/line.h"
#include "common/config/access_format.h"
#include "tests/component/vassal/worker/worker_fixture.h"
#include "vassal/worker/access_writer.h"

namespace vassal::worker {
namespace {

using testing::ElementsAre;

class AccessLogTest : public WorkerTest {
protected:
    void start_with(std::string format, std::size_t threads = 1) {
        config.log.access = common::config::AccessLog::text;
        config.log.access_format = std::move(format);
        config.threads = static_cast<int>(threads);
        access_rings = common::access::Rings::make(1, threads).value();
        writer_.emplace(common::config::access_format(config.log).value(), "shop", 1);
        for (std::size_t i = 0; i < threads; ++i) readers_.emplace_back(access_rings->ring(0, i));
        start();
    }
    // Waits (bounded) for so many.
    std::vector<std::string> lines(std::size_t count) {
        for (int i = 0; i < 10'000 && lines_.size() < count; ++i) {
            for (auto& reader : readers_)
                EXPECT_EQ(reader.drain(scratch_, [this](auto bytes) { return take(bytes); }), 0u);
            if (lines_.size() < count) ::poll(nullptr, 0, 1);
        }
        return lines_;
    }

private:
    bool take(std::string_view bytes) {
        const auto record = common::access::read_record(bytes, writer_->format().copied.size());
        if (!record) return false;
        std::string line(common::access::max_line_size, '\0');
        line.resize(static_cast<std::size_t>(writer_->write(line.data(), *record, {.worker = 1}) - line.data()) - 1);
        lines_.push_back(std::move(line));
        return true;
    }

    std::optional<common::access::LineWriter> writer_;
    std::vector<common::access::RingReader> readers_;
    common::access::RingReader::Scratch scratch_{};
    std::vector<std::string> lines_;
};

TEST_F(AccessLogTest, every_protocol_s_requests_are_recorded) {
    start_with("{method} {uri} {protocol} {status} {bytes} {host} {header.X-A}");
    connect(0).ask(uwsgi("/u", {}, {{"HTTP_X_A", "1"}, {"HTTP_HOST", "h"}, {"REQUEST_URI", "/u?q"}}));
    connect(1).ask(http("/h?q", "X-A: 2\r\nConnection: close\r\n"));
    connect(2).ask(fastcgi("/f", "body"));
    connect(3).ask(scgi("/s"));
    EXPECT_THAT(lines(4), ElementsAre("GET /u?q HTTP/1.1 200 2 h 1", "GET /h?q HTTP/1.1 200 2 a 2",
                                      "POST /f HTTP/1.0 200 2 localhost -", "POST /s HTTP/1.0 200 2 localhost -"));
}

TEST_F(AccessLogTest, what_the_app_adds_is_in_its_record_and_in_no_other) {
    app.routes["/add"] = [](const app::Request&, app::Response& response) {
        response.log_field("tenant", "a");
        response.log_field("tenant", "b");
        response.log_field("long", std::string(5000, 'x'));
        for (int i = 0; i < 100; ++i) response.log_field("n" + std::to_string(i), std::string(100, 'y'));
        FakeApplication::answer(response, "x");
    };
    start_with("{path} {field.tenant}");
    connect(0).ask(uwsgi("/add"));
    connect(0).ask(uwsgi("/"));
    EXPECT_THAT(lines(2), ElementsAre("/add b", "/ -"));
}

TEST_F(AccessLogTest, answers_without_the_app_are_recorded_with_what_is_known) {
    config.limits.body = 10;
    config.timeouts.header = std::chrono::milliseconds(300);
    config.timeouts.body = std::chrono::milliseconds(300);
    start_with("{method} {uri} {protocol} {status} {bytes}");
    connect(1).ask("BREW /tea HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    connect(1).ask("junk\r\n\r\n");
    connect(0).ask(std::string{'\5', '\1', '\0', '\0', 'x'});
    connect(1).ask("POST /big HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + std::string(255, 'x'));
    connect(1).ask("GET /slow HTTP/1.1\r\nHost:");
    connect(1).ask("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    EXPECT_THAT(lines(6),
                ElementsAre("BREW /tea HTTP/1.1 400 16", "junk - - 400 16", testing::StartsWith("- - - "),
                            "POST /big HTTP/1.1 413 22", "GET /slow HTTP/1.1 408 20", "POST /body HTTP/1.1 408 20"));
}

TEST_F(AccessLogTest, bytes_are_those_of_the_body_that_the_client_may_see) {
    app.routes["/stream"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        for (int i = 0; i < 3; ++i) static_cast<void>(response.write("12345"));
        response.finish({});
    };
    app.routes["/excess"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        response.header("Content-Length", "3");
        const std::string_view body = "12345";
        response.finish({&body, 1});
    };
    start_with("{path} {status} {bytes}");
    connect(1).ask(http("/stream", "Connection: close\r\n"));
    connect(1).ask("HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    connect(0).ask(uwsgi("/excess"));
    EXPECT_THAT(lines(3), ElementsAre("/stream 200 15", "/stream 200 0", "/excess 200 3"));
}

TEST_F(AccessLogTest, each_thread_writes_its_own_ring) {
    start_with("{path} {request_id}", 4);
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back([this] {
            for (int n = 0; n < 200; ++n) connect(0).ask(uwsgi("/many"));
        });
    }
    for (auto& client : clients) client.join();
    auto seen = lines(800);
    std::ranges::sort(seen);
    EXPECT_EQ(seen.size(), 800u);
    EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end()) << "a request is recorded once";
}

TEST(AccessWriterProcess, a_killed_worker_leaves_what_it_had_answered) {
    const auto rings = common::access::Rings::make(1, 1).value();
    const auto format = common::access::parse_format(common::access::Style::text, "{status}").value();
    const pid_t child = ::fork();
    if (child == 0) {
        AccessWriter writer(format, rings.ring(0, 0), nullptr);
        for (int i = 0; i < 500; ++i) {
            Answered answered;
            answered.status = 200 + i % 3;
            writer.write(answered);
        }
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    common::access::RingReader reader(rings.ring(0, 0));
    common::access::RingReader::Scratch scratch{};
    int seen = 0;
    EXPECT_EQ(
        reader.drain(scratch,
                     [&](std::string_view bytes) {
                         const auto record = common::access::read_record(bytes, 0);
                         EXPECT_TRUE(record && record->head.status == 200 + seen % 3 && record->head.pid == child);
                         ++seen;
                         return true;
                     }),
        0u);
    EXPECT_EQ(seen, 500);
}

}  // namespace
}  // namespace vassal::worker
