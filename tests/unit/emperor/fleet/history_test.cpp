// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/history.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace emperor::fleet {
namespace {

namespace fs = std::filesystem;

class HistoryTest : public ::testing::Test {
protected:
    HistoryTest() {
        std::string pattern = (fs::temp_directory_path() / "history-XXXXXX").string();
        place_ = ::mkdtemp(pattern.data());
        path_ = place_ + "/history/shop.jsonl";
    }
    ~HistoryTest() override { fs::remove_all(place_); }

    static HistoryEntry entry(std::int64_t number, std::string detail = {}) {
        return {number, "crashed", 3, "exit code " + std::to_string(number), std::move(detail)};
    }
    [[nodiscard]] std::string contents() const {
        std::ifstream in(path_);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] std::size_t lines() const {
        const std::string text = contents();
        return static_cast<std::size_t>(std::ranges::count(text, '\n'));
    }

    std::string place_, path_;
};

TEST_F(HistoryTest, what_is_added_is_known_to_the_next_one) {
    {
        History history(path_);
        EXPECT_TRUE(history.entries().empty());
        history.add(entry(1, "line one\nline \xff two\n"));
        history.add({2, "reloaded", 4, "operator root: reload", {}});
        EXPECT_EQ(history.problem(), "");
    }
    const History next(path_);
    ASSERT_EQ(next.entries().size(), 2u);
    EXPECT_EQ(next.entries()[0].detail, "line one\nline \xEF\xBF\xBD two\n");
    EXPECT_EQ(next.entries()[1], (HistoryEntry{2, "reloaded", 4, "operator root: reload", {}}));
    struct stat facts {};
    ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777u, 0600u);
}

TEST_F(HistoryTest, is_bounded_in_memory_and_on_disk) {
    History history(path_);
    for (int number = 0; number < 1000; ++number) {
        history.add(entry(number));
        ASSERT_LE(lines(), 2 * History::kept);
    }
    EXPECT_EQ(history.entries().size(), History::kept);
    EXPECT_EQ(history.entries().back(), entry(999));
    const History next(path_);
    EXPECT_TRUE(std::ranges::equal(next.entries(), history.entries()));
}

TEST_F(HistoryTest, keeps_the_ends_of_the_newest_details_only) {
    History history(path_);
    for (int number = 0; number < 8; ++number) history.add(entry(number, std::string(5000, 'x') + std::to_string(number)));
    EXPECT_EQ(history.entries()[2].detail, "");
    EXPECT_EQ(history.entries()[3].detail.size(), History::detail_size);
    EXPECT_TRUE(history.entries()[7].detail.ends_with("x7"));
    for (int number = 0; number < 500; ++number) history.add(entry(number, std::string(5000, 'x')));
    EXPECT_LE(fs::file_size(path_), History::file_size);
}

TEST_F(HistoryTest, a_torn_line_and_nonsense_cost_only_themselves) {
    {
        History history(path_);
        history.add(entry(1));
    }
    std::ofstream(path_, std::ios::app) << "nonsense\n[1]\n{\"time_us\":\"x\"}\n{\"time_us\":7,\"event\":\"cra";
    {
        History history(path_);
        ASSERT_EQ(history.entries().size(), 1u);
        history.add(entry(2));
    }
    const History next(path_);
    ASSERT_EQ(next.entries().size(), 2u);
    EXPECT_EQ(next.entries()[1], entry(2));
    EXPECT_EQ(contents().find("nonsense"), std::string::npos);
}

TEST_F(HistoryTest, a_file_that_cannot_be_written_is_reported_and_memory_goes_on) {
    fs::create_directories(path_);  // a directory where the file should be
    History history(path_);
    history.add(entry(1));
    EXPECT_NE(history.problem().find(path_), std::string::npos) << history.problem();
    EXPECT_EQ(history.entries().size(), 1u);
    fs::remove(path_);
    history.add(entry(2));
    EXPECT_EQ(history.problem(), "");
    EXPECT_EQ(History(path_).entries().back(), entry(2));
}

TEST_F(HistoryTest, a_link_is_not_followed) {
    fs::create_directory(fs::path(path_).parent_path());
    fs::create_symlink(place_ + "/elsewhere", path_);
    History history(path_);
    history.add(entry(1));
    EXPECT_NE(history.problem(), "");
    EXPECT_FALSE(fs::exists(place_ + "/elsewhere"));
}

TEST_F(HistoryTest, goes_with_its_vassal) {
    History history(path_);
    history.add(entry(1));
    history.remove();
    EXPECT_FALSE(fs::exists(fs::path(path_).parent_path()));
}

TEST_F(HistoryTest, files_of_vassals_long_gone_are_removed) {
    for (const char* name : {"known", "new", "old"}) History(place_ + "/history/" + name + ".jsonl").add(entry(1));
    for (const char* name : {"known", "old"})
        fs::last_write_time(place_ + "/history/" + name + ".jsonl",
                            fs::file_time_type::clock::now() - std::chrono::hours(8 * 24));
    remove_old_histories(place_ + "/history", [](const std::string& name) { return name == "known"; });
    EXPECT_TRUE(fs::exists(place_ + "/history/known.jsonl"));
    EXPECT_TRUE(fs::exists(place_ + "/history/new.jsonl"));
    EXPECT_FALSE(fs::exists(place_ + "/history/old.jsonl"));
}

}  // namespace
}  // namespace emperor::fleet
