// SPDX-License-Identifier: Apache-2.0
#include "emperor/service.h"

#include <gtest/gtest.h>

namespace emperor {
namespace {

using supervise::DisplayState;

TEST(Service, the_fleet_fits_into_a_line) {
    EXPECT_EQ(summary_of({}), "0 apps");
    EXPECT_EQ(summary_of({{DisplayState::running, 1}}), "1 app: 1 running");
    EXPECT_EQ(summary_of({{DisplayState::running, 10}, {DisplayState::backoff, 1}, {DisplayState::invalid, 1}}),
              "12 apps: 10 running, 1 backoff, 1 invalid");
}

}  // namespace
}  // namespace emperor
