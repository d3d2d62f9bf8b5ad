// SPDX-License-Identifier: Apache-2.0
// Hot path. Makes the environ dict of each request. One per serving thread, used with the interpreter lock held.
//
// Clients send the same variables in the same order again and again. Such a sequence of names is a shape; a shape keeps
// a dict that has all of them, with the last values, and PyDict_Copy clones it in one go: only values that changed are
// made and set. A sequence seen for the first time takes the plain way, a copy of the base dict and one insertion each.
// A shape never remembers Cookie, Authorization or long values: their slots hold None until the copy is filled.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vassal/app/application.h"
#include "vassal/python/key_cache.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

class EnvironBuilder {
public:
    // `base` has the wsgi.* variables; it is copied now. Throws std::runtime_error when out of memory.
    explicit EnvironBuilder(PyObject* base);

    // A new environ for this request; null with an exception set.
    [[nodiscard]] PyObject* build(const app::Request& request) noexcept;

    // How many dicts of its own hold each wsgi.* variable.
    [[nodiscard]] Py_ssize_t copies() const noexcept { return copies_; }
    // Replaces one of the wsgi.* variables for all requests to come.
    [[nodiscard]] bool replace(PyObject* key, PyObject* value) noexcept;

private:
    struct Slot {
        KeyEntry* entry = nullptr;
        PyObject* value = nullptr;  // borrowed from the shape's dict; null: not remembered
    };
    struct Shape {
        std::vector<Slot> slots;
        PyRef dict;
    };

    [[nodiscard]] Shape* shape_of(std::span<const app::Param> params) noexcept;
    [[nodiscard]] PyObject* from_shape(Shape& shape, std::span<const app::Param> params) noexcept;
    [[nodiscard]] PyObject* one_by_one(std::span<const app::Param> params) noexcept;
    void learn(std::span<const app::Param> params) noexcept;
    [[nodiscard]] bool renew_id(std::string_view id) noexcept;
    [[nodiscard]] bool add_request_facts(PyObject* environ, const app::Request& request) noexcept;

    static constexpr std::size_t max_shapes = 8;

    KeyCache keys_;
    PyRef base_;
    PyRef content_length_, url_scheme_, https_, request_id_;
    PyRef id_;  // the str of the newest request's id
    std::array<Shape, max_shapes> shapes_;
    std::array<std::uint64_t, max_shapes> seen_once_{};  // sequences that make a shape when they come again
    std::size_t last_shape_ = 0, next_shape_ = 0, next_seen_ = 0;
    Py_ssize_t copies_ = 1;
    std::vector<std::size_t> unremembered_;  // scratch: slots whose value goes into the copy only
};

}  // namespace vassal::python
