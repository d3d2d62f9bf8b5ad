// SPDX-License-Identifier: Apache-2.0
// `stream_body`: the application reads the body from the connection while it runs.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using app::BodyEnd;

struct StreamTest : WorkerTest {
    StreamTest() { config.stream_body = true; }

    static std::string read_all(const app::Request& request, std::size_t at_once = 1000) {
        if (request.body.stream == nullptr) return std::string(request.body.memory);
        std::string body, piece(at_once, '\0');
        while (const std::size_t count = request.body.stream->read(piece.data(), piece.size())) {
            body.append(piece, 0, count);
        }
        return body;
    }
    static std::string end_of(const app::Request& request) {
        if (request.body.stream == nullptr) return "whole";
        switch (request.body.stream->end()) {
            case BodyEnd::none: return "none";
            case BodyEnd::complete: return "complete";
            case BodyEnd::client_gone: return "gone";
            case BodyEnd::timed_out: return "timed out";
            case BodyEnd::too_large: return "too large";
            case BodyEnd::malformed: return "malformed";
            case BodyEnd::answered: return "answered";
        }
        return "?";
    }
    // Answers with the body and how it ended.
    static void echo(const app::Request& request, app::Response& response) {
        const std::string body = read_all(request);
        FakeApplication::answer(response, "[" + body + "] " + end_of(request));
    }
    static std::string text_of(std::string bytes, int listener) {
        if (listener != 2) return bytes;
        std::string text;
        while (bytes.size() >= 8) {
            const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
            if (at(1) == 6) text += bytes.substr(8, at(4) << 8 | at(5));
            bytes.erase(0, 8 + (at(4) << 8 | at(5)) + at(6));
        }
        return text;
    }
    static std::string request(int listener, const std::string& path, const std::string& body) {
        switch (listener) {
            case 0: return uwsgi(path, body);
            case 1:
                return "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body;
            case 2: return fastcgi(path, body);
            default: return scgi(path, body);
        }
    }
    static std::string chunked(const std::string& path, std::string_view chunks, std::string_view fields = {}) {
        return "POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + std::string(fields) +
               "\r\n" + std::string(chunks);
    }
};

TEST_F(StreamTest, all_protocols_hand_bodies_on_whole_wherever_they_are_cut) {
    app.routes["/echo"] = echo;
    start();
    const std::string body = "first\nsecond";
    for (int listener = 0; listener < 4; ++listener) {
        const std::string bytes = request(listener, "/echo", body);
        for (std::size_t cut = bytes.size() - 40; cut <= bytes.size(); ++cut) {
            Client client = connect(listener);
            client.send(bytes.substr(0, cut));
            if (cut % 3 == 0) ::poll(nullptr, 0, 1);  // whether the worker looks in between or not
            client.send(bytes.substr(cut));
            const std::string text = text_of(client.read_all(), listener);
            EXPECT_NE(text.find("[" + body + "]"), std::string::npos) << listener << " " << cut << " " << text;
        }
    }
}

TEST_F(StreamTest, large_bodies_come_whole_in_all_protocols) {
    app.routes["/echo"] = echo;
    start();
    std::string body(3'000'000, 'x');
    for (std::size_t i = 0; i < body.size(); i += 777) body[i] = static_cast<char>('a' + i % 26);
    for (int listener = 0; listener < 4; ++listener) {
        EXPECT_TRUE(text_of(connect(listener).ask(request(listener, "/echo", body)), listener)
                        .ends_with("[" + body + "] complete"))
            << listener;
    }
}

TEST_F(StreamTest, the_app_answers_before_the_last_byte_was_sent) {
    app.routes["/talk"] = [](const app::Request& request, app::Response& response) {
        response.start("200 OK");
        std::string piece(3, '\0');
        while (const std::size_t count = request.body.stream->read(piece.data(), piece.size())) {
            EXPECT_EQ(response.write("<" + piece.substr(0, count) + ">"), app::Sent::ok);
        }
        response.finish({});
    };
    start();
    Client client = connect(1);
    client.send("POST /talk HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    client.send("one");
    EXPECT_TRUE(client.read_until("<one>\r\n").ends_with("<one>\r\n"));
    client.send("two" + http("/next", "Connection: close\r\n"));
    const std::string rest = client.read_all();
    EXPECT_TRUE(rest.starts_with("5\r\n<two>\r\n0\r\n\r\nHTTP/1.1 200 OK")) << rest;
    EXPECT_TRUE(rest.ends_with("/next"));
}

TEST_F(StreamTest, chunks_are_taken_apart_and_pipelined_requests_are_kept) {
    app.routes["/echo"] = echo;
    start();
    const std::string all = chunked("/echo", "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n") +
                            http("/next", "Connection: close\r\n");
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
        Client client = connect(1);
        client.send(all.substr(0, cut));
        if (cut % 5 == 0) ::poll(nullptr, 0, 1);
        client.send(all.substr(cut));
        const std::string answers = client.read_all();
        EXPECT_NE(answers.find("[abcde] complete"), std::string::npos) << cut << answers;
        EXPECT_TRUE(answers.ends_with("/next")) << cut << answers;
    }
}

TEST_F(StreamTest, continue_is_said_when_the_app_reads) {
    app.routes["/echo"] = echo;
    app.routes["/refuse"] = [](const app::Request&, app::Response& response) {
        FakeApplication::answer(response, "no");
    };
    start();
    const std::string fields = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    Client client = connect(1);
    client.send("POST /echo" + fields);
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc" + http("/", "Connection: close\r\n"));
    EXPECT_NE(client.read_all().find("[abc] complete"), std::string::npos);
    const std::string refused = connect(1).ask("POST /refuse" + fields);
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 200 OK\r\n")) << refused;
    EXPECT_NE(refused.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(StreamTest, a_small_rest_that_is_there_leaves_the_connection_open) {
    app.routes["/early"] = [](const app::Request&, app::Response& response) {
        FakeApplication::answer(response, "early");
    };
    start();
    Client client = connect(1);
    client.send(chunked("/early", "3\r\nabc\r\n0\r\n\r\n") + http("/next", "Connection: close\r\n"));
    const std::string answers = client.read_all();
    EXPECT_NE(answers.find("early"), std::string::npos);
    EXPECT_TRUE(answers.ends_with("/next")) << answers;
}

TEST_F(StreamTest, an_answer_before_the_end_of_the_body_arrives_and_ends_the_connection) {
    app.routes["/early"] = [](const app::Request& request, app::Response& response) {
        char byte = 0;
        EXPECT_EQ(request.body.stream->read(&byte, 1), 1u);
        FakeApplication::answer(response, "early");
    };
    start();
    const std::string body(5'000'000, 'x');
    for (const int listener : {0, 1, 3}) {
        Client client = connect(listener);
        std::thread sender([&] { client.send(request(listener, "/early", body)); });
        const std::string answer = client.read_all();
        sender.join();
        EXPECT_TRUE(answer.ends_with("early")) << listener << answer;
    }
    Client client = connect(1);
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx");
    EXPECT_NE(client.read_all().find("Connection: close\r\n"), std::string::npos);
}

TEST_F(StreamTest, a_body_that_breaks_off_says_how) {
    config.limits.body = 100;
    config.timeouts.body = std::chrono::milliseconds(500);
    app.routes["/echo"] = echo;
    start();
    const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
    Client gone = connect(1);
    gone.send(head);
    gone.end_of_input();
    EXPECT_TRUE(gone.read_all().ends_with("[abc] gone"));
    Client slow = connect(1);
    slow.send(head);
    EXPECT_TRUE(slow.read_until("out").ends_with("[abc] timed out"));
    EXPECT_TRUE(connect(1).ask(chunked("/echo", "3\r\nabc\r\n70\r\n" + std::string(98, 'x'))).ends_with("too large"));
    EXPECT_TRUE(connect(1).ask(chunked("/echo", "3\r\nabc\r\nzzz")).ends_with("[abc] malformed"));
    EXPECT_EQ(figures().client_aborts.load(), 1u);
    EXPECT_EQ(figures().read_errors.load(), 1u);
}

TEST_F(StreamTest, a_fastcgi_abort_ends_the_body_and_the_connection) {
    std::binary_semaphore has_ended{0};
    app.routes["/echo"] = [&](const app::Request& request, app::Response& response) {
        echo(request, response);
        has_ended.release();
    };
    start();
    Client client = connect(2);
    client.send(fastcgi_head("/echo", "10", true) + record(5, 1, "abc"));
    client.send(record(2, 1));
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(has_ended.try_acquire_for(std::chrono::seconds(10)));
}

TEST_F(StreamTest, fastcgi_keeps_the_connection_and_answers_what_comes_between) {
    app.routes["/echo"] = echo;
    start();
    Client client = connect(2);
    client.send(fastcgi_head("/echo", "5", true) + record(5, 1, "abc"));
    client.send(record(9, 0) + begin_record(2, true));  // GET_VALUES; a second request is refused
    client.send(record(5, 1, "de") + record(5, 1) + fastcgi("/next"));
    const std::string text = text_of(client.read_all(), 2);
    EXPECT_NE(text.find("[abcde] complete"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("/next"));
}

TEST_F(StreamTest, a_slow_client_leaves_the_interpreter_and_the_clock_to_others) {
    config.threads = 2;
    app.routes["/echo"] = echo;
    start();
    Client slow = connect(1);
    slow.send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\na");
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
    for (const char c : {'b', 'c', 'd'}) {
        ::poll(nullptr, 0, 20);
        slow.send({&c, 1});
    }
    EXPECT_TRUE(slow.read_all().ends_with("[abcd] complete"));
}

TEST_F(StreamTest, waiting_for_the_client_does_not_count_as_the_app_s_time) {
    app.routes["/echo"] = echo;
    start();
    Client slow = connect(1);
    slow.send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\na");
    ASSERT_TRUE(reaches(figures().request_started_us, INT64_MAX));
    slow.send("bcd");
    EXPECT_TRUE(slow.read_all().ends_with("[abcd] complete"));
}

TEST_F(StreamTest, a_read_that_another_thread_waits_in_ends_with_the_response) {
    app.routes["/leave"] = [&](const app::Request& request, app::Response& response) {
        std::binary_semaphore is_reading{0};
        std::thread reader([&] {
            app.acquire();
            is_reading.release();
            char byte = 0;
            EXPECT_EQ(request.body.stream->read(&byte, 1), 0u);
            app.release();
        });
        app.release();
        is_reading.acquire();
        app.acquire();  // the reader waits for the client now
        request.body.stream->cancel();
        app.release();
        reader.join();
        app.acquire();
        FakeApplication::answer(response, end_of(request));
    };
    start();
    Client client = connect(1);
    client.send("POST /leave HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    EXPECT_TRUE(client.read_all().ends_with("answered"));
}

}  // namespace
}  // namespace vassal::worker
