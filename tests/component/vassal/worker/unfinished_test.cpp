// SPDX-License-Identifier: Apache-2.0
// What the scoreboard says of connections that wait in the middle of a request: an app is awake for them.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

TEST_F(WorkerTest, a_connection_in_the_middle_of_a_request_shows_on_the_scoreboard_until_its_end) {
    start();
    const auto shows = [this](std::uint32_t wanted) {
        for (int i = 0; i < 10'000 && slot->unfinished.load() != wanted; ++i) ::poll(nullptr, 0, 1);
        return slot->unfinished.load() == wanted;
    };
    const Client silent = connect(0);
    Client kept = connect(1);
    kept.send(http("/"));
    EXPECT_TRUE(kept.read_until("hello").ends_with("hello"));
    const std::string whole = uwsgi("/", std::string(100'000, 'x'));
    Client first = connect(0);
    Client second = connect(0);
    first.send(whole.substr(0, 5000));
    second.send(whole.substr(0, 10));
    EXPECT_TRUE(shows(2));
    first.send(whole.substr(5000));
    EXPECT_EQ(first.read_all(), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_TRUE(shows(1));
    second.disconnect();
    EXPECT_TRUE(shows(0));
    kept.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    EXPECT_TRUE(shows(1));
    kept.send("b");
    EXPECT_TRUE(kept.read_until("hello").ends_with("hello"));
    EXPECT_TRUE(shows(0)) << "it is kept, and idle";
}

}  // namespace
}  // namespace vassal::worker
