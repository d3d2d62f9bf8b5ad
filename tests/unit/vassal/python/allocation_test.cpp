// SPDX-License-Identifier: Apache-2.0
// The request path takes nothing from the C++ heap once a request like it was seen twice.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/unit/vassal/python/support.h"

namespace {
thread_local long allocations = 0;
}

// For this whole test program: the count is read around one call only. Not inlined: GCC's -Wmismatched-new-delete would
// see free() where it saw operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace vassal::python::test {
namespace {

// Records nothing that would need memory.
class CountingResponse final : public app::Response {
public:
    void start(std::string_view) override {}
    void header(std::string_view, std::string_view) override {}
    bool has_started() const noexcept override { return true; }
    bool head_was_sent() const noexcept override { return false; }
    app::Sent write(std::string_view chunk) override {
        bytes += chunk.size();
        return app::Sent::ok;
    }
    void finish(std::span<const std::string_view> chunks) override {
        for (const std::string_view chunk : chunks) bytes += chunk.size();
    }
    void finish_file(int, std::uint64_t, std::uint64_t) override {}
    void abort() override { ++failures; }
    void note_exception() noexcept override { ++failures; }
    void log_field(std::string_view, std::string_view) noexcept override {}

    std::size_t bytes = 0;
    int failures = 0;
};

long allocations_of_a_request(const std::string& body) {
    App app(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '4')])\n    return " +
        body + "\n");
    std::string path = "/0";
    const std::string agent(300, 'a');
    std::vector<app::Param> params = {
        {"REQUEST_METHOD", "GET"}, {"PATH_INFO", path}, {"HTTP_COOKIE", "a=b"}, {"HTTP_USER_AGENT", agent}};
    CountingResponse response;
    long counted = 0;
    for (int i = 0; i < 10; ++i) {
        path[1] = static_cast<char>('0' + i);
        const app::Request request{
            .params = params, .method = "GET", .url_scheme = "http", .request_id = "0123456789abcdef", .body = {}};
        const long before = allocations;
        app.application().serve(request, response);
        counted = allocations - before;
    }
    EXPECT_EQ(response.bytes, 40U);
    EXPECT_EQ(response.failures, 0);
    return counted;
}

TEST(Allocation, a_list_costs_none) { EXPECT_EQ(allocations_of_a_request("[b'body']"), 0); }

TEST(Allocation, many_blocks_cost_none) { EXPECT_EQ(allocations_of_a_request("[b'bo', b'd', b'y']"), 0); }

TEST(Allocation, an_iterator_costs_none) { EXPECT_EQ(allocations_of_a_request("iter([b'bo', b'dy'])"), 0); }

}  // namespace
}  // namespace vassal::python::test
