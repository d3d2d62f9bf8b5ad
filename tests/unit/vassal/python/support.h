// SPDX-License-Identifier: Apache-2.0
// One interpreter for the whole test program, apps written as Python source in the tests, a Response that records, and
// what the room wrote to stderr meanwhile.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vassal/python/interpreter.h"
#include "vassal/python/py_ref.h"
#include "vassal/python/python_application.h"
#include "vassal/python/surroundings.h"

namespace vassal::python::test {

class RecordingResponse final : public app::Response {
public:
    void start(std::string_view text) override {
        status = text;
        headers.clear();
        log += "start ";
    }
    void header(std::string_view name, std::string_view value) override { headers.emplace_back(name, value); }
    bool has_started() const noexcept override { return !status.empty(); }
    bool head_was_sent() const noexcept override { return is_head_sent; }
    app::Sent write(std::string_view chunk) override;
    void finish(std::span<const std::string_view> chunks) override;
    void finish_file(int fd, std::uint64_t offset, std::uint64_t count) override;
    void abort() override { log += "abort "; }
    void note_exception() noexcept override { ++exceptions; }
    void log_field(std::string_view name, std::string_view value) noexcept override {
        log_fields.emplace_back(name, value);
    }

    [[nodiscard]] std::string header_value(std::string_view name) const;

    std::string status, body;
    std::vector<std::pair<std::string, std::string>> headers, log_fields;
    std::string log;  // "start write finish(1) " …
    int exceptions = 0;
    int gone_after_writes = 1 << 30;  // the client disconnects then
    bool is_head_sent = false;
    std::function<void()> on_write;
};

// What a request gave: the response, and all that went to stderr.
struct Served {
    RecordingResponse response;
    std::string log;
};

using Params = std::vector<std::pair<std::string, std::string>>;

// One GET /path?query, with more variables and a body as the test likes.
struct RequestSpec {
    std::string method = "GET";
    std::string path = "/path";
    Params more = {};
    std::string body = {};
    int body_file = -1;
    std::uint64_t body_size = 0;  // of the file, or of the stream
    app::BodyStream* stream = nullptr;
    std::string url_scheme = "http";
    std::string request_id = "0123456789abcdef";
};

// A module made of source; the main thread holds the interpreter lock while it lives and is a serving thread.
class App {
public:
    explicit App(const std::string& source, bool is_multithread = false, bool is_multiprocess = false);
    App(const App&) = delete;
    App& operator=(const App&) = delete;
    ~App();

    Served serve(const RequestSpec& spec = {});
    void serve(const RequestSpec& spec, app::Response& response);
    // repr(expression) evaluated in the app's module.
    std::string eval(const std::string& expression);
    PythonApplication& application() { return *application_; }

private:
    PyRef globals_;
    Surroundings surroundings_;
    std::unique_ptr<PythonApplication> application_;
};

// Everything written to fd 2 from construction to text().
class CapturedStderr {
public:
    CapturedStderr();
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;
    ~CapturedStderr();
    std::string text();

private:
    int saved_, file_;
};

}  // namespace vassal::python::test
