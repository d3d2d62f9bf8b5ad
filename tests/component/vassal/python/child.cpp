// SPDX-License-Identifier: Apache-2.0
#include "tests/component/vassal/python/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/unique_fd.h"
#include "vassal/python/exception_text.h"
#include "vassal/python/py_ref.h"

namespace vassal::python::test {

namespace {

std::string contents(int fd) {
    std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
}

}  // namespace

ChildResult in_child(const std::function<std::string()>& body) {
    char folder[] = "/tmp/python_component_XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    const common::UniqueFd said(::memfd_create("said", MFD_CLOEXEC));
    const common::UniqueFd output(::memfd_create("output", MFD_CLOEXEC));
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        ::dup2(output.get(), STDOUT_FILENO);
        ::dup2(output.get(), STDERR_FILENO);
        if (::chdir(folder) != 0) ::_exit(99);
        const std::string text = body();
        const bool is_whole = ::write(said.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
        ::_exit(is_whole ? 0 : 98);
    }
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED), 0);
    std::filesystem::remove_all(folder);
    return {contents(said.get()), contents(output.get()), common::ExitStatus::from(info)};
}

void write_file(const std::string& path, const std::string& text) {
    if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty()) {
        std::filesystem::create_directories(folder);
    }
    std::ofstream(path) << text;
}

Loaded start_and_load(const InterpreterOptions& options) {
    LoadFailure failure;
    Loaded loaded{start_interpreter(options, failure), ""};
    if (!loaded.interpreter) {
        loaded.failure = failure.step + "|" + failure.reason + "|" + failure.detail;
    } else if (const auto failed = loaded.interpreter->load()) {
        loaded.failure = failed->step + "|" + failed->reason + "|" + failed->detail;
    }
    return loaded;
}

InterpreterOptions options_for(const std::string& app) {
    InterpreterOptions options;
    options.vassal = "test";
    options.app = app;
    return options;
}

std::string evaluate(const std::string& expression, const std::string& module) {
    PyRef names(PyDict_New());
    PyRef imported(PyImport_ImportModule(module.c_str()));
    if (!imported) return take_exception().summary;
    PyDict_SetItemString(names.get(), "__builtins__", PyEval_GetBuiltins());
    PyDict_SetItemString(names.get(), module.c_str(), imported.get());
    PyRef value(PyRun_String(expression.c_str(), Py_eval_input, names.get(), names.get()));
    return value ? repr_of(value.get(), 8000) : take_exception().summary;
}

}  // namespace vassal::python::test
