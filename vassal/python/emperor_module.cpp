// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/emperor_module.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "vassal/python/exception_text.h"
#include "vassal/python/python_application.h"
#include "vassal/python/serving_thread.h"

namespace vassal::python {

namespace {

constexpr std::size_t max_reason = 200;     // bytes of a reload's reason, in logs and history
constexpr std::size_t max_field_name = 64;  // as the access log keeps them

Surroundings& surroundings_of(PyObject* module) noexcept {
    return **static_cast<Surroundings**>(PyModule_GetState(module));
}

PyObject* no_host(const Surroundings& surroundings, const char* function) {
    const char* why = surroundings.stage == Stage::ended ? "the worker is ending"
                                                         : "the worker does not serve yet (the app is being imported, "
                                                           "or a postfork hook runs)";
    return PyErr_Format(PyExc_RuntimeError, "%s(): %s", function, why);
}

PyDoc_STRVAR(reload_doc,
             "reload(reason='')\n--\n\n"
             "Asks for the whole app to be replaced without losing a request: a rollout of this vassal by its emperor\n"
             "(new workers are started and proven before these ones drain), or one worker after the other where there\n"
             "is no emperor. `reason` is shown in logs and by `emperorctl show` (at most 200 bytes of it).\n\n"
             "Returns at once: True when the request left, False when this worker asked less than a second ago (one\n"
             "answer is enough). The server spaces such reloads out: one runs at a time, the next begins 10 seconds\n"
             "after it at the earliest.\n\n"
             "Raises RuntimeError while the app is imported and in postfork hooks (it would reload for ever), in a\n"
             "process that the app forked, and when nobody can be asked any more.");

PyObject* reload(PyObject* module, PyObject* arguments, PyObject* names) {
    static const char* const keywords[] = {"reason", nullptr};
    PyObject* given = nullptr;
    if (PyArg_ParseTupleAndKeywords(arguments, names, "|U:reload", const_cast<char**>(keywords),  // NOLINT
                                    &given) == 0) {
        return nullptr;
    }
    const Surroundings& surroundings = surroundings_of(module);
    if (surroundings.host == nullptr) {
        if (surroundings.stage == Stage::ended) return no_host(surroundings, "emperor.reload");
        const char* now = surroundings.stage == Stage::hooks ? "a postfork hook runs" : "the app is being imported";
        return PyErr_Format(PyExc_RuntimeError, "emperor.reload(): %s; a reload now would have no end", now);
    }
    std::string reason = given != nullptr ? one_line(utf8(given)) : std::string();
    if (reason.size() > max_reason) {
        std::size_t end = max_reason;
        while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0U) == 0x80U) --end;  // whole characters
        reason.resize(end);
    }
    switch (surroundings.host->request_reload(reason)) {
        case app::Host::Asked::sent: Py_RETURN_TRUE;
        case app::Host::Asked::pending: Py_RETURN_FALSE;
        case app::Host::Asked::refused: break;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "emperor.reload(): this process has no master to ask (a child that the app forked, or the worker "
                    "lost its master)");
    return nullptr;
}

PyDoc_STRVAR(listen_queue_doc,
             "listen_queue()\n--\n\n"
             "How many connections wait in the queues of this vassal's listeners, accepted by no worker yet: an int.\n"
             "Asks the kernel (some microseconds per listener). Raises RuntimeError before the worker serves, and\n"
             "OSError where the kernel does not say.");

PyObject* listen_queue(PyObject* module, PyObject*) {
    const Surroundings& surroundings = surroundings_of(module);
    if (surroundings.host == nullptr) return no_host(surroundings, "emperor.listen_queue");
    const long waiting = surroundings.host->listen_queue();
    if (waiting >= 0) return PyLong_FromLong(waiting);
    PyErr_SetString(PyExc_OSError, "emperor.listen_queue(): the kernel does not say");
    return nullptr;
}

PyDoc_STRVAR(set_log_field_doc,
             "set_log_field(name, value)\n--\n\n"
             "Adds a field to the access log's record of the request that this thread serves; the last value of a name\n"
             "counts. `name` is a str of letters, digits, '_', '-' and '.', at most 64 of them; `value` a str, int,\n"
             "float or bool, of which the first 512 bytes are kept (2 KiB for all fields of a request). Does nothing\n"
             "where log.access is off.\n\n"
             "Raises RuntimeError outside of a request (also in threads that the app started), ValueError for a name\n"
             "of other characters, TypeError for other types.");

bool is_field_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_field_name) return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    });
}

PyObject* set_log_field(PyObject*, PyObject* arguments, PyObject* names) {
    static const char* const keywords[] = {"name", "value", nullptr};
    PyObject* name = nullptr;
    PyObject* value = nullptr;
    if (PyArg_ParseTupleAndKeywords(arguments, names, "UO:set_log_field", const_cast<char**>(keywords),  // NOLINT
                                    &name, &value) == 0) {
        return nullptr;
    }
    const std::string key = utf8(name);
    if (!is_field_name(key)) {
        return PyErr_Format(PyExc_ValueError,
                            "set_log_field(): a name has 1 to 64 letters, digits, '_', '-' or '.', not %R", name);
    }
    if (!PyUnicode_Check(value) && !PyLong_Check(value) && !PyFloat_Check(value)) {
        return PyErr_Format(PyExc_TypeError, "set_log_field(): a value is a str, int, float or bool, not %s",
                            Py_TYPE(value)->tp_name);
    }
    PyRef text(PyObject_Str(value));
    if (!text) return nullptr;
    const ServingThread* thread = serving_thread();
    app::Response* response = thread != nullptr ? thread->response() : nullptr;
    if (response == nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "set_log_field(): this thread serves no request");
        return nullptr;
    }
    response->log_field(key, utf8(text.get()));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(request_id_doc,
             "request_id()\n--\n\n"
             "The id of the request that this thread serves, a str, as in environ['emperor.request_id'], on the\n"
             "server's error page and in its log lines; None outside of a request.");

PyObject* request_id(PyObject*, PyObject*) {
    const ServingThread* thread = serving_thread();
    const app::Request* request = thread != nullptr ? thread->request() : nullptr;
    if (request == nullptr) Py_RETURN_NONE;
    return PyUnicode_DecodeLatin1(request->request_id.data(), static_cast<Py_ssize_t>(request->request_id.size()),
                                  nullptr);
}

PyDoc_STRVAR(postfork_doc,
             "postfork(function)\n--\n\n"
             "Decorator: `function()` is called in each worker before it serves, in the order of registration: after\n"
             "the fork with `preload: true`, after the import without. The place to open connections and to start\n"
             "threads. An exception in it fails the worker's start, with its traceback as the reason. Registered in a\n"
             "worker that serves already, it is called at once. Returns `function`.");

PyObject* postfork(PyObject* module, PyObject* function) {
    if (PyCallable_Check(function) == 0) {
        return PyErr_Format(PyExc_TypeError, "postfork(): %R is not callable", function);
    }
    Surroundings& surroundings = surroundings_of(module);
    if (surroundings.stage == Stage::importing || surroundings.stage == Stage::hooks) {
        surroundings.hooks.push_back(PyRef::share(function));
    } else if (!PyRef(PyObject_CallNoArgs(function))) {
        return nullptr;
    }
    return Py_NewRef(function);
}

PyMethodDef functions[] = {
    {"reload", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(reload)), METH_VARARGS | METH_KEYWORDS,
     reload_doc},
    {"listen_queue", listen_queue, METH_NOARGS, listen_queue_doc},
    {"set_log_field", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(set_log_field)),
     METH_VARARGS | METH_KEYWORDS, set_log_field_doc},
    {"request_id", request_id, METH_NOARGS, request_id_doc},
    {"postfork", postfork, METH_O, postfork_doc},
    {nullptr, nullptr, 0, nullptr}};

PyDoc_STRVAR(module_doc,
             "The server that runs this app, as a vassal of Emperor.\n\n"
             "vassal      its name, a str (the file's name without the ending)\n"
             "generation  the number of this rollout, an int: 1, 2, ... (1 where there is no emperor)\n"
             "worker_id   this worker's number, an int from 1; 0 in the process that `preload: true` imports the app\n"
             "            in. Read it where it is needed: `from emperor import worker_id` keeps what it is at import\n"
             "version     Emperor's version, a str\n\n"
             "The module exists in vassals only. Elsewhere (tests, manage.py) the import fails as that of any missing\n"
             "module does:\n\n"
             "    try:\n"
             "        import emperor\n"
             "    except ImportError:\n"
             "        emperor = None\n");

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "emperor", module_doc, sizeof(Surroundings*), functions,
                          nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyObject* emperor_module(Surroundings& surroundings) noexcept {
    if (surroundings.emperor_module) return surroundings.emperor_module.get();
    PyRef module(PyModule_Create(&definition));
    if (!module) return nullptr;
    *static_cast<Surroundings**>(PyModule_GetState(module.get())) = &surroundings;
    PyRef vassal(PyUnicode_FromString(surroundings.vassal.c_str()));
    if (!vassal || PyModule_AddObjectRef(module.get(), "vassal", vassal.get()) < 0 ||
        PyModule_AddIntConstant(module.get(), "generation", static_cast<long>(surroundings.generation)) < 0 ||
        PyModule_AddIntConstant(module.get(), "worker_id", surroundings.worker) < 0 ||
        PyModule_AddStringConstant(module.get(), "version", EMPEROR_VERSION) < 0) {
        return nullptr;
    }
    surroundings.emperor_module = std::move(module);
    return surroundings.emperor_module.get();
}

bool update_emperor_module(Surroundings& surroundings) noexcept {
    return !surroundings.emperor_module ||
           PyModule_AddIntConstant(surroundings.emperor_module.get(), "worker_id", surroundings.worker) == 0;
}

bool run_postfork_hooks(Surroundings& surroundings) {
    // By index: a hook may register another one.
    for (std::size_t i = 0; i < surroundings.hooks.size(); ++i) {
        PyRef hook = PyRef::share(surroundings.hooks[i].get());
        if (!PyRef(PyObject_CallNoArgs(hook.get()))) return false;
    }
    return true;
}

}  // namespace vassal::python
