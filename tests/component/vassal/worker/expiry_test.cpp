// SPDX-License-Identifier: Apache-2.0
// timeouts.request: what the worker does when the master interrupts one of its threads.
#include "tests/component/vassal/worker/worker_fixture.h"
#include "vassal/link/signals.h"

namespace vassal::worker {
namespace {

using common::net::Protocol;
using common::scoreboard::ThreadSlot;

class ExpiryTest : public WorkerTest {
protected:
    // Shared with the worker's process.
    struct Wishes {
        std::atomic<int> entered{0};
        std::atomic<int> let_go{0};
    };
    InSharedMemory<Wishes> wishes = share<Wishes>();

    ExpiryTest() {
        app.routes["/stuck"] = [this](const app::Request&, app::Response& response) {
            hang();
            FakeApplication::answer(response, "too late");
        };
        app.routes["/half"] = [this](const app::Request&, app::Response& response) {
            response.start("200 OK");
            response.header("Content-Length", "100");
            static_cast<void>(response.write("a part"));
            hang();
            EXPECT_EQ(response.write("the rest"), app::Sent::client_gone);
            response.abort();
        };
        app.routes["/after"] = [this](const app::Request&, app::Response& response) {
            FakeApplication::answer(response, "all of it");
            hang();
        };
        app.routes["/short"] = [this](const app::Request&, app::Response& response) {
            app.release();
            ++wishes->entered;
            while (wishes->let_go == 0) ::poll(nullptr, 0, 1);
            app.acquire();
            FakeApplication::answer(response, "in time");
        };
    }
    // Without the interpreter lock, until let_go is 2.
    void hang() {
        app.release();
        ++wishes->entered;
        while (wishes->let_go < 2) ::poll(nullptr, 0, 1);
        app.acquire();
    }
    void wait_entered(int count) {
        for (int i = 0; i < 10'000 && wishes->entered < count; ++i) ::poll(nullptr, 0, 1);
        ASSERT_GE(wishes->entered.load(), count);
    }
    [[nodiscard]] ThreadSlot* in_request(std::string_view line) {
        for (ThreadSlot& thread : slot->thread) {
            const std::string_view request(thread.request_line.data(), thread.request_line_length);
            if (thread.request_started_us != 0 && request.ends_with(line)) return &thread;
        }
        return nullptr;
    }
    void interrupt(ThreadSlot& thread, std::uint64_t requests_later = 0) {
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        info.si_value.sival_int = link::timeout_value(thread.request_sequence + requests_later);
        ASSERT_EQ(::syscall(SYS_rt_tgsigqueueinfo, process(), thread.thread_id.load(), link::request_timeout_signal(),
                            &info),
                  0);
    }
    void interrupt(std::string_view line) {
        ThreadSlot* const thread = in_request(line);
        ASSERT_NE(thread, nullptr);
        interrupt(*thread);
    }
    static std::string request(int listener, std::string_view path) {
        switch (listener) {
            case 0: return uwsgi(path, {}, {{"REQUEST_URI", std::string(path)}});
            case 1: return http(path, "Connection: close\r\n");
            case 2: return fastcgi(path, {}, true, 7);
            default: return scgi(path);
        }
    }
};

class ExpiryByProtocol : public ExpiryTest, public testing::WithParamInterface<int> {};

TEST_P(ExpiryByProtocol, a_stuck_request_is_answered_with_504_and_its_neighbour_by_the_app) {
    config.threads = 2;
    start_process();
    Client stuck = connect(GetParam());
    stuck.send(request(GetParam(), "/stuck"));
    wait_entered(1);
    Client neighbour = connect(GetParam());
    neighbour.send(request(GetParam(), "/short"));
    wait_entered(2);
    ThreadSlot* thread = in_request("stuck");
    if (thread == nullptr) thread = &figures(0);  // FastCGI and SCGI name it otherwise
    for (ThreadSlot& each : slot->thread) {
        if (each.request_started_us != 0 && each.request_started_us < thread->request_started_us) thread = &each;
    }
    interrupt(*thread);
    const std::string answer = stuck.read_all();
    EXPECT_NE(answer.find("504 Gateway Timeout\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("\r\n\r\n504 Gateway Timeout\n"), std::string::npos) << answer;
    order(link::Drain{});  // nobody has time to read it now
    wishes->let_go = 1;
    EXPECT_NE(neighbour.read_until(GetParam() == 2 ? std::string(8, '\0') : "").find("in time"), std::string::npos);
    neighbour.disconnect();
    EXPECT_EQ(join_process(), 0);
    EXPECT_EQ(thread->status_classes[4].load(), 1u);
    EXPECT_NE(said().find("request timeout in worker 3"), std::string::npos) << said();
    EXPECT_NE(said().find("where the app is"), std::string::npos) << said();
}

std::string protocol_name(const testing::TestParamInfo<int>& listener) {
    return std::vector<std::string>{"uwsgi", "http", "fastcgi", "scgi"}.at(static_cast<std::size_t>(listener.param));
}

INSTANTIATE_TEST_SUITE_P(Every, ExpiryByProtocol, testing::Values(0, 1, 2, 3), protocol_name);

TEST_F(ExpiryTest, a_fastcgi_client_gets_its_504_in_records_of_its_request) {
    start_process();
    Client client = connect(2);
    client.send(fastcgi("/stuck", {}, true, 7));
    wait_entered(1);
    interrupt(figures());
    const std::string answer = client.read_all();
    ASSERT_GE(answer.size(), 16u);
    EXPECT_EQ(answer.substr(0, 4), (std::string{1, 6, 0, 7}));
    EXPECT_EQ(answer.substr(8, 8), "Status: ");
    EXPECT_EQ(answer.substr(answer.size() - 16, 4), (std::string{1, 3, 0, 7}));
    EXPECT_EQ(join_process(), 0);
}

TEST_F(ExpiryTest, the_only_thread_of_a_worker_answers_and_ends_the_process_at_once) {
    start_process();
    Client client = connect(1);
    client.send(http("/stuck"));
    wait_entered(1);
    interrupt("/stuck");
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    EXPECT_EQ(join_process(), 0);
    const std::size_t id = answer.find("X-Request-ID: ");
    ASSERT_NE(id, std::string::npos) << answer;
    EXPECT_NE(said().find("request " + answer.substr(id + 14, 16) + " GET /stuck\n"), std::string::npos) << said();
}

TEST_F(ExpiryTest, a_worker_whose_threads_are_all_stuck_ends) {
    config.threads = 2;
    start_process();
    Client one = connect(1), other = connect(0);
    one.send(http("/stuck"));
    wait_entered(1);
    other.send(request(0, "/half"));
    wait_entered(2);
    interrupt("/half");
    EXPECT_TRUE(other.read_all().ends_with("a part"));
    interrupt("/stuck");
    EXPECT_TRUE(one.read_all().starts_with("HTTP/1.1 504 "));
    EXPECT_EQ(join_process(), 0);
}

// The other thread waits for ever for the lock that the stuck one holds.
TEST_F(ExpiryTest, a_worker_whose_lock_is_never_let_go_ends_although_a_thread_is_not_stuck) {
    config.threads = 2;
    app.says_it_holds_lock = true;
    app.routes["/stuck"] = [this](const app::Request&, app::Response&) {
        ++wishes->entered;
        while (wishes->let_go < 2) ::poll(nullptr, 0, 1);
    };
    start_process();
    for (int i = 0; i < 10'000 && (figures(0).thread_id == 0 || figures(1).thread_id == 0); ++i) ::poll(nullptr, 0, 1);
    Client stuck = connect(1);
    stuck.send(http("/stuck"));
    wait_entered(1);
    ThreadSlot* const waiting = in_request("/stuck") == &figures(0) ? &figures(1) : &figures(0);
    Client waits = connect(0);  // wakes the other thread, which waits for the lock to accept it
    for (int i = 0; i < 10'000 && waiting->lock_wait % 2 == 0; ++i) ::poll(nullptr, 0, 1);
    ASSERT_EQ(waiting->lock_wait % 2, 1u);
    interrupt("/stuck");
    EXPECT_TRUE(stuck.read_all().starts_with("HTTP/1.1 504 "));
    EXPECT_EQ(join_process(), 0);
}

// A head that nobody reads any more is worth an answer; a connection that nobody has read from goes to another worker.
TEST_F(ExpiryTest, the_other_connections_of_a_lost_worker_are_given_away_or_refused) {
    start_process();
    Client unread = connect(1), partial = connect(3), whole = connect(1);
    partial.send(scgi("/").substr(0, 20));
    EXPECT_TRUE(connect(3).ask(scgi("/")).ends_with("hello"));  // the others were accepted before
    whole.send(http("/"));
    whole.read_until("hello");  // kept alive
    Client stuck = connect(0);
    stuck.send(uwsgi("/stuck"));
    wait_entered(1);
    unread.send("is it you?");
    whole.send("or you?");
    interrupt(figures());
    const std::string refusal = partial.read_all();
    EXPECT_TRUE(refusal.starts_with("Status: 503 Service Unavailable\r\n")) << refusal;
    EXPECT_NE(refusal.find("\r\nRetry-After: 1\r\n"), std::string::npos) << refusal;
    EXPECT_TRUE(stuck.read_all().starts_with("HTTP/1.1 504 "));
    EXPECT_EQ(join_process(), 0);
    std::vector<std::string> received;
    for (int i = 0; i < 2; ++i) {
        auto packet = common::link::receive(master.get()).value();
        ASSERT_EQ(packet.state, common::link::ReceiveState::packet);
        const auto message = link::decode_worker_message(packet.packet.payload).value();
        ASSERT_TRUE(std::holds_alternative<link::Handover>(message));
        EXPECT_EQ(std::get<link::Handover>(message).listener, 1);
        ASSERT_EQ(packet.packet.fds.size(), 1u);
        received.push_back(Client(std::move(packet.packet.fds.front())).read_until("you?"));
    }
    EXPECT_EQ(received, (std::vector<std::string>{"is it you?", "or you?"}));
}

TEST_F(ExpiryTest, a_worker_serves_a_connection_that_it_is_given) {
    start();
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    Client client{common::UniqueFd(ends[0])};
    common::UniqueFd given(ends[1]);
    ASSERT_EQ(::fcntl(given.get(), F_SETFL, O_NONBLOCK), 0);
    const std::array fds{given.get()};
    order(link::Adopt{1, 77}, fds);
    given.reset();
    EXPECT_TRUE(client.ask(http("/", "Connection: close\r\n")).ends_with("hello"));
    const auto said = next_message();
    ASSERT_TRUE(std::holds_alternative<link::Adopted>(said));
    EXPECT_EQ(std::get<link::Adopted>(said).ticket, 77);
    order(link::Drain{});
    EXPECT_EQ(join(), 0);
}

TEST_F(ExpiryTest, a_response_that_has_begun_is_cut) {
    config.threads = 2;
    start_process();
    Client client = connect(1);
    client.send(http("/half"));
    wait_entered(1);
    interrupt("/half");
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\na part")) << answer;
    ThreadSlot* const thread = in_request("/half");
    order(link::Drain{});
    EXPECT_EQ(join_process(), 0);
    EXPECT_EQ(thread->status_classes[1].load(), 1u);
}

TEST_F(ExpiryTest, a_response_that_is_complete_stays_so) {
    config.threads = 2;
    start_process();
    Client client = connect(1);
    client.send(http("/after"));
    wait_entered(1);
    interrupt("/after");
    EXPECT_TRUE(client.read_all().ends_with("all of it"));
    order(link::Drain{});
    EXPECT_EQ(join_process(), 0);
}

TEST_F(ExpiryTest, a_thread_that_comes_back_says_nothing_more_and_serves_on_until_the_drain_is_over) {
    config.threads = 2;
    start_process();
    Client client = connect(1);
    client.send(http("/stuck"));
    wait_entered(1);
    ThreadSlot* const thread = in_request("/stuck");
    interrupt("/stuck");
    std::string answer = client.read_until("Timeout\n");
    wishes->let_go = 2;
    answer += client.read_all();
    EXPECT_TRUE(answer.ends_with("\r\n\r\n504 Gateway Timeout\n")) << answer;
    for (int i = 0; i < 10'000 && thread->request_started_us != 0; ++i) ::poll(nullptr, 0, 1);
    EXPECT_EQ(thread->request_started_us.load(), 0u);
    EXPECT_EQ(thread->requests.load(), 1u);
    EXPECT_EQ(thread->status_classes[4].load(), 1u);
    EXPECT_EQ(thread->client_aborts.load(), 0u);
    EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
    order(link::Drain{});
    EXPECT_EQ(join_process(), 0);
}

TEST_F(ExpiryTest, a_verdict_on_another_request_is_void) {
    start_process();
    Client client = connect(1);
    client.send(http("/stuck", "Connection: close\r\n"));
    wait_entered(1);
    interrupt(figures(), 1);
    EXPECT_TRUE(client.is_silent_for(100));
    wishes->let_go = 2;
    EXPECT_TRUE(client.read_all().ends_with("too late"));
    interrupt(figures());  // no request runs
    EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
    order(link::Drain{});
    EXPECT_EQ(join_process(), 0);
    EXPECT_EQ(said(), "");
}

TEST_F(ExpiryTest, a_request_that_waits_for_its_client_is_not_over_its_time) {
    const std::string block(4 << 20, 'x');
    app.routes["/long"] = [&](const app::Request&, app::Response& response) {
        response.start("200 OK");
        static_cast<void>(response.write(block));
        hang();
        response.finish({});
    };
    start();
    Client client = connect(0);
    client.send(uwsgi("/long"));
    const std::uint64_t far_future = std::uint64_t{1} << 62;
    ASSERT_TRUE(reaches(figures().request_started_us, far_future));
    std::string answer;
    std::thread reader([&] { answer = client.read_all(); });
    wait_entered(1);
    EXPECT_LT(figures().request_started_us.load(), far_future);
    EXPECT_NE(figures().request_started_us.load(), 0u);
    wishes->let_go = 2;
    reader.join();
    EXPECT_TRUE(answer.ends_with(block));
    EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace vassal::worker
