// SPDX-License-Identifier: Apache-2.0
// Expected failures as values: Result<T> holds a T or an Error. An Error says what was attempted and on what
// ("bind /run/blog.sock") and, where a system call failed, why.
#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace common {

struct Error {
    std::error_code code;  // empty where no system call is behind the failure
    std::string context;

    [[nodiscard]] std::string message() const { return code ? context + ": " + code.message() : context; }
};

// Calling value() on a failed Result is a broken invariant, not an expected failure.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::logic_error(error.message());
}

template <class T>
using Result = boost::system::result<T, Error>;

// The Error of the system call that just failed.
[[nodiscard]] inline Error system_error(std::string context, int number = errno) {
    return {std::error_code(number, std::system_category()), std::move(context)};
}

[[nodiscard]] inline Error failure(std::string context) { return {{}, std::move(context)}; }

}  // namespace common
