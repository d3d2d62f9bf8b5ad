// SPDX-License-Identifier: Apache-2.0
// UTF-8 as far as logs need it (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace common {

// The number of bytes of the valid UTF-8 sequence at the start of `text`; 0: not valid.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

// `sequence` is one valid sequence: C0, DEL and (C2 80..9F) C1 controls, on which a terminal would act.
[[nodiscard]] bool is_control(std::string_view sequence) noexcept;

}  // namespace common
