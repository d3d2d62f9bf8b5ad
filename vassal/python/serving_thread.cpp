// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/serving_thread.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "vassal/python/broken_rules.h"
#include "vassal/python/exception_text.h"
#include "vassal/python/file_wrapper.h"
#include "vassal/python/forked_child.h"
#include "vassal/python/request_failure.h"

namespace vassal::python {

namespace {

std::string_view bytes_in(PyObject* block) noexcept {
    return {PyBytes_AS_STRING(block), static_cast<std::size_t>(PyBytes_GET_SIZE(block))};
}

void keep_object(void* object) noexcept { Py_INCREF(static_cast<PyObject*>(object)); }
void let_go_of_object(void* object) noexcept { Py_DECREF(static_cast<PyObject*>(object)); }

PyRef base_environ(PyObject* input, PyObject* file_wrapper, const ApplicationOptions& options) {
    PyObject* errors = PySys_GetObject("stderr");
    const auto flag = [](bool value) { return value ? Py_True : Py_False; };
    PyRef base(Py_BuildValue("{s:(ii),s:s,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:s}", "wsgi.version", 1, 0, "wsgi.url_scheme",
                             "http", "wsgi.input", input, "wsgi.errors", errors != nullptr ? errors : Py_None,
                             "wsgi.multithread", flag(options.is_multithread), "wsgi.multiprocess",
                             flag(options.is_multiprocess), "wsgi.run_once", Py_False, "wsgi.file_wrapper",
                             file_wrapper,
                             // The input ends where the body ends, also without a Content-Length.
                             "wsgi.input_terminated", Py_True,
                             // A place for the request's own, so that the copy never has to grow.
                             "emperor.request_id", ""));
    PyRef interned(PyDict_New());
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t position = 0;
    while (base && interned && PyDict_Next(base.get(), &position, &key, &value) != 0) {
        PyObject* name = Py_NewRef(key);
        PyUnicode_InternInPlace(&name);
        if (PyRef owner(name); PyDict_SetItem(interned.get(), name, value) < 0) interned.reset();
    }
    if (!base || !interned) throw std::runtime_error("no memory for the environ");
    return interned;
}

}  // namespace

ServingThread::ServingThread(PyObject* callable, const ApplicationOptions& options)
    : callable_(callable),
      options_(options),
      close_name_(PyUnicode_InternFromString("close")),
      input_name_(PyUnicode_InternFromString("wsgi.input")),
      file_wrapper_type_(new_file_wrapper_type()),
      environ_(base_environ(input_.object(), file_wrapper_type_.get(), options).get()) {
    if (!close_name_ || !input_name_ || !file_wrapper_type_) throw std::runtime_error("no memory for a serving thread");
}

void ServingThread::serve(const app::Request& request, app::Response& response) noexcept {
    request_ = &request;
    start_response_.begin(response);
    input_.begin(request.body);
    {
        PyRef environ(environ_.build(request));
        PyRef result;
        if (environ) {
            PyObject* arguments[] = {nullptr, environ.get(), start_response_.callable()};
            result.reset(PyObject_Vectorcall(callable_, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
        }
        leave_if_forked_child();
        const Outcome outcome = result ? deliver(result.get()) : Outcome::raised;
        leave_if_forked_child();  // iterating is the app, too
        if (outcome == Outcome::done && start_response_.exchange().is_short()) note_short_body(request);
        if (outcome != Outcome::done || !broken_rule_.empty()) conclude(outcome, request, response);
        if (result && !PyList_CheckExact(result.get()) && !PyTuple_CheckExact(result.get())) {
            close(result.get(), request, response);
        }
    }
    forget_request();
}

ServingThread::Outcome ServingThread::deliver(PyObject* result) {
    if (start_response_.exchange().is_client_gone) return Outcome::client_gone;
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return deliver_sequence(result);
    if (reinterpret_cast<PyObject*>(Py_TYPE(result)) == file_wrapper_type_.get()) return deliver_file(result);
    return deliver_blocks(result);
}

// The part of a block that goes out, counted as sent. A body longer than its Content-Length is cut: what is beyond
// would be read as the next response.
std::string_view ServingThread::count(PyObject* block) {
    Exchange& exchange = start_response_.exchange();
    const std::string_view bytes = bytes_in(block);
    const std::string_view part = exchange.fitting(bytes);
    exchange.sent += part.size();
    if (part.size() < bytes.size() && broken_rule_.empty()) {
        static_cast<void>(broken(body_too_long(options_.name, exchange.content_length)));
    }
    return part;
}

// A block that is all there is, or the last one.
ServingThread::Outcome ServingThread::finish_with(PyObject* block, std::string_view chunk) {
    if (chunk.size() < app::worth_holding) return finish(std::span(&chunk, chunk.empty() ? 0 : 1));
    Exchange& exchange = start_response_.exchange();
    exchange.is_finished = true;
    exchange.response->finish_held(chunk, {.owner = block, .keep = keep_object, .let_go = let_go_of_object});
    return Outcome::done;
}

ServingThread::Outcome ServingThread::finish(std::span<const std::string_view> chunks) {
    Exchange& exchange = start_response_.exchange();
    exchange.is_finished = true;
    exchange.response->finish(chunks);
    return Outcome::done;
}

ServingThread::Outcome ServingThread::deliver_sequence(PyObject* result) {
    if (!start_response_.exchange().is_started) return broken(no_start_response(options_.name));
    const Py_ssize_t size = PySequence_Fast_GET_SIZE(result);
    if (size == 1) {
        PyRef block = PyRef::share(PySequence_Fast_GET_ITEM(result, 0));
        if (!PyBytes_Check(block.get())) return broken(item_not_bytes(options_.name, result, 0, block.get()));
        return finish_with(block.get(), count(block.get()));
    }
    // Each block is held: while finish() waits for the client, another thread may change a list that the app kept.
    chunks_.clear();
    for (Py_ssize_t i = 0; i < size; ++i) {
        PyObject* block = PySequence_Fast_GET_ITEM(result, i);
        if (!PyBytes_Check(block)) {
            held_.clear();
            return broken(item_not_bytes(options_.name, result, i, block));
        }
        held_.push_back(PyRef::share(block));
        if (const std::string_view chunk = count(block); !chunk.empty()) chunks_.push_back(chunk);
    }
    const Outcome outcome = finish(chunks_);
    held_.clear();
    return outcome;
}

ServingThread::Outcome ServingThread::deliver_file(PyObject* result) {
    Exchange& exchange = start_response_.exchange();
    if (!exchange.is_started) return broken(no_start_response(options_.name));
    FilePart part = file_part(result);
    if (part.fd < 0) {
        const Outcome outcome = deliver_blocks(result);
        if (outcome == Outcome::done) broken_rule_.clear();  // PEP 3333 lets a file be longer than its Content-Length
        return outcome;
    }
    if (exchange.content_length >= 0) {  // a range of the file, for instance
        const auto declared = static_cast<std::uint64_t>(exchange.content_length);
        part.count = std::min(part.count, declared > exchange.sent ? declared - exchange.sent : 0);
    }
    if (part.count == 0) return finish({});
    exchange.sent += part.count;
    exchange.is_finished = true;
    exchange.response->finish_file(part.fd, part.offset, part.count);
    return Outcome::done;
}

ServingThread::Outcome ServingThread::deliver_blocks(PyObject* result) {
    if (PyUnicode_Check(result) || PyBytes_Check(result)) return broken(not_iterable(options_.name, result));
    PyRef iterator(PyObject_GetIter(result));
    if (!iterator) {
        const bool has_iter = Py_TYPE(result)->tp_iter != nullptr || PySequence_Check(result) != 0;
        return has_iter ? Outcome::raised : broken(not_iterable(options_.name, result));
    }
    Exchange& exchange = start_response_.exchange();
    for (;;) {
        PyRef block(PyIter_Next(iterator.get()));
        if (!block && PyErr_Occurred() != nullptr) return Outcome::raised;
        if (!block) break;
        const Outcome outcome = deliver_block(block.get(), iterator.get());
        if (outcome != Outcome::done) return outcome;
        if (!broken_rule_.empty()) break;  // beyond its Content-Length a body may be endless
    }
    if (!exchange.is_started) return broken(no_start_response(options_.name));
    return exchange.is_finished ? Outcome::done : finish({});
}

// The block that completes the declared length leaves with the end of the response, in one call; iteration goes on, for
// the app may have work to do behind its last block.
ServingThread::Outcome ServingThread::deliver_block(PyObject* block, PyObject* source) {
    if (!PyBytes_Check(block)) return broken(block_not_bytes(options_.name, source, block));
    if (PyBytes_GET_SIZE(block) == 0) return Outcome::done;
    Exchange& exchange = start_response_.exchange();
    if (!exchange.is_started) return broken(no_start_response(options_.name));
    if (exchange.is_client_gone) return Outcome::client_gone;
    const std::string_view chunk = count(block);
    if (exchange.is_finished) return Outcome::done;
    if (exchange.content_length >= 0 && exchange.sent == static_cast<std::uint64_t>(exchange.content_length)) {
        return finish_with(block, chunk);
    }
    exchange.is_client_gone = exchange.response->write(chunk) == app::Sent::client_gone;
    return exchange.is_client_gone ? Outcome::client_gone : Outcome::done;
}

void ServingThread::note_short_body(const app::Request& request) {
    if (request.method == "HEAD" || !broken_rule_.empty()) return;
    const Exchange& exchange = start_response_.exchange();
    broken_rule_ = body_too_short(options_.name, exchange.content_length, exchange.sent);
}

ServingThread::Outcome ServingThread::broken(std::string rule) {
    PyErr_Clear();
    broken_rule_ = std::move(rule);
    return Outcome::broken;
}

// Everything but the quiet end of a good request.
void ServingThread::conclude(Outcome outcome, const app::Request& request, app::Response& response) {
    Exchange& exchange = start_response_.exchange();
    const bool is_noise =
        outcome == Outcome::raised && exchange.is_client_gone && PyErr_ExceptionMatches(PyExc_ConnectionError) != 0;
    if (is_noise) PyErr_Clear();
    if (outcome == Outcome::client_gone || is_noise) {
        exchange.is_finished = true;
        return response.abort();
    }
    if (outcome == Outcome::raised && is_failed_body(input_.stream_end()) && PyErr_ExceptionMatches(PyExc_OSError) != 0) {
        // The client's fault, and nothing that the app could do about it.
        PyErr_Clear();
        if (!std::exchange(exchange.is_finished, true)) refuse_body(input_.stream_end(), response);
        return;
    }
    response.note_exception();
    std::string shown;
    if (outcome == Outcome::raised) {
        const ExceptionText text = take_exception();
        log_failure(request, text.summary, text.traceback);
        response.explain_exception(text.summary, text.traceback);
        shown = text.traceback;
    } else {
        log_failure(request, broken_rule_, {});
        response.explain_exception(broken_rule_, {});
        shown = broken_rule_ + "\n";
    }
    if (!options_.shows_tracebacks) shown.clear();
    if (exchange.is_finished) return;
    exchange.is_finished = true;
    if (exchange.is_client_gone || response.head_was_sent()) return response.abort();
    answer_internal_error(request.request_id, response, shown);
}

void ServingThread::close(PyObject* result, const app::Request& request, app::Response& response) {
    PyObject* method = nullptr;
    if (_PyObject_LookupAttr(result, close_name_.get(), &method) == 0) return;
    PyRef owner(method);
    PyRef done(owner ? PyObject_CallNoArgs(method) : nullptr);
    leave_if_forked_child();
    if (done) return;
    const ExceptionText text = take_exception();
    response.note_exception();
    log_failure(request, "in close(): " + text.summary, text.traceback);
}

void ServingThread::forget_request() {
    broken_rule_.clear();
    request_ = nullptr;
    start_response_.end();
    // References: its owner's and one for each dict that the builder keeps.
    if (input_.end(1 + environ_.copies()) && !environ_.replace(input_name_.get(), input_.object())) PyErr_Clear();
}

}  // namespace vassal::python
