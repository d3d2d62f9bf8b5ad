// SPDX-License-Identifier: Apache-2.0
#include "common/config/access_format.h"

namespace common::config {

Result<access::Format> access_format(const LogConfig& log) {
    const bool is_json = log.access == AccessLog::json;
    return access::parse_format(is_json ? access::Style::json : access::Style::text, log.access_format);
}

}  // namespace common::config
