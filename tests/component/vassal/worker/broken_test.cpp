// SPDX-License-Identifier: Apache-2.0
// A response that breaks off must not pass for a whole one, also where the client is slow and most of it waits in the
// worker when that becomes known. And the turns in which large files are sent.
#include "tests/component/vassal/worker/worker_fixture.h"
#include "vassal/worker/output.h"

namespace vassal::worker {
namespace {

constexpr int tcp = 4;
constexpr std::size_t block = 64 * 1024;

common::UniqueFd file_of(std::size_t size) {
    common::UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
    return file;
}

class BrokenTest : public WorkerTest {
protected:
    BrokenTest() {
        has_tcp = true;
        // More than the sockets hold, less than a generator has to wait for.
        app.routes["/broken"] = [this](const app::Request&, app::Response& response) {
            stream(response);
            response.abort();
            has_answered.release();
        };
        app.routes["/whole"] = [this](const app::Request&, app::Response& response) {
            stream(response);
            response.finish({});
            has_answered.release();
        };
        app.routes["/early"] = [this](const app::Request&, app::Response& response) {
            response.start("200 OK");
            static_cast<void>(response.write("early"));
            response.abort();
            has_answered.release();
        };
    }
    void stream(app::Response& response) {
        response.start("200 OK");
        const std::string text(block, 'x');
        for (int i = 0; i < 14; ++i) EXPECT_EQ(response.write(text), app::Sent::ok);
    }
    // Reads only after the app is done.
    std::string ask_slowly(int listener, const std::string& request) {
        Client client = connect_to_tcp(listener);
        client.send(request);
        EXPECT_TRUE(has_answered.try_acquire_for(std::chrono::seconds(10)));
        return client.read_all();
    }
    static std::string http10(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.0\r\n\r\n"; }

    std::counting_semaphore<> has_answered{0};
};

TEST_F(BrokenTest, a_stream_without_framing_that_breaks_off_is_reset) {
    start();
    for (const char* path : {"/broken", "/early", "/whole"}) {
        const std::vector<std::pair<int, std::string>> asked{
            {tcp, uwsgi(path)}, {tcp + 1, http10(path)}, {tcp + 3, scgi(path)}};
        for (const auto& [listener, request] : asked) {
            const std::string answer = ask_slowly(listener, request);
            EXPECT_EQ(answer.ends_with("RESET"), path != std::string_view("/whole")) << path << " " << listener;
            EXPECT_FALSE(answer.ends_with("TIMEOUT")) << path << " " << listener;
        }
    }
}

TEST_F(BrokenTest, what_the_client_sent_behind_its_request_does_not_soften_it) {
    start();
    for (const char* path : {"/broken", "/early"}) {
        EXPECT_TRUE(ask_slowly(tcp + 1, http10(path) + http10("/next")).ends_with("RESET")) << path;
    }
    EXPECT_EQ(app.served, 2);
}

TEST_F(BrokenTest, with_framing_the_end_is_missing) {
    start();
    const std::string in_chunks = ask_slowly(tcp + 1, http("/broken"));
    EXPECT_TRUE(in_chunks.ends_with("RESET"));
    EXPECT_EQ(in_chunks.find("\r\n0\r\n"), std::string::npos);
    const std::string in_records = ask_slowly(tcp + 2, fastcgi("/broken"));
    EXPECT_EQ(in_records.find(record(3, 1, std::string(8, '\0'))), std::string::npos);
    EXPECT_FALSE(in_records.ends_with("TIMEOUT"));
}

TEST_F(BrokenTest, a_file_that_shrinks_while_it_is_sent_ends_in_a_reset) {
    common::UniqueFd file;
    app.routes["/file"] = [&](const app::Request&, app::Response& response) {
        file = file_of(8'000'000);
        response.start("200 OK");
        response.finish_file(file.get(), 0, 8'000'000);
        EXPECT_EQ(::ftruncate(file.get(), 2'000'000), 0);
        has_answered.release();
    };
    start();
    for (const int listener : {tcp, tcp + 1}) {
        const std::string request = listener == tcp ? uwsgi("/file") : http10("/file");
        EXPECT_TRUE(ask_slowly(listener, request).ends_with("RESET")) << listener;
    }
    EXPECT_FALSE(ask_slowly(tcp + 2, fastcgi("/file")).ends_with("TIMEOUT"));
}

TEST_F(BrokenTest, a_client_that_stood_still_too_long_sees_that_the_rest_is_missing) {
    config.timeouts.write = std::chrono::milliseconds(100);
    start();
    Client client = connect_to_tcp(tcp + 1);
    client.send(http10("/whole"));
    ASSERT_TRUE(reaches(figures().write_errors, 1));
    EXPECT_TRUE(client.read_all().ends_with("RESET"));
}

// Nothing ever fills /dev/null.
TEST(SendFile, others_have_a_turn_in_between) {
    const common::UniqueFd sink(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const common::UniqueFd file = file_of(50'000'000);
    std::uint64_t offset = 0, count = 50'000'000;
    int turns = 1;
    SendResult result = send_file(sink.get(), file.get(), offset, count);
    for (; result.state == SendState::full; ++turns) {
        EXPECT_EQ(result.sent, 4u << 20);
        result = send_file(sink.get(), file.get(), offset, count);
    }
    EXPECT_EQ(result.state, SendState::done);
    EXPECT_EQ(offset, 50'000'000u);
    EXPECT_EQ(turns, 12);
}

class TurnsTest : public BrokenTest, public testing::WithParamInterface<int> {};

// One thread has its events level-triggered, several have them once each.
TEST_P(TurnsTest, a_file_of_many_turns_comes_whole) {
    config.threads = GetParam();
    const common::UniqueFd file = file_of(30'000'000);
    app.routes["/file"] = [&](const app::Request&, app::Response& response) {
        response.start("200 OK");
        response.finish_file(file.get(), 0, 30'000'000);
    };
    start();
    EXPECT_GT(connect(0).ask(uwsgi("/file")).size(), 30'000'000u);
    EXPECT_TRUE(connect(1).ask(http("/file") + http("/after", "Connection: close\r\n")).ends_with("/after"));
    EXPECT_TRUE(connect(2).ask(fastcgi("/file")).ends_with(record(3, 1, std::string(8, '\0'))));
}

INSTANTIATE_TEST_SUITE_P(Threads, TurnsTest, testing::Values(1, 2));

}  // namespace
}  // namespace vassal::worker
