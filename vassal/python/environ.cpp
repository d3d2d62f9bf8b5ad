// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/environ.h"

#include <charconv>
#include <cstring>
#include <stdexcept>

namespace vassal::python {

namespace {

// A longer sequence than this is not worth a shape.
constexpr std::size_t max_shape_size = 128;

}  // namespace

EnvironBuilder::EnvironBuilder(PyObject* base)
    : base_(PyDict_Copy(base)),
      content_length_(PyUnicode_InternFromString("CONTENT_LENGTH")),
      url_scheme_(PyUnicode_InternFromString("wsgi.url_scheme")),
      https_(PyUnicode_InternFromString("https")),
      request_id_(PyUnicode_InternFromString("emperor.request_id")) {
    if (!base_ || !content_length_ || !url_scheme_ || !https_ || !request_id_)
        throw std::runtime_error("no memory for environ");
    unremembered_.reserve(max_shape_size);
    for (Shape& shape : shapes_) shape.slots.reserve(32);
}

PyObject* EnvironBuilder::build(const app::Request& request) noexcept {
    Shape* shape = shape_of(request.params);
    PyObject* environ = shape != nullptr ? from_shape(*shape, request.params) : one_by_one(request.params);
    if (environ != nullptr && !add_request_facts(environ, request)) Py_CLEAR(environ);
    if (shape == nullptr && environ != nullptr) learn(request.params);
    return environ;
}

bool EnvironBuilder::replace(PyObject* key, PyObject* value) noexcept {
    bool is_done = PyDict_SetItem(base_.get(), key, value) == 0;
    for (Shape& shape : shapes_) {
        if (shape.dict) is_done = PyDict_SetItem(shape.dict.get(), key, value) == 0 && is_done;
    }
    return is_done;
}

EnvironBuilder::Shape* EnvironBuilder::shape_of(std::span<const app::Param> params) noexcept {
    for (std::size_t i = 0; i < max_shapes; ++i) {
        const std::size_t candidate = (last_shape_ + i) % max_shapes;
        Shape& shape = shapes_[candidate];
        if (shape.slots.size() != params.size() || !shape.dict) continue;
        std::size_t same = 0;
        while (same < params.size() && bytes_of(shape.slots[same].entry->key) == params[same].key) ++same;
        if (same < params.size()) continue;
        last_shape_ = candidate;
        return &shape;
    }
    return nullptr;
}

PyObject* EnvironBuilder::from_shape(Shape& shape, std::span<const app::Param> params) noexcept {
    unremembered_.clear();
    for (std::size_t i = 0; i < params.size(); ++i) {
        Slot& slot = shape.slots[i];
        const std::string_view bytes = params[i].value;
        if (slot.value != nullptr && bytes_of(slot.value) == bytes) continue;
        if (!slot.entry->may_remember(bytes)) {
            unremembered_.push_back(i);
            continue;
        }
        PyRef text(slot.entry->text(bytes));
        if (!text || PyDict_SetItem(shape.dict.get(), slot.entry->key, text.get()) < 0) return nullptr;
        slot.value = text.get();
    }
    PyRef environ(PyDict_Copy(shape.dict.get()));
    for (const std::size_t i : unremembered_) {
        PyRef text(new_text(params[i].value));
        if (!environ || !text || PyDict_SetItem(environ.get(), shape.slots[i].entry->key, text.get()) < 0)
            return nullptr;
    }
    return environ.release();
}

PyObject* EnvironBuilder::one_by_one(std::span<const app::Param> params) noexcept {
    PyRef environ(PyDict_Copy(base_.get()));
    if (!environ) return nullptr;
    for (const app::Param& param : params) {
        KeyEntry* entry = keys_.find(param.key);
        PyRef key(entry != nullptr ? Py_NewRef(entry->key) : new_text(param.key));
        PyRef text(entry != nullptr ? entry->text(param.value) : new_text(param.value));
        if (!key || !text || PyDict_SetItem(environ.get(), key.get(), text.get()) < 0) return nullptr;
    }
    return environ.release();
}

// A sequence that comes for the second time becomes a shape, in the place of the oldest one.
void EnvironBuilder::learn(std::span<const app::Param> params) noexcept {
    if (params.size() > max_shape_size) return;
    std::uint64_t sequence = params.size();
    for (const app::Param& param : params) {
        const KeyEntry* entry = keys_.find(param.key);
        if (entry == nullptr) return;
        sequence = (sequence ^ reinterpret_cast<std::uintptr_t>(entry)) * 0x9E3779B97F4A7C15ULL;
    }
    for (std::uint64_t& seen : seen_once_) {
        if (seen != sequence) continue;
        seen = 0;
        PyRef dict(PyDict_Copy(base_.get()));
        Shape& shape = shapes_[next_shape_];
        const bool is_new = !shape.dict;
        for (const app::Param& param : params) {
            if (!dict || PyDict_SetItem(dict.get(), keys_.find(param.key)->key, Py_None) < 0) return PyErr_Clear();
        }
        shape.slots.clear();
        for (const app::Param& param : params) shape.slots.push_back({keys_.find(param.key), nullptr});
        copies_ += is_new ? 1 : 0;
        shape.dict = std::move(dict);
        next_shape_ = (next_shape_ + 1) % max_shapes;
        return;
    }
    seen_once_[next_seen_] = sequence;
    next_seen_ = (next_seen_ + 1) % seen_once_.size();
}

// A str that nobody has kept since the last request is written anew: it is changed before anybody can see it again.
bool EnvironBuilder::renew_id(std::string_view id) noexcept {
    PyObject* const text = id_.get();
    if (text != nullptr && Py_REFCNT(text) == 1 && !PyUnicode_CHECK_INTERNED(text) && bytes_of(text).size() == id.size()) {
        std::memcpy(PyUnicode_DATA(text), id.data(), id.size());
        reinterpret_cast<PyASCIIObject*>(text)->hash = -1;
        return true;
    }
    id_.reset(new_text(id));
    return id_.get() != nullptr;
}

bool EnvironBuilder::add_request_facts(PyObject* environ, const app::Request& request) noexcept {
    if (!renew_id(request.request_id)) return false;
    if (PyDict_SetItem(environ, request_id_.get(), id_.get()) < 0) return false;
    if (request.url_scheme == "https" && PyDict_SetItem(environ, url_scheme_.get(), https_.get()) < 0) return false;
    if (request.body.size == 0) return true;
    // A body that came in chunks has a known length by now, and frameworks read nothing without one.
    if (const int has_length = PyDict_Contains(environ, content_length_.get()); has_length != 0) return has_length > 0;
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, request.body.size).ptr;
    PyRef length(new_text({digits, static_cast<std::size_t>(end - digits)}));
    return length && PyDict_SetItem(environ, content_length_.get(), length.get()) == 0;
}

}  // namespace vassal::python
