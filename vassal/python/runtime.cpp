// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/runtime.h"

#include <csignal>
#include <filesystem>
#include <vector>

#include "vassal/python/exception_text.h"
#include "vassal/python/py_ref.h"
#include "vassal/python/thread_lock.h"

namespace vassal::python {

namespace {

namespace fs = std::filesystem;

constexpr const char* system_home = "/usr";  // Debian's; a venv's pyvenv.cfg may name another installation
constexpr const char* system_python = "/usr/bin/python3";

std::string library() { return "python" + std::to_string(PY_MAJOR_VERSION) + "." + std::to_string(PY_MINOR_VERSION); }

std::string check_venv(const std::string& venv) {
    std::error_code error;
    if (!fs::exists(fs::path(venv) / "pyvenv.cfg", error)) {
        return "venv " + venv + " is not a virtual environment (it has no pyvenv.cfg)";
    }
    if (fs::is_directory(fs::path(venv) / "lib" / library(), error)) return {};
    for (const auto& entry : fs::directory_iterator(fs::path(venv) / "lib", error)) {
        if (const std::string other = entry.path().filename(); other.starts_with("python")) {
            return "venv " + venv + " was made for " + other + ", apps run on " + library() + ": make it again with " +
                   system_python + " -m venv";
        }
    }
    return "venv " + venv + " has no lib/" + library();
}

// Collects the first failure, so that the configuration reads as a list.
class Configuration {
public:
    Configuration() { PyConfig_InitPythonConfig(&config_); }
    Configuration(const Configuration&) = delete;
    Configuration& operator=(const Configuration&) = delete;
    ~Configuration() { PyConfig_Clear(&config_); }

    void set(wchar_t* PyConfig::*field, const std::string& value) {
        if (PyStatus_Exception(status_) == 0)
            status_ = PyConfig_SetBytesString(&config_, &(config_.*field), value.c_str());
    }
    void set_argv(const std::string& argument) {
        char* arguments[] = {const_cast<char*>(argument.c_str())};  // NOLINT: the API copies it
        if (PyStatus_Exception(status_) == 0) status_ = PyConfig_SetBytesArgv(&config_, 1, arguments);
    }
    PyConfig* operator->() { return &config_; }
    [[nodiscard]] PyStatus initialize() {
        return PyStatus_Exception(status_) != 0 ? status_ : Py_InitializeFromConfig(&config_);
    }

private:
    PyConfig config_{};
    PyStatus status_ = PyStatus_Ok();
};

PyStatus preinitialize() {
    PyPreConfig preconfig;
    PyPreConfig_InitPythonConfig(&preconfig);
    preconfig.parse_argv = 0;
    preconfig.utf8_mode = 1;
    preconfig.coerce_c_locale = 0;  // would set LC_CTYPE in the app's environment
    return Py_PreInitialize(&preconfig);
}

PyStatus initialize(const InterpreterOptions& options) {
    Configuration config;
    std::error_code error;
    const std::string python =
        options.venv.empty() ? system_python : fs::absolute(fs::path(options.venv) / "bin" / "python", error).string();
    config->parse_argv = 0;
    config->install_signal_handlers = 0;
    config->faulthandler = 1;
    config->pathconfig_warnings = 0;
    // site.py finds pyvenv.cfg beside sys.executable and honours it; home keeps the standard library Debian's.
    config.set(&PyConfig::program_name, python);
    config.set(&PyConfig::executable, python);
    config.set(&PyConfig::base_executable, system_python);
    config.set(&PyConfig::home, system_home);
    config.set_argv(options.app);
    return config.initialize();
}

// The working directory, python_path, then what Python found by itself (PYTHONPATH first).
bool extend_path(const std::vector<std::string>& python_path) {
    std::error_code error;
    std::vector<std::string> folders{fs::current_path(error).string()};
    folders.insert(folders.end(), python_path.begin(), python_path.end());
    PyObject* path = PySys_GetObject("path");
    if (path == nullptr) return false;
    Py_ssize_t position = 0;
    for (const std::string& folder : folders) {
        if (folder.empty()) continue;
        const std::string absolute = fs::absolute(folder, error).string();
        PyRef text(PyUnicode_DecodeFSDefault(absolute.c_str()));
        if (!text || PyList_Insert(path, position++, text.get()) < 0) return false;
    }
    return true;
}

// A pipe is block-buffered by default, and lines would reach the log minutes late. Streams may be absent (closed fds).
bool buffer_by_line(const char* name) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr || stream == Py_None) return true;
    PyRef method(PyObject_GetAttrString(stream, "reconfigure"));
    PyRef no_arguments(PyTuple_New(0));
    PyRef by_line(Py_BuildValue("{s:O}", "line_buffering", Py_True));
    if (!method || !no_arguments || !by_line) return false;
    return PyRef(PyObject_Call(method.get(), no_arguments.get(), by_line.get())).get() != nullptr;
}

// Importing signal (asyncio and subprocess do) would install Python's handler for SIGINT, whatever the configuration
// said. So it is imported now, and SIGINT given back to what the process had.
bool keep_sigint() {
    struct sigaction before {};
    ::sigaction(SIGINT, nullptr, &before);
    PyRef module(PyImport_ImportModule("_signal"));
    PyRef former(module ? PyObject_CallMethod(module.get(), "signal", "ii", SIGINT, 0 /* SIG_DFL */) : nullptr);
    ::sigaction(SIGINT, &before, nullptr);
    return former.get() != nullptr;
}

// threading takes the thread that imports it for the main thread: that must not be a serving thread.
bool import_threading(bool is_multithread) {
    return !is_multithread || PyRef(PyImport_ImportModule("threading")).get() != nullptr;
}

std::string message_of(const PyStatus& status) {
    return status.err_msg != nullptr ? status.err_msg : "exit code " + std::to_string(status.exitcode);
}

}  // namespace

std::string start_python(const InterpreterOptions& options) {
    if (!options.venv.empty()) {
        if (std::string reason = check_venv(options.venv); !reason.empty()) return reason;
    }
    // As python does it by itself: writing to a closed socket is an exception in the app, not its death.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    if (PyStatus status = preinitialize(); PyStatus_Exception(status) != 0) return "Python: " + message_of(status);
    if (PyStatus status = initialize(options); PyStatus_Exception(status) != 0) return "Python: " + message_of(status);
    adopt_lock();
    if (!extend_path(options.python_path) || !buffer_by_line("stdout") || !buffer_by_line("stderr") || !keep_sigint() ||
        !import_threading(options.is_multithread)) {
        return "Python: " + take_exception().summary;
    }
    return {};
}

}  // namespace vassal::python
