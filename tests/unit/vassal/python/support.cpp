// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/vassal/python/support.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "vassal/python/exception_text.h"

namespace vassal::python::test {

namespace {

class PythonEnvironment final : public ::testing::Environment {
public:
    void SetUp() override {
        LoadFailure failure;
        interpreter_ = start_interpreter({.vassal = "test", .app = "none", .venv = "", .python_path = {}}, failure);
        ASSERT_NE(interpreter_, nullptr) << failure.reason;
    }

private:
    std::unique_ptr<Interpreter> interpreter_;
};

const auto* const environment = ::testing::AddGlobalTestEnvironment(new PythonEnvironment);

}  // namespace

app::Sent RecordingResponse::write(std::string_view chunk) {
    log += "write ";
    if (on_write) on_write();
    if (gone_after_writes-- <= 0) return app::Sent::client_gone;
    if (!chunk.empty()) is_head_sent = true;
    body += chunk;
    return app::Sent::ok;
}

void RecordingResponse::finish(std::span<const std::string_view> chunks) {
    log += "finish(" + std::to_string(chunks.size()) + ") ";
    is_head_sent = true;
    for (const std::string_view chunk : chunks) body += chunk;
}

void RecordingResponse::finish_file(int fd, std::uint64_t offset, std::uint64_t count) {
    log += "finish_file ";
    is_head_sent = true;
    std::string part(count, '\0');
    EXPECT_EQ(::pread(fd, part.data(), count, static_cast<off_t>(offset)), static_cast<ssize_t>(count));
    body += part;
}

std::string RecordingResponse::header_value(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return "(none)";
}

App::App(const std::string& source, bool is_multithread, bool is_multiprocess) {
    static_cast<void>(environment);
    globals_.reset(PyDict_New());
    PyRef name(PyUnicode_FromString("app_under_test"));
    PyDict_SetItemString(globals_.get(), "__name__", name.get());
    PyDict_SetItemString(globals_.get(), "__builtins__", PyEval_GetBuiltins());
    PyRef code(Py_CompileString(source.c_str(), "app_under_test.py", Py_file_input));
    PyRef done(code ? PyEval_EvalCode(code.get(), globals_.get(), globals_.get()) : nullptr);
    if (!done) throw std::runtime_error(take_exception().traceback);
    application_ =
        std::make_unique<PythonApplication>(PyRef::share(PyDict_GetItemString(globals_.get(), "application")),
                                            ApplicationOptions{.name = "app_under_test:application",
                                                               .is_multithread = is_multithread,
                                                               .is_multiprocess = is_multiprocess},
                                            surroundings_);
    application_->enter_thread();
}

App::~App() {
    application_->leave_thread();
    application_->acquire();  // the main thread of this program always holds the lock between tests
}

Served App::serve(const RequestSpec& spec) {
    Served served;
    CapturedStderr captured;
    serve(spec, served.response);
    served.log = captured.text();
    return served;
}

void App::serve(const RequestSpec& spec, app::Response& response) {
    std::vector<app::Param> params = {{"REQUEST_METHOD", spec.method}, {"SCRIPT_NAME", ""},
                                      {"PATH_INFO", spec.path},        {"QUERY_STRING", ""},
                                      {"SERVER_PROTOCOL", "HTTP/1.1"}, {"SERVER_NAME", "localhost"},
                                      {"SERVER_PORT", "80"},           {"HTTP_HOST", "localhost"}};
    for (const auto& [key, value] : spec.more) params.push_back({key, value});
    app::Body body{
        .memory = spec.body, .file = spec.body_file, .size = spec.body_file < 0 ? spec.body.size() : spec.body_size};
    if (spec.stream != nullptr) body = {.memory = {}, .file = -1, .size = spec.body_size, .stream = spec.stream};
    application_->serve({.params = params,
                         .method = spec.method,
                         .url_scheme = spec.url_scheme,
                         .request_id = spec.request_id,
                         .body = body},
                        response);
    EXPECT_EQ(PyErr_Occurred(), nullptr) << take_exception().traceback;
}

std::string App::eval(const std::string& expression) {
    PyRef value(PyRun_String(expression.c_str(), Py_eval_input, globals_.get(), globals_.get()));
    return value ? repr_of(value.get(), 4000) : take_exception().summary;
}

CapturedStderr::CapturedStderr()
    : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)), file_(::memfd_create("log", MFD_CLOEXEC)) {
    ::dup2(file_, STDERR_FILENO);
}

CapturedStderr::~CapturedStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(file_);
}

std::string CapturedStderr::text() {
    std::string text(static_cast<std::size_t>(::lseek(file_, 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(file_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
}

}  // namespace vassal::python::test
