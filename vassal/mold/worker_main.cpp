// SPDX-License-Identifier: Apache-2.0
#include "vassal/mold/worker_main.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "common/link/channel.h"
#include "vassal/link/worker_messages.h"

namespace vassal::mold {

namespace {

// Handlers of threading and atexit belong to the app and may hang; the process ends by SIGALRM then.
constexpr unsigned exit_handler_seconds = 5;
// A message has room for it in any encoding; the end of a traceback says what went wrong.
constexpr std::size_t max_detail = 32 * 1024;

void tell_failure(int link, python::LoadFailure failure) {
    if (failure.detail.size() > max_detail)
        failure.detail = "[...]\n" + failure.detail.substr(failure.detail.size() - max_detail);
    const link::WorkerMessage message = link::Failed{failure.step, failure.reason, failure.detail};
    static_cast<void>(common::link::send(link, link::encode(message)));
}

void tell_sources(const Shop& shop, int link, const std::vector<std::string>& files) {
    if (!shop.config->autoreload) return;
    for (const link::Sources& packet : link::in_packets(files))
        static_cast<void>(common::link::send(link, link::encode(link::WorkerMessage(packet))));
}

}  // namespace

void run_exit_handlers(python::Interpreter& interpreter) {
    std::signal(SIGALRM, SIG_DFL);  // also where the app uses it
    sigset_t alarm_only;
    ::sigemptyset(&alarm_only);
    ::sigaddset(&alarm_only, SIGALRM);
    ::sigprocmask(SIG_UNBLOCK, &alarm_only, nullptr);
    ::alarm(exit_handler_seconds);
    interpreter.run_exit_handlers();
}

namespace {

int serve(const Shop& shop, const Assignment& assignment, python::Interpreter& interpreter) {
    if (auto failed = interpreter.start_work(assignment.worker)) {
        tell_sources(shop, assignment.link, failed->files);
        tell_failure(assignment.link, std::move(*failed));
        run_exit_handlers(interpreter);
        return 1;
    }
    worker::WorkerOptions options;
    options.config = shop.config;
    options.listeners = shop.listeners;
    options.site = shop.site;
    options.slot = &shop.board->worker[common::scoreboard::row_of(shop.bank, assignment.lane)]
                                      [static_cast<std::size_t>(assignment.worker) - 1];
    options.worker = assignment.worker;
    options.link = assignment.link;
    options.access_rings = shop.access_rings;
    options.access_set = common::access::Rings::set_of(assignment.worker, assignment.lane);
    options.activity = shop.activity;
    const int code = shop.run_worker(options, interpreter.application());
    run_exit_handlers(interpreter);
    return code;
}

}  // namespace

void use_environment(const std::vector<std::string>& environment) {
    ::clearenv();
    for (const std::string& entry : environment) ::putenv(const_cast<char*>(entry.c_str()));
}

std::unique_ptr<python::Interpreter> load_app(const Shop& shop, int worker,
                                              const std::function<void(python::LoadFailure)>& on_failure) {
    python::InterpreterOptions options;
    options.generation = shop.generation;
    options.worker = worker;
    options.workers = shop.config->workers;
    options.threads = shop.config->threads;
    options.header_size = shop.config->limits.header_size;
    options.vassal = shop.name;
    options.app = shop.config->app;
    options.venv = shop.venv;
    options.python_path = shop.python_path;
    options.watches_sources = shop.config->autoreload;
    options.shows_tracebacks = shop.is_dev;
    options.is_multithread = shop.config->threads > 1;
    options.is_multiprocess = shop.config->workers > 1;
    python::LoadFailure failure;
    auto interpreter = shop.start_interpreter(options, failure);
    if (!interpreter) {
        on_failure(std::move(failure));
        return nullptr;
    }
    if (auto failed = interpreter->load()) {
        const std::vector<std::string> loaded = interpreter->new_sources();
        failed->files.insert(failed->files.begin(), loaded.begin(), loaded.end());
        on_failure(std::move(*failed));  // first: the handlers may hang
        run_exit_handlers(*interpreter);
        return nullptr;
    }
    return interpreter;
}

std::unique_ptr<python::Interpreter> import_app(const Shop& shop, int worker, int link) {
    auto interpreter = load_app(shop, worker, [&shop, link](python::LoadFailure failure) {
        tell_sources(shop, link, failure.files);
        tell_failure(link, std::move(failure));
    });
    if (interpreter) tell_sources(shop, link, interpreter->new_sources());
    return interpreter;
}

int worker_main(const Shop& shop, const Assignment& assignment) {
    shop.set_title("worker " + std::to_string(assignment.worker));
    use_environment(*shop.environment);
    const auto interpreter = import_app(shop, assignment.worker, assignment.link);
    if (!interpreter) return 1;
    const int code = serve(shop, assignment, *interpreter);
    ::_exit(code);  // without the interpreter's destructor: threads of the app may still run in it
}

int forked_worker_main(const Shop& shop, const Assignment& assignment, python::Interpreter& interpreter) {
    shop.set_title("worker " + std::to_string(assignment.worker));
    return serve(shop, assignment, interpreter);
}

}  // namespace vassal::mold
