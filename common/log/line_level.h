// SPDX-License-Identifier: Apache-2.0
// How serious a line of an app's output is. An app's log has no levels of its own once it is text: the word that Python's
// logging and most others write near the beginning of a line is taken for it. Pure.
#pragma once

#include <string_view>

#include "common/log/log.h"

namespace common::log {

// By the first of DEBUG, INFO, NOTICE, WARN(ING), ERROR, EXCEPTION, CRITICAL, FATAL that stands as a word of its own in capitals
// within the first 80 bytes, by "Traceback (most recent call last)" at the beginning, else info.
[[nodiscard]] Level level_of_line(std::string_view text) noexcept;

}  // namespace common::log
