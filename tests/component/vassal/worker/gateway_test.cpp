// SPDX-License-Identifier: Apache-2.0
// FastCGI and SCGI as their clients see them.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

const std::string success(8, '\0');

struct Answer {
    std::string text;    // of all STDOUT records
    std::string asides;  // types of other records
    bool is_ended = false;
    bool is_sound = true;
};

Answer parse(std::string_view bytes) {
    Answer answer;
    while (bytes.size() >= 8) {
        const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
        const std::size_t size = at(4) << 8 | at(5);
        if (bytes.size() < 8 + size + at(6)) break;
        if (at(1) == 6) {
            answer.text += bytes.substr(8, size);
        } else {
            answer.asides += std::to_string(at(1)) + ":" + (size > 4 ? std::to_string(at(12)) : "") + " ";
        }
        answer.is_ended = at(1) == 3;
        bytes.remove_prefix(8 + size + at(6));
    }
    answer.is_sound = bytes.empty();
    return answer;
}

void echo(const app::Request& request, app::Response& response) {
    std::string body(request.body.memory);
    if (request.body.file >= 0) {
        body.resize(request.body.size);
        EXPECT_EQ(::pread(request.body.file, body.data(), body.size(), 0), static_cast<ssize_t>(body.size()));
    }
    FakeApplication::answer(response, std::string(FakeApplication::value(request, "CONTENT_LENGTH")) + " " + body);
}

TEST_F(WorkerTest, fastcgi_answers_in_records_and_closes) {
    start();
    constexpr std::string_view text = "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    const Answer answer = parse(connect(2).ask(fastcgi("/")));
    EXPECT_EQ(answer.text, text);
    EXPECT_TRUE(answer.is_ended && answer.is_sound);
    EXPECT_EQ(connect(3).ask(scgi("/")), text);
}

TEST_F(WorkerTest, fastcgi_keeps_the_connection_and_serves_pipelined_requests_in_order) {
    start();
    Client client = connect(2);
    std::string all;
    for (int i = 1; i < 40; ++i) all += fastcgi("/" + std::to_string(i), i % 2 ? "" : "body", true, i);
    client.send(all + fastcgi("/last", {}, false, 99));
    const Answer answer = parse(client.read_all());
    EXPECT_TRUE(answer.is_ended && answer.is_sound);
    EXPECT_TRUE(answer.text.ends_with("/last"));
    EXPECT_EQ(app.served, 40);
}

TEST_F(WorkerTest, gateway_requests_in_single_bytes_are_served) {
    app.routes["/echo"] = echo;
    start();
    for (const int listener : {2, 3}) {
        Client client = connect(listener);
        for (const char c : listener == 2 ? fastcgi("/echo", "abc") : scgi("/echo", "abc")) client.send({&c, 1});
        const std::string bytes = client.read_all();
        EXPECT_TRUE((listener == 2 ? parse(bytes).text : bytes).ends_with("3 abc")) << listener;
    }
}

TEST_F(WorkerTest, gateway_bodies_arrive_whole_wherever_they_are_kept) {
    config.limits.body_memory = 100'000;
    app.routes["/echo"] = echo;
    start();
    for (const std::size_t size : {3u, 16'000u, 17'000u, 100'000u, 100'001u, 3'000'000u}) {
        const std::string body(size, 'x');
        const std::string expected = std::to_string(size) + " " + body;
        const Answer answer = parse(connect(2).ask(fastcgi("/echo", body)));
        EXPECT_TRUE(answer.is_ended && answer.is_sound && answer.text.ends_with("\r\n\r\n" + expected)) << size;
        EXPECT_TRUE(connect(3).ask(scgi("/echo", body)).ends_with("\r\n\r\n" + expected)) << size;
        const std::string open =
            fastcgi_head("/echo", "", false) +
            fastcgi("/echo", body).substr(fastcgi_head("/echo", std::to_string(size), false).size());
        EXPECT_TRUE(parse(connect(2).ask(open)).text.ends_with("\r\n\r\n" + expected)) << size;
    }
}

TEST_F(WorkerTest, fastcgi_files_and_large_answers_come_whole) {
    const std::string large(3'000'001, 'y');
    common::UniqueFd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), large.data(), large.size()), static_cast<ssize_t>(large.size()));
    app.routes["/file"] = [&](const app::Request&, app::Response& response) {
        response.start("200 OK");
        response.finish_file(file.get(), 1, large.size() - 1);
    };
    app.routes["/large"] = [&](const app::Request&, app::Response& response) {
        FakeApplication::answer(response, large);
    };
    app.routes["/many"] = [&](const app::Request&, app::Response& response) {
        response.start("200 OK");
        const std::vector<std::string_view> parts(500, std::string_view(large).substr(0, 777));
        response.finish(parts);
    };
    start();
    for (const auto& [path, size] : std::map<std::string, std::size_t>{
             {"/file", large.size() - 1}, {"/large", large.size()}, {"/many", 500 * 777}}) {
        Client client = connect(2);
        client.send(fastcgi(path));
        ::poll(nullptr, 0, 100);  // the worker fills the socket and goes on
        const Answer answer = parse(client.read_all());
        EXPECT_TRUE(answer.is_ended && answer.is_sound) << path;
        EXPECT_EQ(answer.text.size() - answer.text.find("\r\n\r\n") - 4, size) << path;
    }
}

TEST_F(WorkerTest, fastcgi_asides_are_answered_between_and_within_requests) {
    start();
    Client client = connect(2);
    client.send(record(77, 0) + begin_record(1, true) + begin_record(2, true) + record(2, 1));
    EXPECT_EQ(parse(client.read_until(record(3, 1, success))).asides, "11:0 3:1 3:0 ");
    client.send(fastcgi_head("/", "9", true, 3) + record(5, 3, "abc") + begin_record(4, true) + record(2, 3));
    EXPECT_EQ(parse(client.read_until(record(3, 3, success))).asides, "3:1 3:0 ");
    client.send(record(1, 5, std::string{0, 2, 1, 0, 0, 0, 0, 0}));
    EXPECT_EQ(parse(client.read_until(record(3, 5, std::string{0, 0, 0, 0, 3, 0, 0, 0}))).asides, "3:3 ");
    client.send(fastcgi("/", {}, false));
    EXPECT_TRUE(parse(client.read_all()).text.ends_with("hello"));
    EXPECT_EQ(app.served, 1);
}

TEST_F(WorkerTest, gateway_requests_that_are_wrong_are_refused_in_their_protocol) {
    start();
    for (const std::string& body : {std::string("abc"), std::string("abcdefghijk")}) {
        const Answer answer = parse(connect(2).ask(fastcgi_head("/", "9", true) + record(5, 1, body) + record(5, 1)));
        EXPECT_TRUE(answer.text.starts_with("Status: 400 Bad Request\r\n"));
        EXPECT_TRUE(answer.is_ended && answer.is_sound);
    }
    EXPECT_TRUE(connect(2).ask("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_TRUE(connect(3).ask("GET / HTTP/1.0\r\n\r\n").starts_with("Status: 400 Bad Request\r\n"));
    EXPECT_EQ(app.served, 0);
}

// nginx takes the end of a connection for the end of an answer; a record that no responder sends is an error for all.
TEST_F(WorkerTest, a_fastcgi_answer_that_breaks_off_says_so) {
    const std::string_view part = "part";
    common::UniqueFd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), part.data(), part.size()), static_cast<ssize_t>(part.size()));
    const auto begin = [](app::Response& response) {
        response.start("200 OK");
        response.header("Content-Length", "100");
    };
    app.routes["/short"] = [&](const app::Request&, app::Response& response) {
        begin(response);
        response.finish({&part, 1});
    };
    app.routes["/file"] = [&](const app::Request&, app::Response& response) {
        begin(response);
        response.finish_file(file.get(), 0, part.size());
    };
    app.routes["/stream"] = [&](const app::Request&, app::Response& response) {
        response.start("200 OK");
        static_cast<void>(response.write(part));
        response.abort();
    };
    start();
    for (const char* path : {"/short", "/file", "/stream"}) {
        for (const bool keep : {false, true}) {
            const Answer answer = parse(connect(2).ask(fastcgi(path, {}, keep)));
            EXPECT_TRUE(answer.text.ends_with("part")) << path;
            EXPECT_FALSE(answer.is_ended) << path;
            EXPECT_TRUE(answer.is_sound && answer.asides.starts_with("2:")) << path << " " << answer.asides;
        }
    }
}

}  // namespace
}  // namespace vassal::worker
