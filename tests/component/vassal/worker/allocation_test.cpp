// SPDX-License-Identifier: Apache-2.0
// The steady state of the uwsgi path takes nothing from the heap. This file replaces operator new for its program and
// counts per thread.
#include <cstdlib>
#include <new>

#include "tests/component/vassal/worker/worker_fixture.h"
#include "vassal/protocol/refusal.h"

namespace {
thread_local std::uint64_t allocations = 0;

void* allocate(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
}  // namespace

// Not inlined: GCC's -Wmismatched-new-delete would see free() where it saw operator new.
[[gnu::noinline]] void* operator new(std::size_t size) { return allocate(size); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return allocate(size); }
// std::stable_sort takes its buffer so; a sanitizer would not come here by itself.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace vassal::worker {
namespace {

TEST_F(WorkerTest, a_uwsgi_request_allocates_nothing_in_the_steady_state) {
    constexpr std::size_t count = 200, warm_up = 50;
    std::vector<std::uint64_t> seen;
    seen.reserve(count);
    app.routes["/count"] = [&](const app::Request&, app::Response& response) {
        seen.push_back(allocations);
        FakeApplication::answer(response, "counted");
    };
    config.log.access = common::config::AccessLog::json;  // its records come from a ring that is there
    access_rings = common::access::Rings::make(1, 1).value();
    start();
    const std::string get = uwsgi("/count", {}, {{"HTTP_X", "1"}, {"HTTP_X", "2"}, {"HTTP_COOKIE", "a=b"}});
    const std::string post = uwsgi("/count", "a small body");
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(connect(0).ask(i % 2 == 0 ? get : post).ends_with("counted"));
    }
    ASSERT_EQ(stop(), 0);
    ASSERT_EQ(seen.size(), count);
    EXPECT_GT(seen[0], 0u);  // the counter counts
    EXPECT_EQ(seen.back() - seen[warm_up], 0u);
}

TEST_F(WorkerTest, a_kept_alive_http_request_allocates_nothing_in_the_steady_state) {
    std::vector<std::uint64_t> seen;
    seen.reserve(200);
    app.routes["/count"] = [&](const app::Request&, app::Response& response) {
        seen.push_back(allocations);
        FakeApplication::answer(response, "counted");
    };
    start();
    Client client = connect(1);
    for (int i = 0; i < 200; ++i) {
        client.send(http("/count", "Accept: */*\r\n"));
        ASSERT_TRUE(client.read_until("counted").ends_with("counted"));
    }
    EXPECT_EQ(seen.back() - seen[50], 0u);
}

TEST_F(WorkerTest, a_kept_fastcgi_request_allocates_nothing_in_the_steady_state) {
    std::vector<std::uint64_t> seen;
    seen.reserve(200);
    app.routes["/count"] = [&](const app::Request&, app::Response& response) {
        seen.push_back(allocations);
        FakeApplication::answer(response, "counted");
    };
    start();
    Client client = connect(2);
    const std::string end = record(3, 1, std::string(8, '\0'));
    for (int i = 0; i < 200; ++i) {
        client.send(fastcgi("/count", i % 2 == 0 ? "" : "a small body", true));
        ASSERT_TRUE(client.read_until(end).ends_with(end));
    }
    EXPECT_EQ(seen.back() - seen[50], 0u);
}

// A signal handler writes it, of a worker whose threads are lost: one of them may be inside malloc.
TEST(Refusal, takes_nothing_from_the_heap_once_its_buffers_have_room) {
    using common::net::Protocol;
    protocol::TextBuffer reply, framed;
    for (const Protocol protocol : {Protocol::fastcgi, Protocol::http, Protocol::uwsgi, Protocol::scgi}) {
        static_cast<void>(protocol::write_refusal(protocol, 1, reply, framed, 10));
        const std::uint64_t before = allocations;
        EXPECT_NE(protocol::write_refusal(protocol, 1, reply, framed, UINT64_MAX).find("Retry-After: 18446744073709551615\r\n"),
                  std::string_view::npos);
        EXPECT_EQ(allocations, before);
    }
}

}  // namespace
}  // namespace vassal::worker
