// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/counts.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace emperor::fleet {
namespace {

namespace fs = std::filesystem;

class CountsTest : public ::testing::Test {
protected:
    ~CountsTest() override { fs::remove_all(place_); }
    static std::string make_place() {
        std::string pattern = (fs::temp_directory_path() / "counts-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }
    const std::string place_ = make_place();
    const std::string directory_ = place_ + "/shop";
    const std::string file_ = directory_ + "/counts.json";
};

TEST_F(CountsTest, the_next_emperor_counts_on) {
    Counts first(directory_);
    first.add_restart();
    first.add_restart();
    first.add_reload();
    first.show("running", 42);
    first.set_failing_since(41);
    const Counts next(directory_);
    EXPECT_EQ(next.restarts(), 2u);
    EXPECT_EQ(next.reloads(), 1u);
    EXPECT_EQ(next.state(), "running");
    EXPECT_EQ(next.since_us(), 42);
    EXPECT_EQ(next.failing_since_us(), 41);
}

TEST_F(CountsTest, what_is_not_understood_counts_as_none) {
    for (const char* text : {"", "rubbish", "[]", "{\"restarts\":-1}",
                             "{\"restarts\":1,\"reloads\":\"x\",\"state\":1,\"since_us\":2}"}) {
        fs::create_directory(directory_);
        std::ofstream(file_) << text;
        const Counts counts(directory_);
        EXPECT_EQ(counts.restarts(), 0u) << text;
        EXPECT_EQ(counts.reloads(), 0u) << text;
    }
}

TEST_F(CountsTest, nothing_is_touched_before_there_is_a_directory) {
    Counts counts("");
    counts.show("invalid", 1);
    counts.add_restart();
    EXPECT_TRUE(fs::is_empty(place_));
    counts.move_to(directory_);
    EXPECT_EQ(Counts(directory_).restarts(), 1u);
}

TEST_F(CountsTest, what_cannot_be_written_is_kept_in_memory) {
    std::ofstream(directory_) << "a file in the place of the directory";
    Counts counts(directory_);
    counts.add_reload();
    EXPECT_EQ(counts.reloads(), 1u);
}

}  // namespace
}  // namespace emperor::fleet
