// SPDX-License-Identifier: Apache-2.0
// The number of workers that an operator asked for (`emperorctl scale`), over what the file says. It holds until the
// file says another number than it did then, over restarts of the vassal and of the emperor: it lies in the emperor's own
// vassals/NAME/scale. Values, and the file.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/config/decode.h"

namespace emperor::fleet {

struct Scale {
    int min = 1, max = 1;
    nlohmann::json file;  // `workers` of the file when it was asked for

    friend bool operator==(const Scale&, const Scale&) = default;
};

// As the canonical document has it: a number, or a range.
[[nodiscard]] nlohmann::json workers_value(int min, int max);

// The same configuration with the operator's number of workers.
[[nodiscard]] std::shared_ptr<const common::config::Effective> scaled(const common::config::Effective& file, const Scale& scale);

// nullopt: none, or one that is not understood.
[[nodiscard]] std::optional<Scale> read_scale(const std::string& directory);
// nullopt removes it.
[[nodiscard]] common::Result<void> write_scale(const std::string& directory, const std::optional<Scale>& scale);

}  // namespace emperor::fleet
