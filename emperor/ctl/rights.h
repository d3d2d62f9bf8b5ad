// SPDX-License-Identifier: Apache-2.0
// While it lives, files are looked at with the rights of a vassal's user: under root only, nothing otherwise. For
// emperorctl, which is single-threaded; the emperor has its own (emperor/process).
#pragma once

#include <sys/types.h>

#include <vector>

#include "common/config/verify.h"

namespace emperor::ctl {

class RightsOf {
public:
    explicit RightsOf(const common::config::Identity& identity);
    ~RightsOf();
    RightsOf(const RightsOf&) = delete;
    RightsOf& operator=(const RightsOf&) = delete;

private:
    bool is_changed_ = false;
    gid_t gid_ = 0;
    std::vector<gid_t> groups_;
};

}  // namespace emperor::ctl
