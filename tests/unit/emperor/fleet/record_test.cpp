// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/record.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emperor/fleet/scale.h"

namespace emperor::fleet {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

DeploymentPtr deployment() {
    auto decoded = common::config::decode({"/etc/apps.d/shop.yaml", "app: shop:app\nworkers: 3\ntimeouts: {drain: 7s}\n"},
                                          std::nullopt, {"shop", "/run/emperor/sockets", nullptr});
    auto made = std::make_shared<Deployment>();
    made->file = "/etc/apps.d/shop.yaml";
    made->stamp = {11, 12, 13, 14, 15};
    made->identity = {1001, 1002, {1002, 33}, "shop", "/home/shop"};
    made->effective = std::make_shared<const common::config::Effective>(std::move(*decoded.effective));
    made->spec = make_spec(made->effective->config);
    return made;
}

class RecordTest : public ::testing::Test {
protected:
    ~RecordTest() override { fs::remove_all(place_); }

    static std::string make_place() {
        std::string pattern = (fs::temp_directory_path() / "record-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }
    void write(const std::string& text) {
        fs::create_directory(directory_);
        std::ofstream(directory_ + "/record.json") << text;
    }
    std::string problem() {
        const auto read = read_record(directory_);
        return read ? "" : read.error().message();
    }

    const std::string place_ = make_place();
    const std::string directory_ = place_ + "/shop";
};

TEST_F(RecordTest, what_was_written_is_read_back) {
    const RecordedInstance old{1, 4711, 99, 0, "draining", 1'700'000'000'000'000, deployment(), {5}};
    const RecordedInstance active{2, 4712, 100, 1, "serving", 1'700'000'001'000'000, deployment(), {5, 6}};
    ASSERT_TRUE(write_record(directory_, {old, active}));

    const auto read = read_record(directory_);
    ASSERT_TRUE(read) << read.error().message();
    ASSERT_EQ(read->size(), 2u);
    const RecordedInstance& second = read->back();
    EXPECT_EQ(read->front().pid, 4711);
    EXPECT_EQ(second.generation, 2u);
    EXPECT_EQ(second.pid, 4712);
    EXPECT_EQ(second.start_ticks, 100u);
    EXPECT_EQ(second.bank, 1);
    EXPECT_EQ(second.state, "serving");
    EXPECT_EQ(second.started_us, 1'700'000'001'000'000);
    EXPECT_EQ(second.socket_inodes, (std::vector<std::uint64_t>{5, 6}));
    EXPECT_EQ(second.deployment->file, active.deployment->file);
    EXPECT_EQ(second.deployment->stamp, active.deployment->stamp);
    EXPECT_EQ(second.deployment->identity, active.deployment->identity);
    EXPECT_EQ(*second.deployment->effective->values, *active.deployment->effective->values);
    EXPECT_EQ(second.deployment->spec->drain_timeout, std::chrono::seconds(7));
    EXPECT_NE(second.deployment->spec->id, active.deployment->spec->id);
}

TEST_F(RecordTest, a_configuration_of_another_version_is_read_with_defaults_for_what_it_did_not_know) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, deployment(), {5}}}));
    std::ifstream in(directory_ + "/record.json");
    auto document = nlohmann::json::parse(in);
    auto& config = document["instances"][0]["config"];
    ASSERT_EQ(config.erase("recycle"), 1u);
    ASSERT_EQ(config["log"].erase("access"), 1u);
    config["sandbox"] = "strict";
    write(document.dump());
    const auto read = read_record(directory_);
    ASSERT_TRUE(read) << read.error().message();
    const auto& effective = *read->front().deployment->effective;
    EXPECT_EQ(*effective.values, *deployment()->effective->values) << "nothing to reload for";
    EXPECT_EQ(effective.config.workers, 3);
}

TEST_F(RecordTest, one_whose_configuration_was_being_replaced_counts_as_touched) {
    RecordedInstance unsettled{1, 4711, 99, 0, "serving", 0, deployment(), {5}};
    unsettled.is_settled = false;
    ASSERT_TRUE(write_record(directory_, {unsettled}));
    const auto read = read_record(directory_);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_FALSE(read->front().is_settled);
    EXPECT_EQ(read->front().deployment->stamp, watch::FileStamp{});
}

TEST_F(RecordTest, an_operators_number_of_workers_and_the_files_are_both_read_back) {
    const Scale scale{2, 8, 3};
    auto changed = std::make_shared<Deployment>(*deployment());
    changed->of_file = changed->effective;
    changed->effective = scaled(*changed->of_file, scale);
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, changed, {5}}}));
    const auto read = read_record(directory_);
    ASSERT_TRUE(read) << read.error().message();
    const Deployment& back = *read->front().deployment;
    EXPECT_EQ(back.effective->config.workers, 8);
    EXPECT_EQ(back.effective->config.workers_min, 2);
    EXPECT_EQ(as_in_file(back)->config.workers, 3);

    ASSERT_TRUE(write_scale(directory_, scale));
    EXPECT_EQ(read_scale(directory_), scale);
    remove_record(directory_);
    EXPECT_EQ(read_scale(directory_), scale) << "it outlives a stop of the emperor";
    std::ofstream(directory_ + "/scale") << R"({"min":4,"max":2,"file":1})";
    EXPECT_EQ(read_scale(directory_), std::nullopt);
    ASSERT_TRUE(write_scale(directory_, std::nullopt));
    EXPECT_FALSE(fs::exists(directory_ + "/scale"));
}

TEST_F(RecordTest, only_the_emperor_may_read_it) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, deployment(), {}}}));
    struct stat file {}, directory {};
    ASSERT_EQ(::stat((directory_ + "/record.json").c_str(), &file), 0);
    ASSERT_EQ(::stat(directory_.c_str(), &directory), 0);
    EXPECT_EQ(file.st_mode & 07777, 0600u);
    EXPECT_EQ(directory.st_mode & 07777, 0700u);
    EXPECT_FALSE(fs::exists(directory_ + "/record.json.new"));
}

TEST_F(RecordTest, nothing_to_record_removes_the_file) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, deployment(), {}}}));
    ASSERT_TRUE(write_record(directory_, {}));
    EXPECT_FALSE(fs::exists(directory_ + "/record.json"));
    const auto read = read_record(directory_);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->empty());
}

TEST_F(RecordTest, what_is_not_understood_is_an_error_that_names_the_file) {
    for (const char* text : {"", "{", "[]", "{}", R"({"version": 1})", R"({"version": "1", "instances": []})",
                             R"({"version": 1, "instances": [{}]})", R"({"version": 1, "instances": [7]})"}) {
        write(text);
        EXPECT_THAT(problem(), HasSubstr(directory_ + "/record.json")) << text;
    }
    write(R"({"version": 2, "instances": []})");
    EXPECT_THAT(problem(), HasSubstr("of another version"));
    write(std::string((4u << 20) + 1, ' '));
    EXPECT_THAT(problem(), HasSubstr("not a record"));
}

TEST_F(RecordTest, a_truncated_record_is_an_error_at_every_byte) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, deployment(), {5}}}));
    std::ifstream in(directory_ + "/record.json");
    const std::string whole{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        write(whole.substr(0, size));
        EXPECT_NE(problem(), "") << size;
    }
}

TEST_F(RecordTest, held_outlives_the_record) {
    EXPECT_EQ(read_held(directory_), std::nullopt);
    ASSERT_TRUE(write_held(directory_, ""));
    EXPECT_EQ(read_held(directory_), "");
    ASSERT_TRUE(write_held(directory_, "stopped by operator root"));
    EXPECT_EQ(read_held(directory_), "stopped by operator root");
    remove_record(directory_);
    EXPECT_EQ(read_held(directory_), "stopped by operator root");
    ASSERT_TRUE(write_held(directory_, std::nullopt));
    ASSERT_TRUE(write_held(directory_, std::nullopt));
    EXPECT_EQ(read_held(directory_), std::nullopt);
}

TEST_F(RecordTest, the_way_back_outlives_the_record_and_is_read_back) {
    const RollbackRecord none = read_rollback(directory_);
    EXPECT_FALSE(none.last_good || none.from);
    const RollbackRecord written{deployment(), deployment(), "by operator root"};
    ASSERT_TRUE(write_rollback(directory_, written));
    remove_record(directory_);
    const RollbackRecord read = read_rollback(directory_);
    ASSERT_TRUE(read.last_good && read.from);
    EXPECT_EQ(*read.last_good->effective->values, *written.last_good->effective->values);
    EXPECT_EQ(read.from->stamp, written.from->stamp);
    EXPECT_EQ(read.from->identity, written.from->identity);
    EXPECT_EQ(read.reason, "by operator root");
    ASSERT_TRUE(write_rollback(directory_, {deployment(), nullptr, ""}));
    EXPECT_FALSE(read_rollback(directory_).from);
    ASSERT_TRUE(write_rollback(directory_, {}));
    ASSERT_TRUE(write_rollback(directory_, {}));
    EXPECT_FALSE(read_rollback(directory_).last_good);
}

TEST_F(RecordTest, a_way_back_that_is_not_understood_is_none) {
    fs::create_directory(directory_);
    for (const char* text : {"", "{", R"({"version": 2})", R"({"version": 1, "last_good": {}, "reason": ""})"}) {
        std::ofstream(directory_ + "/rollback.json") << text;
        EXPECT_FALSE(read_rollback(directory_).last_good) << text;
    }
}

TEST_F(RecordTest, a_standby_is_recorded_with_the_end_of_its_observation) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "suspended", 0, deployment(), {5}, 1'700'000'000'000'000}}));
    EXPECT_EQ(read_record(directory_)->front().observed_until_us, 1'700'000'000'000'000);
}

TEST_F(RecordTest, removing_leaves_nothing) {
    ASSERT_TRUE(write_record(directory_, {{1, 4711, 99, 0, "serving", 0, deployment(), {}}}));
    std::ofstream(directory_ + "/rendezvous-1.sock") << "";
    std::ofstream(directory_ + "/record.json.new") << "";
    remove_record(directory_);
    EXPECT_FALSE(fs::exists(directory_));
    remove_record(directory_);  // a second time: nothing to do
}

}  // namespace
}  // namespace emperor::fleet
