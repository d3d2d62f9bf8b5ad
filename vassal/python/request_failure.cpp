// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/request_failure.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "vassal/python/exception_text.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

namespace {

constexpr std::size_t max_logged_path = 512;
constexpr int max_wait_for_log = 1000;  // milliseconds; the master drains its pipes all the time

void write_to_stderr(std::string_view text) noexcept {
    PyThreadState* unlocked = PyEval_SaveThread();
    while (!text.empty()) {
        const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
        if (count > 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (count < 0 && errno == EAGAIN) {
            pollfd wait{STDERR_FILENO, POLLOUT, 0};
            if (::poll(&wait, 1, max_wait_for_log) == 0) break;
        } else if (count == 0 || errno != EINTR) {
            break;
        }
    }
    PyEval_RestoreThread(unlocked);
}

std::string path_of(const app::Request& request) {
    std::string_view script;
    std::string_view path;
    for (const app::Param& param : request.params) {
        if (param.key == "SCRIPT_NAME") script = param.value;
        if (param.key == "PATH_INFO") path = param.value;
    }
    std::string whole = one_line(std::string(script) + std::string(path));
    if (whole.size() > max_logged_path) whole = whole.substr(0, max_logged_path) + "...";
    return whole;
}

}  // namespace

void log_failure(const app::Request& request, std::string_view what, std::string_view traceback) {
    std::string text = "request ";
    text.append(request.request_id).append(" ").append(one_line(request.method)).append(" ").append(path_of(request));
    text.append(": ").append(what).append("\n").append(traceback);
    write_to_stderr(text);
}

void answer_internal_error(std::string_view id, app::Response& response, std::string_view explanation) {
    std::string body = "Internal Server Error\nrequest id: " + std::string(id) + "\n";
    if (!explanation.empty()) body.append("\n").append(explanation);
    response.start("500 Internal Server Error");
    response.header("Content-Type", "text/plain; charset=utf-8");
    response.header("Content-Length", std::to_string(body.size()));
    response.header("X-Request-ID", id);
    const std::string_view chunk = body;
    response.finish({&chunk, 1});
}

bool is_failed_body(app::BodyEnd end) noexcept {
    switch (end) {
        case app::BodyEnd::client_gone:
        case app::BodyEnd::timed_out:
        case app::BodyEnd::too_large:
        case app::BodyEnd::malformed: return true;
        case app::BodyEnd::none:
        case app::BodyEnd::complete:
        case app::BodyEnd::answered: break;
    }
    return false;
}

void refuse_body(app::BodyEnd end, app::Response& response) {
    if (response.head_was_sent()) return response.abort();
    std::string_view status = "400 Bad Request";
    if (end == app::BodyEnd::timed_out) status = "408 Request Timeout";
    if (end == app::BodyEnd::too_large) status = "413 Content Too Large";
    response.start(status);
    response.header("Content-Type", "text/plain; charset=utf-8");
    const std::string_view chunks[] = {status, "\n"};
    response.finish(chunks);
}

}  // namespace vassal::python
