// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/orphan_record.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace emperor::fleet {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class OrphanRecord : public ::testing::Test {
protected:
    OrphanRecord() {
        std::string pattern = (fs::temp_directory_path() / "orphans-XXXXXX").string();
        place_ = ::mkdtemp(pattern.data());
        path_ = place_ + "/.orphans";
    }
    ~OrphanRecord() override { fs::remove_all(place_); }

    std::string place_, path_;
};

TEST_F(OrphanRecord, what_was_written_is_read_with_the_time_that_is_left) {
    const auto now = common::Clock::now();
    ASSERT_TRUE(write_orphans(path_, {{4711, true, now + seconds(30)}, {4712, false, now - seconds(5)}}));
    const auto found = read_orphans(path_);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].leader, 4711);
    EXPECT_LE(found[0].patience, seconds(30));
    EXPECT_GT(found[0].patience, seconds(20));
    EXPECT_EQ(found[1].patience, common::Duration{});
}

TEST_F(OrphanRecord, nobody_left_is_no_file) {
    ASSERT_TRUE(write_orphans(path_, {{4711, true, common::Clock::now()}}));
    ASSERT_TRUE(write_orphans(path_, {}));
    EXPECT_TRUE(fs::is_empty(place_));
    EXPECT_TRUE(read_orphans(path_).empty());
}

TEST_F(OrphanRecord, nonsense_is_read_as_nothing_and_no_wait_is_endless) {
    std::ofstream(path_) << "1 5\n-7 5\n4711 9223372036854775\nx 3\n4712 5\n";
    const auto found = read_orphans(path_);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].leader, 4711);
    EXPECT_EQ(found[0].patience, std::chrono::hours(1));
}

TEST_F(OrphanRecord, a_directory_that_is_gone_is_an_error) {
    EXPECT_FALSE(write_orphans(place_ + "/none/.orphans", {{4711, true, common::Clock::now()}}));
}

}  // namespace
}  // namespace emperor::fleet
