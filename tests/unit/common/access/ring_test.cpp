// SPDX-License-Identifier: Apache-2.0
#include "common/access/ring.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace common::access {
namespace {

// A record with one value, as a worker writes it.
std::string record(std::string_view value, std::uint16_t status = 200) {
    RecordHead head;
    const std::size_t size = (sizeof head + 2 + value.size() + 7) & ~std::size_t{7};
    head.size = static_cast<std::uint32_t>(size);
    head.kind = kind_record;
    head.status = status;
    head.value_count = 1;
    const auto coded = static_cast<std::uint16_t>(value.size());
    std::string bytes(size, '\0');
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(bytes.data() + sizeof head, &coded, sizeof coded);
    value.copy(bytes.data() + sizeof head + sizeof coded, value.size());
    return bytes;
}

class AccessRing : public testing::Test {
protected:
    // False: dropped.
    bool write(std::string_view bytes) {
        char* const to = writer_.reserve(max_record_size);
        if (to == nullptr) return false;
        bytes.copy(to, bytes.size());
        is_half_full_ = writer_.publish(bytes.size());
        return true;
    }
    std::uint64_t read(std::vector<std::string>& values) {
        return reader_.drain(scratch_, [&](std::string_view bytes) {
            const auto found = read_record(bytes, 1);
            if (found) values.emplace_back(found->values[0].text);
            return found.has_value();
        });
    }
    std::vector<std::string> read_all() {
        std::vector<std::string> values;
        lost_ = read(values);
        return values;
    }

    // The smallest rings, so that they are full soon.
    Rings rings_ = Rings::make(256, 64).value();
    RingView view_ = rings_.ring(5, 7);
    RingWriter writer_{view_};
    RingReader reader_{view_};
    RingReader::Scratch scratch_{};
    std::uint64_t lost_ = 0;
    bool is_half_full_ = false;
};

TEST_F(AccessRing, what_is_written_is_read_once_and_in_order) {
    EXPECT_TRUE(read_all().empty());
    ASSERT_TRUE(write(record("one")));
    ASSERT_TRUE(write(record("two")));
    EXPECT_EQ(read_all(), (std::vector<std::string>{"one", "two"}));
    EXPECT_TRUE(read_all().empty());
    EXPECT_EQ(lost_, 0u);
}

TEST_F(AccessRing, records_of_all_sizes_survive_many_rounds) {
    std::minstd_rand random(7);
    std::vector<std::string> expected;
    for (int i = 0; i < 20'000; ++i) {
        expected.push_back(std::to_string(i) + std::string(random() % 600, 'x'));
        ASSERT_TRUE(write(record(expected.back())));
        if (i % 20 != 0) continue;
        ASSERT_EQ(read_all(), expected) << i;
        expected.clear();
    }
    EXPECT_EQ(read_all(), expected);
}

TEST_F(AccessRing, has_its_whole_room_after_a_begin_at_the_front) {
    std::size_t most = 0;
    for (int round = 0; round < 3; ++round) {
        std::size_t count = 0;
        while (write(record(std::string(100, 'x')))) ++count;
        EXPECT_GE(count + 1, most) << round;
        most = std::max(most, count);
        EXPECT_EQ(read_all().size(), count);
    }
    EXPECT_GT(most * record(std::string(100, 'x')).size(), view_.size - 2 * max_record_size);
}

TEST_F(AccessRing, a_full_ring_drops_and_counts_and_goes_on_when_there_is_room) {
    std::vector<std::string> written;
    for (int i = 0; write(record(std::to_string(i) + std::string(500, 'x'))); ++i)
        written.push_back(std::to_string(i) + std::string(500, 'x'));
    EXPECT_GT(written.size(), 30u);
    EXPECT_FALSE(write(record("lost")));
    EXPECT_EQ(read_all(), written);
    EXPECT_EQ(lost_, 2u);
    EXPECT_TRUE(write(record("again")));
    EXPECT_EQ(read_all(), std::vector<std::string>{"again"});
    EXPECT_EQ(lost_, 0u);
}

TEST_F(AccessRing, says_when_more_than_half_waits) {
    std::size_t size = 0;
    while (!is_half_full_) {
        ASSERT_TRUE(write(record(std::string(400, 'x'))));
        size += record(std::string(400, 'x')).size();
        ASSERT_EQ(is_half_full_, size > view_.size / 2);
    }
    static_cast<void>(read_all());
    ASSERT_TRUE(write(record("x")));
    EXPECT_FALSE(is_half_full_);
}

TEST_F(AccessRing, begins_at_the_front_again_when_the_reader_has_caught_up) {
    for (int i = 0; i < 2000; ++i) {
        ASSERT_TRUE(write(record(std::string(100, 'x'))));
        ASSERT_EQ(read_all().size(), 1u);
    }
    // Nothing beyond the first records was ever touched.
    for (std::size_t at = 2 * max_record_size; at < view_.size; ++at) ASSERT_EQ(view_.data[at], 0) << at;
}

TEST_F(AccessRing, a_writer_that_dies_leaves_what_it_published_and_its_successor_goes_on) {
    ASSERT_TRUE(write(record("whole")));
    char* const torn = writer_.reserve(max_record_size);  // killed before publish()
    record("torn").copy(torn, 30);
    RingWriter successor(view_);
    const std::string bytes = record("next");
    bytes.copy(successor.reserve(max_record_size), bytes.size());
    static_cast<void>(successor.publish(bytes.size()));
    EXPECT_EQ(read_all(), (std::vector<std::string>{"whole", "next"}));
}

TEST_F(AccessRing, is_read_to_its_end_whatever_the_app_writes_over_it) {
    std::minstd_rand random(11);
    for (int round = 0; round < 3000; ++round) {
        for (int i = 0; i < 5; ++i) static_cast<void>(write(record(std::string(random() % 300, 'y'))));
        for (int i = 0; i < 20; ++i) {
            const std::size_t at = random() % view_.size & ~std::size_t{7};
            const std::uint64_t junk = random() % 3 == 0 ? random() : random() % 512 | std::uint64_t{kind_record} << 32;
            std::memcpy(view_.data + at, &junk, sizeof junk);
        }
        if (random() % 10 == 0) view_.state->head.store(random());
        if (random() % 50 == 0) view_.state->dropped.store(random());
        std::vector<std::string> values;
        static_cast<void>(read(values));
        for (const std::string& value : values) ASSERT_LE(value.size(), max_record_size);
    }
    // And afterwards all is well again: at the latest the third record is understood.
    for (const char* lost : {"first", "second"}) {
        static_cast<void>(write(record(lost)));
        static_cast<void>(read_all());
    }
    ASSERT_TRUE(write(record("third")));
    EXPECT_EQ(read_all(), std::vector<std::string>{"third"});
}

TEST(AccessRecord, no_length_in_it_is_believed) {
    std::minstd_rand random(3);
    const std::string good = record("value");
    ASSERT_TRUE(read_record(good, 1));
    EXPECT_FALSE(read_record(good, 2)) << "another format's";
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(read_record(std::string_view(good).substr(0, size), 1));
    for (int i = 0; i < 100'000; ++i) {
        std::string bad = good;
        for (int n = 0; n < 3; ++n) bad[random() % bad.size()] = static_cast<char>(random());
        const auto found = read_record(bad, 1);
        if (!found) continue;
        const std::string_view text = found->values[0].text;
        if (!found->values[0].is_absent) {
            ASSERT_GE(text.data(), bad.data());
            ASSERT_LE(text.data() + text.size(), bad.data() + bad.size());
        }
        ASSERT_LE(found->fields.data() + found->fields.size(), bad.data() + bad.size());
    }
}

TEST(AccessRecord, fields_of_the_app_end_where_they_make_no_sense) {
    AppFields empty("");
    EXPECT_FALSE(empty.next());
    using namespace std::string_view_literals;
    AppFields fields("\1\0\2\0kvv\1\0\xff\xffk"sv);
    const auto first = fields.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->name, "k");
    EXPECT_EQ(first->value, "vv");
    EXPECT_FALSE(fields.next());
}

TEST(AccessRings, many_of_them_are_smaller) {
    EXPECT_EQ(Rings::make(1, 1).value().ring_size(), 512u * 1024);
    EXPECT_EQ(Rings::make(4, 8).value().ring_size(), 512u * 1024);
    EXPECT_EQ(Rings::make(256, 64).value().ring_size(), 32u * 1024);
}

}  // namespace
}  // namespace common::access
