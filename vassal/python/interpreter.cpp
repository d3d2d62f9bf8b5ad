// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/interpreter.h"

#include <unistd.h>

#include "vassal/python/emperor_module.h"
#include "vassal/python/exception_text.h"
#include "vassal/python/loader.h"
#include "vassal/python/module_finder.h"
#include "vassal/python/py_ref.h"
#include "vassal/python/python_application.h"
#include "vassal/python/runtime.h"
#include "vassal/python/surroundings.h"
#include "vassal/python/thread_lock.h"
#include "vassal/python/uwsgi_module.h"

namespace vassal::python {

namespace {

// A module that the app has imported, or empty: nothing is imported only to be ended.
PyRef imported(const char* name) { return PyRef::share(PyDict_GetItemString(PyImport_GetModuleDict(), name)); }

void report_and_clear() {
    if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(nullptr);
}

void call(PyObject* object, const char* method) {
    if (object == nullptr || object == Py_None) return;
    PyRef done(PyObject_CallMethod(object, method, nullptr));
    report_and_clear();
}

// Python's threads by their idents, as threading names them; a bare _thread has only its number.
std::string name_of_thread(unsigned long ident) {
    PyRef threading = imported("threading");
    PyRef active(threading ? PyObject_GetAttrString(threading.get(), "_active") : nullptr);
    PyRef key(PyLong_FromUnsignedLong(ident));
    PyObject* thread = active && PyDict_Check(active.get()) && key ? PyDict_GetItem(active.get(), key.get()) : nullptr;
    PyRef name(thread != nullptr ? PyObject_GetAttrString(thread, "name") : nullptr);
    PyErr_Clear();
    std::string text = utf8(name.get());
    return text.empty() ? "thread " + std::to_string(ident) : text;
}

class CPython final : public Interpreter {
public:
    explicit CPython(InterpreterOptions options) : options_(std::move(options)), surroundings_(surroundings_of(options_)) {}
    // The interpreter itself is never finalised; it ends with the process. Modules point at the surroundings as long.
    ~CPython() override {
        take_lock();
        application_.reset();
        surroundings_->host = nullptr;
        static_cast<void>(surroundings_.release());
    }
    [[nodiscard]] bool install() { return install_modules(*surroundings_); }
    CPython(const CPython&) = delete;
    CPython& operator=(const CPython&) = delete;

    std::unique_ptr<LoadFailure> load() override {
        take_lock();
        LoadedApp loaded = load_app(options_.app);
        if (loaded.failure) return std::move(loaded.failure);
        application_ = std::make_unique<PythonApplication>(
            std::move(loaded.callable), ApplicationOptions{.name = std::move(loaded.name),
                                                           .is_multithread = options_.is_multithread,
                                                           .is_multiprocess = options_.is_multiprocess,
                                                           .shows_tracebacks = options_.shows_tracebacks},
            *surroundings_);
        return nullptr;
    }

    std::unique_ptr<LoadFailure> start_work(int worker) override {
        take_lock();
        surroundings_->worker = worker;
        surroundings_->stage = Stage::hooks;
        if (update_emperor_module(*surroundings_) && run_postfork_hooks(*surroundings_) &&
            call_uwsgi_hook(*surroundings_, "post_fork_hook")) {
            return nullptr;
        }
        std::vector<std::string> files = files_of_exception();
        ExceptionText text = take_exception();
        return std::make_unique<LoadFailure>(
            LoadFailure{"postfork", std::move(text.summary), std::move(text.traceback), std::move(files)});
    }

    std::vector<std::string> new_sources() override {
        take_lock();
        return surroundings_->sources ? surroundings_->sources->take_new() : std::vector<std::string>{};
    }

    app::Application& application() override { return *application_; }

    std::vector<std::string> prepare_to_fork() override {
        take_lock();
        std::vector<std::string> others;
        PyThreadState* mine = PyThreadState_Get();
        for (PyThreadState* state = PyInterpreterState_ThreadHead(PyInterpreterState_Main()); state != nullptr;
             state = PyThreadState_Next(state)) {
            if (state != mine) others.push_back(name_of_thread(state->thread_id));
        }
        if (!others.empty()) return others;
        // Garbage is dropped now, what is left is never looked at again by the collector: its pages stay shared.
        PyGC_Collect();
        PyRef gc(PyImport_ImportModule("gc"));
        call(gc.get(), "freeze");
        report_and_clear();
        return others;
    }

    void before_fork() override {
        take_lock();
        PyOS_BeforeFork();
    }
    void after_fork_parent() override { PyOS_AfterFork_Parent(); }
    void after_fork_child() override { PyOS_AfterFork_Child(); }

    void run_exit_handlers() override {
        take_lock();
        if (!call_uwsgi_hook(*surroundings_, "atexit")) report_and_clear();
        if (PyRef threading = imported("threading")) call(threading.get(), "_shutdown");
        PyRef atexit(PyImport_ImportModule("atexit"));
        call(atexit.get(), "_run_exitfuncs");
        call(PySys_GetObject("stdout"), "flush");
        call(PySys_GetObject("stderr"), "flush");
    }

private:
    static std::unique_ptr<Surroundings> surroundings_of(const InterpreterOptions& options) {
        auto surroundings = std::make_unique<Surroundings>();
        surroundings->vassal = options.vassal;
        surroundings->app = options.app;
        surroundings->generation = options.generation;
        surroundings->worker = options.worker;
        surroundings->workers = options.workers;
        surroundings->threads = options.threads;
        surroundings->header_size = options.header_size;
        surroundings->is_mold = options.worker == 0;
        surroundings->master = ::getppid();
        if (options.watches_sources) surroundings->sources.emplace();
        return surroundings;
    }

    InterpreterOptions options_;
    std::unique_ptr<Surroundings> surroundings_;
    std::unique_ptr<PythonApplication> application_;
};

}  // namespace

std::unique_ptr<Interpreter> start_interpreter(const InterpreterOptions& options, LoadFailure& failure) {
    if (std::string reason = start_python(options); !reason.empty()) {
        std::string detail = reason + "\n";
        failure = {"python", std::move(reason), std::move(detail)};
        return nullptr;
    }
    auto interpreter = std::make_unique<CPython>(options);
    if (interpreter->install()) return interpreter;
    ExceptionText text = take_exception();
    failure = {"python", std::move(text.summary), std::move(text.traceback)};
    return nullptr;
}

}  // namespace vassal::python
