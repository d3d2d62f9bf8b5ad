// SPDX-License-Identifier: Apache-2.0
// What clients see: framing, bodies, keep-alive, limits and timeouts.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view uwsgi_hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

std::string body_of(const std::string& response) {
    const std::size_t end = response.find("\r\n\r\n");
    return end == std::string::npos ? "(no head) " + response : response.substr(end + 4);
}

// Answers with what it received and where the body lay.
void echo(const app::Request& request, app::Response& response) {
    std::string body(request.body.memory);
    std::string place = "memory ";
    if (request.body.file >= 0) {
        place = "file ";
        body.resize(request.body.size);
        EXPECT_EQ(::pread(request.body.file, body.data(), body.size(), 0), static_cast<ssize_t>(body.size()));
    }
    EXPECT_EQ(body.size(), request.body.size);
    FakeApplication::answer(response,
                            place + std::string(FakeApplication::value(request, "CONTENT_LENGTH")) + " " + body);
}

TEST_F(WorkerTest, uwsgi_answers_and_closes) {
    start();
    EXPECT_EQ(connect(0).ask(uwsgi("/")), uwsgi_hello);
    EXPECT_EQ(connect(0).ask(uwsgi("/")), uwsgi_hello);
    EXPECT_EQ(stop(), 0);
    EXPECT_EQ(figures().requests.load(), 2u);
    EXPECT_EQ(figures().status_classes[1].load(), 2u);
    EXPECT_EQ(figures().bytes_out.load(), 2 * uwsgi_hello.size());
    EXPECT_EQ(figures().request_started_us.load(), 0u);
    EXPECT_EQ(figures().client_aborts.load(), 0u);
}

TEST_F(WorkerTest, a_request_in_single_bytes_is_served) {
    start();
    for (const int listener : {0, 1}) {
        Client client = connect(listener);
        const std::string request = listener == 0 ? uwsgi("/", "abc") : http("/", "Connection: close\r\n");
        for (const char c : request) client.send({&c, 1});
        EXPECT_TRUE(client.read_all().ends_with("hello")) << listener;
    }
}

TEST_F(WorkerTest, http_keeps_the_connection_and_serves_pipelined_requests_in_order) {
    start();
    Client client = connect(1);
    std::string all;
    for (int i = 0; i < 40; ++i) all += http("/" + std::to_string(i));
    client.send(all + http("/last", "Connection: close\r\n"));
    const std::string answers = client.read_all();
    std::size_t at = 0;
    for (int i = 0; i < 40; ++i) {
        at = answers.find("\r\n\r\n/" + std::to_string(i) + "HTTP/1.1 200", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
    EXPECT_TRUE(answers.ends_with("/last"));
    EXPECT_EQ(app.served, 41);
}

TEST_F(WorkerTest, bodies_arrive_whole_wherever_they_are_kept) {
    config.limits.body_memory = 100'000;
    app.routes["/echo"] = echo;
    start();
    for (const auto& [size, place] : std::map<std::size_t, std::string>{{3, "memory "},
                                                                        {16'000, "memory "},
                                                                        {17'000, "memory "},
                                                                        {100'000, "memory "},
                                                                        {100'001, "file "},
                                                                        {3'000'000, "file "}}) {
        const std::string body(size, 'x');
        const std::string expected = place + std::to_string(size) + " " + body;
        EXPECT_TRUE(body_of(connect(0).ask(uwsgi("/echo", body))) == expected) << size;
        const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ";
        EXPECT_TRUE(body_of(connect(1).ask(head + std::to_string(size) + "\r\n\r\n" + body)) == expected) << size;
    }
}

// All of it is there when the worker looks, so that it never waits (and decodes the head anew) between head and body.
TEST_F(WorkerTest, a_head_stays_readable_while_its_body_moves_the_buffer) {
    app.routes["/echo"] = echo;
    std::binary_semaphore may_answer{0};
    app.routes["/held"] = [&](const app::Request&, app::Response& response) {
        app.release();
        may_answer.acquire();
        app.acquire();
        FakeApplication::answer(response, "held");
    };
    start();
    const std::string body(8'000, 'x');
    const std::string length = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n" + body;
    const std::string chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                std::string("1f40\r\n") + body + "\r\n1f40\r\n" + body + "\r\n0\r\n\r\n";
    const std::string next = http("/next", "Connection: close\r\nX-Long: " + std::string(20'000, 'y') + "\r\n");
    for (const std::string& request : {length, chunked}) {
        Client client = connect(1);
        client.send(http("/held", "X-Long: " + std::string(10'000, 'y') + "\r\n") + request + next);
        may_answer.release();
        const std::string answers = client.read_all();
        EXPECT_NE(answers.find(" xxxxxxxx"), std::string::npos) << answers.substr(0, 500);
        EXPECT_TRUE(answers.ends_with("/next"));
    }
}

TEST_F(WorkerTest, a_chunked_body_gets_its_length_and_leaves_the_next_request_alone) {
    config.limits.body_memory = 1000;
    app.routes["/echo"] = echo;
    start();
    for (const std::size_t size : {5u, 5000u}) {
        Client client = connect(1);
        std::string chunks;
        for (std::size_t i = 0; i < size; i += 5) chunks += "5;x\r\nabcde\r\n";
        const std::string request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks +
                                    "0\r\nT: x\r\n\r\n" + http("/next", "Connection: close\r\n");
        const std::size_t cut = request.size() / 2;
        client.send(request.substr(0, cut));
        client.send(request.substr(cut));
        const std::string answers = client.read_all();
        EXPECT_NE(answers.find((size > 1000 ? "file " : "memory ") + std::to_string(size) + " abcde"),
                  std::string::npos);
        EXPECT_TRUE(answers.ends_with("/next"));
    }
}

TEST_F(WorkerTest, expect_continue_is_answered_before_the_body) {
    app.routes["/echo"] = echo;
    start();
    Client client = connect(1);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(body_of(client.ask("abc")), "memory 3 abc");
}

TEST_F(WorkerTest, a_stream_is_chunked_for_http_and_plain_for_uwsgi) {
    app.routes["/stream"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        EXPECT_EQ(response.write(""), app::Sent::ok);
        EXPECT_FALSE(response.head_was_sent());
        EXPECT_EQ(response.write("one"), app::Sent::ok);
        EXPECT_TRUE(response.head_was_sent());
        EXPECT_EQ(response.write("twoo"), app::Sent::ok);
        response.finish({});
    };
    start();
    EXPECT_EQ(body_of(connect(0).ask(uwsgi("/stream"))), "onetwoo");
    EXPECT_EQ(body_of(connect(1).ask(http("/stream", "Connection: close\r\n"))), "3\r\none\r\n4\r\ntwoo\r\n0\r\n\r\n");
    EXPECT_EQ(body_of(connect(1).ask("GET /stream HTTP/1.0\r\n\r\n")), "onetwoo");
}

TEST_F(WorkerTest, a_generator_waits_for_a_slow_client_without_the_interpreter_lock) {
    constexpr std::size_t count = 80, size = 100'000;
    app.routes["/stream"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(response.write(std::string(size, 'x')), app::Sent::ok);
        response.finish({});
    };
    start();
    Client client = connect(0);
    client.send(uwsgi("/stream"));
    // The generator cannot end before somebody reads; the lock must become free all the same.
    while (app.served == 0) std::this_thread::yield();
    app.lock.lock();
    app.lock.unlock();
    EXPECT_EQ(body_of(client.read_all()).size(), count * size);
}

TEST_F(WorkerTest, a_large_list_is_finished_by_the_reactor_while_others_are_served) {
    const std::string large(8'000'000, 'y');
    app.routes["/large"] = [&](const app::Request&, app::Response& response) {
        std::vector<std::string_view> chunks;
        for (std::size_t i = 0; i < 80; ++i) chunks.push_back(std::string_view(large).substr(i * 100'000, 100'000));
        response.start("200 OK");
        response.finish(chunks);
    };
    start();
    Client slow = connect(1);
    slow.send(http("/large") + http("/after", "Connection: close\r\n"));
    EXPECT_EQ(connect(0).ask(uwsgi("/")), uwsgi_hello);
    const std::string answers = slow.read_all();
    EXPECT_NE(answers.find("Content-Length: 8000000\r\n"), std::string::npos);
    EXPECT_TRUE(answers.ends_with("/after"));
    EXPECT_GT(answers.size(), large.size());
}

TEST_F(WorkerTest, a_file_is_sent_and_may_be_closed_at_once) {
    common::UniqueFd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_TRUE(file);
    const std::string text(3'000'000, 'f');
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    app.routes["/file"] = [&](const app::Request&, app::Response& response) {
        const common::UniqueFd copy(::dup(file.get()));
        response.start("200 OK");
        response.finish_file(copy.get(), 10, text.size() - 10);
    };
    start();
    EXPECT_EQ(body_of(connect(0).ask(uwsgi("/file"))).size(), text.size() - 10);
    const std::string answers = connect(1).ask(http("/file") + http("/after", "Connection: close\r\n"));
    EXPECT_TRUE(answers.ends_with("/after"));
    EXPECT_NE(answers.find("Content-Length: 2999990\r\n"), std::string::npos);
}

TEST_F(WorkerTest, head_drops_the_body_and_keeps_its_length) {
    start();
    Client client = connect(1);
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_TRUE(client.ask(http("/x", "Connection: close\r\n")).starts_with("HTTP/1.1 200"));
}

TEST_F(WorkerTest, more_body_than_content_length_is_cut_and_less_ends_the_connection) {
    app.routes["/more"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        response.header("Content-Length", "3");
        const std::string_view body = "abcdef";
        response.finish({&body, 1});
    };
    app.routes["/less"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        response.header("Content-Length", "10");
        EXPECT_EQ(response.write("abc"), app::Sent::ok);
        response.finish({});
    };
    start();
    const std::string answers = connect(1).ask(http("/more") + http("/less") + http("/never"));
    EXPECT_NE(answers.find("abcHTTP/1.1 200"), std::string::npos);
    EXPECT_TRUE(answers.ends_with("\r\n\r\nabc"));
    EXPECT_EQ(app.served, 2);
}

TEST_F(WorkerTest, an_application_that_does_not_answer_is_a_500) {
    app.routes["/nothing"] = [](const app::Request&, app::Response&) {};
    app.routes["/abort"] = [](const app::Request&, app::Response& response) {
        response.note_exception();
        response.abort();
    };
    app.routes["/late"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        EXPECT_EQ(response.write("part"), app::Sent::ok);
        response.abort();
    };
    start();
    EXPECT_TRUE(connect(0).ask(uwsgi("/nothing")).starts_with("HTTP/1.1 500 "));
    EXPECT_TRUE(connect(1).ask(http("/abort", "Connection: close\r\n")).starts_with("HTTP/1.1 500 "));
    EXPECT_TRUE(connect(1).ask(http("/late")).ends_with("4\r\npart\r\n"));  // no last chunk
    EXPECT_EQ(stop(), 0);
    EXPECT_EQ(figures().exceptions.load(), 1u);
}

TEST_F(WorkerTest, refusals_are_answered_and_never_reset_although_the_body_is_unread) {
    config.limits.body = 1000;
    start();
    const std::string large(300'000, 'x');
    EXPECT_TRUE(connect(0).ask(uwsgi("/", large)).starts_with("HTTP/1.1 413 "));
    Client http_client = connect(1);
    const std::string answer = http_client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + large);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 "));
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    EXPECT_FALSE(answer.ends_with("RESET"));
    const std::string in_records = connect(2).ask(fastcgi("/", large));
    EXPECT_NE(in_records.find("Status: 413 "), std::string::npos);
    EXPECT_FALSE(in_records.ends_with("RESET"));
    const std::string in_scgi = connect(3).ask(scgi("/", large));
    EXPECT_TRUE(in_scgi.starts_with("Status: 413 ") && !in_scgi.ends_with("RESET"));
    EXPECT_TRUE(connect(1).ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(connect(0).ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(app.served, 0);
}

TEST_F(WorkerTest, a_ping_is_answered_without_the_application) {
    start();
    EXPECT_EQ(connect(0).ask(std::string("\x64\0\0\0", 4)), std::string("\x64\0\0\1", 4));
    EXPECT_EQ(app.served, 0);
}

TEST_F(WorkerTest, a_client_that_leaves_is_counted_and_disturbs_nobody) {
    app.routes["/gone"] = [](const app::Request&, app::Response& response) {
        response.start("200 OK");
        while (response.write(std::string(100'000, 'x')) == app::Sent::ok) {
        }
        response.finish({});
    };
    start();
    {
        Client half = connect(0);
        half.send(uwsgi("/", "abcdef").substr(0, 30));
    }
    EXPECT_TRUE(reaches(figures().client_aborts, 1));
    Client client = connect(0);
    client.send(uwsgi("/gone"));
    client.read_until("x");
    client.disconnect();
    EXPECT_TRUE(reaches(figures().client_aborts, 2));
    EXPECT_EQ(connect(0).ask(uwsgi("/")), uwsgi_hello);
}

TEST_F(WorkerTest, every_phase_has_its_timeout) {
    config.timeouts.header = config.timeouts.body = config.timeouts.keepalive = config.timeouts.write = 300ms;
    app.routes["/large"] = [](const app::Request&, app::Response& response) {
        FakeApplication::answer(response, std::string(4'000'000, 'x'));
    };
    start();
    EXPECT_EQ(connect(1).read_all(), "");  // says nothing: closed without a word
    EXPECT_TRUE(connect(1).ask("GET / HT").starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(connect(0).ask(uwsgi("/", "abc").substr(0, 10)).starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(
        connect(1).ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(connect(1).ask(http("/")).ends_with("hello"));  // kept alive, then closed
    Client reader = connect(0);
    reader.send(uwsgi("/large"));
    EXPECT_TRUE(reaches(figures().write_errors, 1));
    EXPECT_LT(reader.read_all().size(), 4'000'000u);
}

TEST_F(WorkerTest, five_hundred_idle_connections_do_not_hinder_the_others) {
    start();
    std::vector<Client> idle;
    for (int i = 0; i < 250; ++i) {
        idle.push_back(connect(1));
        idle.push_back(connect(0));
        idle.back().send(uwsgi("/").substr(0, 7));
    }
    for (int i = 0; i < 100; ++i) ASSERT_EQ(connect(0).ask(uwsgi("/")), uwsgi_hello);
    for (Client& client : idle) ASSERT_TRUE(client.is_silent_for(0));
    EXPECT_TRUE(idle.front().ask(http("/", "Connection: close\r\n")).ends_with("hello"));
    EXPECT_EQ(idle.back().ask(uwsgi("/").substr(7)), uwsgi_hello);
}

TEST_F(WorkerTest, beyond_its_connection_limit_clients_wait_in_the_backlog) {
    config.limits.connections = 3;
    start();
    std::vector<Client> holders;
    for (int i = 0; i < 3; ++i) {
        holders.push_back(connect(1));
        holders.back().send(http("/"));
        EXPECT_TRUE(holders.back().read_until("hello").ends_with("hello"));
    }
    Client waiting = connect(0);
    waiting.send(uwsgi("/"));
    EXPECT_TRUE(waiting.is_silent_for(100));
    holders.pop_back();
    EXPECT_EQ(waiting.read_all(), uwsgi_hello);
}

TEST_F(WorkerTest, threads_serve_side_by_side) {
    config.threads = 4;
    std::counting_semaphore<4> arrived{0};
    std::counting_semaphore<4> may_leave{0};
    app.routes["/meet"] = [&](const app::Request&, app::Response& response) {
        app.release();  // as a blocking call of Python does
        arrived.release();
        may_leave.acquire();
        app.acquire();
        FakeApplication::answer(response, "met");
    };
    start();
    std::vector<Client> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(connect(i % 2));
        clients.back().send(i % 2 == 0 ? uwsgi("/meet") : http("/meet", "Connection: close\r\n"));
    }
    bool have_all_met = true;
    for (int i = 0; i < 4; ++i) have_all_met = arrived.try_acquire_for(10s) && have_all_met;
    EXPECT_TRUE(have_all_met);
    may_leave.release(4);
    for (Client& client : clients) EXPECT_TRUE(client.read_all().ends_with("met"));
}

}  // namespace
}  // namespace vassal::worker
