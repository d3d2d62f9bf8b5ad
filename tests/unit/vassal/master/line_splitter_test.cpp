// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/link/log_record.h"

namespace vassal::master {
namespace {

using testing::ElementsAre;
using common::link::max_line_size;

struct Lines {
    std::vector<std::string> seen;
    LineSplitter splitter;

    void feed(std::string_view bytes) {
        splitter.feed(bytes, [this](std::string_view line) { seen.emplace_back(line); });
    }
    void flush() {
        splitter.flush([this](std::string_view line) { seen.emplace_back(line); });
    }
};

TEST(LineSplitter, lines_are_the_same_however_they_are_cut) {
    const std::string text = "one\n\ntwo\r\nthree";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Lines lines;
        lines.feed(std::string_view(text).substr(0, cut));
        lines.feed(std::string_view(text).substr(cut));
        EXPECT_TRUE(lines.splitter.has_partial());
        lines.flush();
        EXPECT_THAT(lines.seen, ElementsAre("one", "", "two", "three")) << cut;
    }
}

TEST(LineSplitter, an_endless_line_is_split_and_loses_nothing) {
    Lines lines;
    const std::string text(2 * max_line_size + 10, 'x');
    for (std::size_t at = 0; at < text.size(); at += 1000) lines.feed(std::string_view(text).substr(at, 1000));
    lines.feed("\nnext\n");
    ASSERT_EQ(lines.seen.size(), 4u);
    EXPECT_EQ(lines.seen[0].size() + lines.seen[1].size() + lines.seen[2].size(), text.size());
    EXPECT_EQ(lines.seen[0].size(), max_line_size);
    EXPECT_EQ(lines.seen[3], "next");
}

TEST(LineSplitter, a_line_of_exactly_the_limit_is_one_line) {
    Lines lines;
    lines.feed(std::string(max_line_size, 'x') + "\n");
    EXPECT_EQ(lines.seen.size(), 1u);
}

TEST(LineSplitter, nothing_is_flushed_twice) {
    Lines lines;
    lines.feed("partial");
    lines.flush();
    lines.flush();
    EXPECT_THAT(lines.seen, ElementsAre("partial"));
}

}  // namespace
}  // namespace vassal::master
