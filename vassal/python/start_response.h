// SPDX-License-Identifier: Apache-2.0
// Hot path. start_response and write() of PEP 3333, one pair of objects per serving thread, reused while the app does
// not keep them. They feed the Response of the running request straight from Python's strings; kept beyond their
// request they raise.
#pragma once

#include <cstdint>
#include <string_view>

#include "vassal/app/application.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

// What the app has said so far about the response of one request.
struct Exchange {
    app::Response* response = nullptr;  // null: no request runs
    PyObject* write = nullptr;          // borrowed, for start_response to return
    bool is_started = false;            // start_response succeeded
    bool is_bodiless = false;           // by its status: 204 and 304 may declare a length and have no body
    bool is_client_gone = false;
    bool is_finished = false;          // the response is complete; what else the app says has no receiver
    std::int64_t content_length = -1;  // as the app declared it
    std::uint64_t sent = 0;            // body bytes so far

    // How much of these bytes the declared length leaves room for.
    [[nodiscard]] std::string_view fitting(std::string_view bytes) const noexcept {
        if (content_length < 0) return bytes;
        const auto declared = static_cast<std::uint64_t>(content_length);
        return bytes.substr(0, declared > sent ? declared - sent : 0);
    }
    // Finished with less than was declared. HEAD is for the caller to judge.
    [[nodiscard]] bool is_short() const noexcept {
        return content_length >= 0 && sent < static_cast<std::uint64_t>(content_length) && is_finished && !is_bodiless;
    }
};

class StartResponse {
public:
    // Throws std::runtime_error when Python has no memory.
    StartResponse();
    StartResponse(const StartResponse&) = delete;
    StartResponse& operator=(const StartResponse&) = delete;

    [[nodiscard]] PyObject* callable() const noexcept { return start_.get(); }
    [[nodiscard]] Exchange& exchange() const noexcept;
    void begin(app::Response& response) noexcept;
    // The request is over; objects that the app kept are left to it and replaced.
    void end() noexcept;

private:
    void make();

    PyRef type_, state_, start_, write_;
};

}  // namespace vassal::python
