// SPDX-License-Identifier: Apache-2.0
// One large chunk is not copied for a client that does not take it at once: its owner keeps it until it is sent.

#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

// Spoils its text when it is let go: what is sent afterwards shows. Says whether the interpreter lock was held.
struct Owner {
    FakeApplication& app;
    std::string text = std::string(6'000'000, 'h');
    std::atomic<int> kept{0}, let_go{0}, without_lock{0};

    void answer(app::Response& response, bool has_length) {
        response.start("200 OK");
        if (has_length) response.header("Content-Length", std::to_string(text.size()));
        if (!has_length) static_cast<void>(response.write("a stream, then "));
        response.finish_held(text, {.owner = this,
                                    .keep = [](void* self) noexcept { ++static_cast<Owner*>(self)->kept; },
                                    .let_go = [](void* self) noexcept { static_cast<Owner*>(self)->end(); }});
    }
    void end() noexcept {
        std::thread([this] {
            if (!app.lock.try_lock()) return;
            ++without_lock;
            app.lock.unlock();
        }).join();
        std::fill(text.begin(), text.end(), '!');
        ++let_go;
    }
    // A client that reads before may be quick enough to get all of it at once.
    [[nodiscard]] bool is_kept() const {
        for (int i = 0; i < 10'000 && kept < 1; ++i) ::poll(nullptr, 0, 1);
        return kept == 1;
    }
    [[nodiscard]] bool is_let_go() const {
        for (int i = 0; i < 10'000 && let_go < 1; ++i) ::poll(nullptr, 0, 1);
        return let_go == 1 && kept == 1 && without_lock == 0;
    }
};

class HeldTest : public WorkerTest {
protected:
    Owner owner{app};
    const std::string whole = owner.text;
};

TEST_F(HeldTest, a_large_chunk_is_kept_until_a_slow_client_has_it) {
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, true); };
    start();
    Client slow = connect(0);
    slow.send(uwsgi("/large"));
    EXPECT_EQ(body_of(connect(0).ask(uwsgi("/"))), "hello");
    EXPECT_EQ(owner.let_go, 0);
    EXPECT_EQ(body_of(slow.read_all()), whole);
    EXPECT_TRUE(owner.is_let_go());
}

TEST_F(HeldTest, a_kept_connection_goes_on_behind_it) {
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, true); };
    start();
    Client slow = connect(1);
    slow.send(http("/large") + http("/after", "Connection: close\r\n"));
    ASSERT_TRUE(owner.is_kept());
    const std::string answers = slow.read_all();
    EXPECT_NE(answers.find("\r\n\r\n" + whole + "HTTP/1.1 200 OK\r\n"), std::string::npos);
    EXPECT_TRUE(answers.ends_with("/after"));
    EXPECT_TRUE(owner.is_let_go());
}

TEST_F(HeldTest, the_end_of_a_chunked_body_follows_it) {
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, false); };
    start();
    Client slow = connect(1);
    slow.send(http("/large", "Connection: close\r\n"));
    ASSERT_TRUE(owner.is_kept());
    const std::string answer = slow.read_all();
    EXPECT_NE(answer.find("\r\na stream, then \r\n5b8d80\r\n" + whole + "\r\n0\r\n\r\n"), std::string::npos);
    EXPECT_TRUE(owner.is_let_go());
}

TEST_F(HeldTest, it_is_let_go_when_the_client_leaves) {
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, true); };
    start();
    {
        Client gone = connect(0);
        gone.send(uwsgi("/large"));
        ASSERT_TRUE(owner.is_kept());
    }
    EXPECT_TRUE(owner.is_let_go());
}

TEST_F(HeldTest, fastcgi_copies_it_into_records) {
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, true); };
    start();
    Client slow = connect(2);
    slow.send(fastcgi("/large", "", false));
    EXPECT_GT(slow.read_all().size(), whole.size());
    EXPECT_EQ(owner.kept, 0);
}

TEST_F(HeldTest, threads_share_such_connections) {
    config.threads = 3;
    app.routes["/large"] = [&](const app::Request&, app::Response& response) { owner.answer(response, true); };
    start();
    Client slow = connect(0);
    slow.send(uwsgi("/large"));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(body_of(connect(0).ask(uwsgi("/"))), "hello");
    ASSERT_TRUE(owner.is_kept());
    EXPECT_EQ(body_of(slow.read_all()), whole);
    EXPECT_TRUE(owner.is_let_go());
}

}  // namespace
}  // namespace vassal::worker
