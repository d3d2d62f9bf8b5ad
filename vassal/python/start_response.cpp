// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/start_response.h"

#include <stdexcept>

#include "vassal/python/header_rules.h"

namespace vassal::python {

namespace {

struct State {
    PyObject_HEAD Exchange exchange;
};

Exchange& exchange_of(PyObject* self) noexcept { return reinterpret_cast<State*>(self)->exchange; }

// Null when the text is no Latin-1 str; PEP 3333 calls such strings native.
const char* latin1(PyObject* text) noexcept {
    if (PyUnicode_READY(text) < 0 || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) return nullptr;
    return static_cast<const char*>(PyUnicode_DATA(text));
}

std::string_view view(PyObject* text, const char* data) noexcept {
    return {data, static_cast<std::size_t>(PyUnicode_GET_LENGTH(text))};
}

bool refuse(PyObject* type, const char* format, PyObject* what) {
    if (PyErr_Occurred() == nullptr) PyErr_Format(type, format, what);
    return false;
}

bool take_status(Exchange& exchange, PyObject* status) {
    if (!PyUnicode_Check(status)) {
        return refuse(PyExc_TypeError, "PEP 3333: status must be a str, it is %.200R", status);
    }
    const char* data = latin1(status);
    if (data == nullptr) return refuse(PyExc_ValueError, "PEP 3333: status must be Latin-1, it is %.200R", status);
    const std::string_view text = view(status, data);
    if (!is_status(text)) {
        return refuse(PyExc_ValueError, "PEP 3333: status must be like '200 OK', it is %.200R", status);
    }
    if (has_control(text)) {
        return refuse(PyExc_ValueError, "PEP 3333: status must not contain control characters, it is %.200R", status);
    }
    if (text[0] == '1') {
        // The client would wait for the final answer, and take the next one on the connection for it.
        return refuse(PyExc_ValueError, "PEP 3333: status must be final (200 or more), it is %.200R", status);
    }
    exchange.is_bodiless = text.starts_with("204") || text.starts_with("304");
    exchange.response->start(text);
    return true;
}

bool take_content_length(Exchange& exchange, std::string_view value, PyObject* pair) {
    std::int64_t length = 0;
    for (const char digit : value) {
        if (digit < '0' || digit > '9' || length > INT64_MAX / 10 - 9) length = -1;
        if (length < 0) break;
        length = length * 10 + (digit - '0');
    }
    if (value.empty() || length < 0) {
        return refuse(PyExc_ValueError, "the value of Content-Length must be a number, the header is %.200R", pair);
    }
    if (exchange.content_length >= 0 && exchange.content_length != length) {
        return refuse(PyExc_ValueError, "Content-Length is set twice, the second time as %.200R", pair);
    }
    exchange.content_length = length;
    return true;
}

bool take_header(Exchange& exchange, PyObject* pair) {
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        return refuse(PyExc_TypeError, "PEP 3333: a header must be a tuple (name, value), it is %.200R", pair);
    }
    PyObject* name = PyTuple_GET_ITEM(pair, 0);
    PyObject* value = PyTuple_GET_ITEM(pair, 1);
    if (!PyUnicode_Check(name) || !PyUnicode_Check(value)) {
        return refuse(PyExc_TypeError, "PEP 3333: name and value of a header must be str, the header is %.200R", pair);
    }
    const char* name_data = latin1(name);
    const char* value_data = latin1(value);
    if (name_data == nullptr || value_data == nullptr) {
        return refuse(PyExc_ValueError, "PEP 3333: headers must be Latin-1, the header is %.200R", pair);
    }
    const std::string_view name_text = view(name, name_data);
    const std::string_view value_text = view(value, value_data);
    if (!is_token(name_text)) return refuse(PyExc_ValueError, "the header name is not valid in HTTP: %.200R", pair);
    if (has_control(value_text)) {
        return refuse(PyExc_ValueError, "PEP 3333: a header must not contain control characters: %.200R", pair);
    }
    if (is_hop_by_hop(name_text)) {
        return refuse(PyExc_ValueError, "PEP 3333: an app must not set hop-by-hop headers: %.200R", pair);
    }
    if (name_text.size() == 14 && is_same_name(name_text, "content-length")) {
        const bool is_repeated = exchange.content_length >= 0;
        if (!take_content_length(exchange, value_text, pair)) return false;
        if (is_repeated) return true;  // the same once more: one of them goes out
    }
    exchange.response->header(name_text, value_text);
    return true;
}

// Raises what the app passed: the head is on the wire and cannot be replaced.
bool raise_given(PyObject* exc_info) {
    PyObject* type = PyTuple_GET_ITEM(exc_info, 0);
    PyObject* value = PyTuple_GET_ITEM(exc_info, 1);
    PyObject* trace = PyTuple_GET_ITEM(exc_info, 2);
    PyErr_Restore(Py_NewRef(type), value == Py_None ? nullptr : Py_NewRef(value),
                  trace == Py_None ? nullptr : Py_NewRef(trace));
    return false;
}

bool may_start(Exchange& exchange, PyObject* exc_info) {
    if (exchange.response == nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "start_response was called after the end of its request");
        return false;
    }
    if (exc_info != nullptr && exc_info != Py_None) {
        const bool is_triple = PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3 &&
                               PyExceptionClass_Check(PyTuple_GET_ITEM(exc_info, 0));
        if (!is_triple) {
            return refuse(PyExc_TypeError, "PEP 3333: exc_info must be what sys.exc_info() returns, it is %.200R",
                          exc_info);
        }
        return exchange.response->head_was_sent() ? raise_given(exc_info) : true;
    }
    if (!exchange.is_started) return true;
    PyErr_SetString(PyExc_RuntimeError, "PEP 3333: start_response was called twice without exc_info");
    return false;
}

PyObject* call_start_response(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    Exchange& exchange = exchange_of(self);
    PyObject* exc_info = count > 2 ? arguments[2] : nullptr;
    const Py_ssize_t named = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
    if (count == 2 && named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") == 0) {
        exc_info = arguments[2];
    } else if (count < 2 || count > 3 || named > 0) {
        PyErr_SetString(PyExc_TypeError, "PEP 3333: start_response takes (status, headers, exc_info=None)");
        return nullptr;
    }
    if (!may_start(exchange, exc_info)) return nullptr;
    exchange.is_started = false;
    exchange.content_length = -1;
    if (!take_status(exchange, arguments[0])) return nullptr;
    PyObject* headers = arguments[1];
    if (!PyList_Check(headers)) {
        refuse(PyExc_TypeError, "PEP 3333: headers must be a list of tuples, it is %.200R", headers);
        return nullptr;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); ++i) {
        if (!take_header(exchange, PyList_GET_ITEM(headers, i))) return nullptr;
    }
    exchange.is_started = true;
    return Py_NewRef(exchange.write);
}

PyObject* call_write(PyObject* self, PyObject* chunk) {
    Exchange& exchange = exchange_of(self);
    if (exchange.response == nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "write() was called after the end of its request");
        return nullptr;
    }
    if (!PyBytes_Check(chunk)) {
        refuse(PyExc_TypeError, "PEP 3333: write() takes bytes, it was given %.80R", chunk);
        return nullptr;
    }
    if (!exchange.is_started) {
        PyErr_SetString(PyExc_RuntimeError, "PEP 3333: write() was called before start_response succeeded");
        return nullptr;
    }
    const std::string_view bytes(PyBytes_AS_STRING(chunk), static_cast<std::size_t>(PyBytes_GET_SIZE(chunk)));
    const std::string_view fitting = exchange.fitting(bytes);
    if (fitting.size() < bytes.size()) {
        PyErr_Format(PyExc_ValueError, "PEP 3333: write() was given more bytes than Content-Length declares (%lld)",
                     static_cast<long long>(exchange.content_length));
        return nullptr;
    }
    exchange.sent += bytes.size();
    if (!exchange.is_client_gone && !bytes.empty()) {
        exchange.is_client_gone = exchange.response->write(bytes) == app::Sent::client_gone;
    }
    if (exchange.is_client_gone) {
        PyErr_SetString(PyExc_BrokenPipeError, "the client is gone");
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyMethodDef start_response_method = {
    "start_response", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_start_response)),
    METH_FASTCALL | METH_KEYWORDS, "start_response(status, headers, exc_info=None) -> write"};
PyMethodDef write_method = {"write", call_write, METH_O, "write(bytes)"};

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(deallocate)}, {0, nullptr}};
PyType_Spec spec = {"vassal.Response", sizeof(State), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};

}  // namespace

StartResponse::StartResponse() : type_(PyType_FromSpec(&spec)) {
    if (!type_) throw std::runtime_error("no memory for start_response");
    make();
}

void StartResponse::make() {
    write_.reset();
    start_.reset();
    State* state = PyObject_New(State, reinterpret_cast<PyTypeObject*>(type_.get()));
    if (state == nullptr) throw std::runtime_error("no memory for start_response");
    state->exchange = {};
    state_.reset(reinterpret_cast<PyObject*>(state));
    start_.reset(PyCFunction_New(&start_response_method, state_.get()));
    write_.reset(PyCFunction_New(&write_method, state_.get()));
    if (!start_ || !write_) throw std::runtime_error("no memory for start_response");
}

Exchange& StartResponse::exchange() const noexcept { return exchange_of(state_.get()); }

void StartResponse::begin(app::Response& response) noexcept {
    exchange() = Exchange{.response = &response, .write = write_.get()};
}

void StartResponse::end() noexcept {
    exchange() = {};
    if (Py_REFCNT(start_.get()) != 1 || Py_REFCNT(write_.get()) != 1) make();
}

}  // namespace vassal::python
