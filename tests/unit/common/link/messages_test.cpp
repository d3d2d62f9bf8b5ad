// SPDX-License-Identifier: Apache-2.0
#include "common/link/messages.h"

#include <gtest/gtest.h>

#include "common/link/channel.h"

namespace common::link {
namespace {

Start a_start() {
    Start start;
    start.name = "shop";
    start.generation = 7;
    start.bank = 1;
    start.config = {{"app", "shop:app"}, {"timeouts", {{"start", 60000}}}};
    start.identity = {1000, 1001, {4, 24}, "ann", "/home/ann"};
    start.listeners = {"uwsgi:/run/shop.sock", "http:127.0.0.1:80"};
    return start;
}

TEST(Messages, start_survives_the_way) {
    const auto decoded = decode_emperor_message(encode(EmperorMessage(a_start())));
    ASSERT_TRUE(decoded);
    const auto& start = std::get<Start>(*decoded);
    const Start expected = a_start();
    EXPECT_EQ(start.version, protocol_version);
    EXPECT_EQ(start.name, expected.name);
    EXPECT_EQ(start.generation, 7u);
    EXPECT_EQ(start.bank, 1);
    EXPECT_EQ(start.config, expected.config);
    EXPECT_EQ(start.identity, expected.identity);
    EXPECT_EQ(start.listeners, expected.listeners);
}

TEST(Messages, every_order_survives_the_way) {
    EXPECT_TRUE(std::holds_alternative<Promote>(*decode_emperor_message(encode(EmperorMessage(Promote{})))));
    EXPECT_TRUE(std::holds_alternative<Suspend>(*decode_emperor_message(encode(EmperorMessage(Suspend{})))));
    EXPECT_TRUE(std::holds_alternative<Resume>(*decode_emperor_message(encode(EmperorMessage(Resume{})))));
    EXPECT_TRUE(std::holds_alternative<ReopenLogs>(*decode_emperor_message(encode(EmperorMessage(ReopenLogs{})))));
    EXPECT_EQ(std::get<Attach>(*decode_emperor_message(encode(EmperorMessage(Attach{3})))).version, 3);
    const auto hold = std::get<Hold>(
        *decode_emperor_message(encode(EmperorMessage(Hold{protocol_version, "shop", {"uwsgi:/run/shop.sock"}, 1500}))));
    EXPECT_EQ(hold.version, protocol_version);
    EXPECT_EQ(hold.name, "shop");
    EXPECT_EQ(hold.listeners, std::vector<std::string>{"uwsgi:/run/shop.sock"});
    EXPECT_EQ(hold.retry_ms, 1500);
    const auto stop = std::get<Stop>(*decode_emperor_message(encode(EmperorMessage(Stop{false, "removed"}))));
    EXPECT_FALSE(stop.graceful);
    EXPECT_EQ(stop.reason, "removed");
}

TEST(Messages, an_order_to_reconfigure_survives_the_way) {
    const auto decoded = decode_emperor_message(encode(EmperorMessage(Reconfigure{1ull << 40, true, a_start().config})));
    ASSERT_TRUE(decoded);
    const auto& order = std::get<Reconfigure>(*decoded);
    EXPECT_EQ(order.id, 1ull << 40);
    EXPECT_TRUE(order.with_workers);
    EXPECT_EQ(order.config, a_start().config);
    EXPECT_FALSE(decode_emperor_message(R"({"type":"reconfigure","id":1,"with_workers":true,"config":[]})"));
    EXPECT_FALSE(decode_emperor_message(R"({"type":"reconfigure","id":-1,"with_workers":true,"config":{}})"));
}

TEST(Messages, a_master_that_does_not_say_its_minor_version_has_none) {
    EXPECT_EQ(std::get<Hello>(*decode_master_message(R"({"type":"hello","version":1,"pid":2})")).minor, 0);
    EXPECT_EQ(std::get<Hello>(*decode_master_message(encode(MasterMessage(Hello{1, 2})))).minor, protocol_minor);
}

template <class T>
T there_and_back(const T& message) {
    return std::get<T>(decode_master_message(encode(MasterMessage(message))).value());
}

TEST(Messages, every_word_of_a_master_survives_the_way) {
    EXPECT_EQ(there_and_back(Hello{1, 42}).pid, 42);
    const auto reconfigured = there_and_back(Reconfigured{7, "stalled", "import: broken"});
    EXPECT_EQ(reconfigured.id, 7u);
    EXPECT_EQ(reconfigured.outcome + reconfigured.reason, "stalledimport: broken");
    EXPECT_EQ(there_and_back(Step{"import"}).name, "import");
    EXPECT_EQ(there_and_back(Ready{1234}).startup_ms, 1234);
    there_and_back(Promoted{});
    there_and_back(Suspended{});
    there_and_back(Resumed{});
    there_and_back(Draining{});
    EXPECT_EQ(there_and_back(Stopping{"SIGTERM"}).reason, "SIGTERM");
    EXPECT_EQ(there_and_back(WorkerStarted{2, 43}).pid, 43);
    const auto failed = there_and_back(Failed{"import", "NameError: x", "Traceback\n"});
    EXPECT_EQ(failed.step + failed.reason + failed.detail, "importNameError: xTraceback\n");
    const auto exited = there_and_back(WorkerExited{3, 44, {ExitStatus::Kind::signaled, 9}, "killed", true, 250});
    EXPECT_EQ(exited.worker, 3);
    EXPECT_EQ(exited.status, (ExitStatus{ExitStatus::Kind::signaled, 9}));
    const ExitStatus out_of_memory{ExitStatus::Kind::signaled, 9, true};
    EXPECT_EQ(there_and_back(WorkerExited{3, 44, out_of_memory, "killed", false, 0}).status, out_of_memory);
    EXPECT_TRUE(exited.expected);
    EXPECT_EQ(exited.retry_ms, 250);
    const auto serving = there_and_back(ServingChanged{false, "exit code 1", 100});
    EXPECT_FALSE(serving.is_serving);
    EXPECT_EQ(serving.retry_ms, 100);
    const auto wish = there_and_back(ReloadRequested{2, 45, std::string(5000, 'x')});
    EXPECT_EQ(wish.worker, 2);
    EXPECT_EQ(wish.pid, 45);
    EXPECT_EQ(wish.reason, std::string(200, 'x')) << "an app's words are bounded";
    const std::vector<std::string> changed{"/srv/shop/main.py"};
    EXPECT_EQ(there_and_back(SourcesChanged{"/srv/shop/main.py changed", changed}).cause, "/srv/shop/main.py changed");
    EXPECT_EQ(there_and_back(SourcesChanged{"/srv/shop/main.py changed", changed}).files, changed);
    const auto old = decode_master_message(R"({"type":"sources_changed","cause":"main.py changed"})");
    EXPECT_TRUE(std::get<SourcesChanged>(*old).files.empty()) << "of an older master";
    const std::vector<std::string> files = {"/srv/shop/main.py", "/srv/shop/views.py"};
    EXPECT_EQ(there_and_back(LogFile{"log.file: open /x: Permission denied"}).problem, "log.file: open /x: Permission denied");
    EXPECT_EQ(there_and_back(FailedSources{files}).files, files);
    Snapshot snapshot;
    snapshot.name = "shop";
    snapshot.state = "serving";
    snapshot.config = nlohmann::json::object();
    EXPECT_EQ(there_and_back(snapshot).state, "serving");
}

TEST(Messages, a_failure_of_any_size_and_any_bytes_fits_one_packet) {
    std::string detail;
    for (int i = 0; i < 300'000; ++i) detail.push_back(static_cast<char>(i % 256));
    detail += "the last line";
    const std::string payload = encode(MasterMessage(Failed{"import", detail, detail}));
    EXPECT_LE(payload.size(), max_packet_size);
    const auto decoded = decode_master_message(payload);
    ASSERT_TRUE(decoded);
    EXPECT_TRUE(std::get<Failed>(*decoded).detail.ends_with("the last line"));
}

TEST(Messages, what_is_not_as_agreed_is_an_error) {
    for (const char* payload : {
             "", "x", "[]", "{}", "null", "\"promote\"", "{\"type\":7}", "{\"type\":\"unheard\"}",
             "{\"type\":\"hello\"}", "{\"type\":\"hello\",\"version\":1,\"pid\":\"1\"}",
             "{\"type\":\"hello\",\"version\":1,\"pid\":99999999999}", "{\"type\":\"hello\",\"version\":1,\"pid\":1.5}",
             "{\"type\":\"worker_exited\",\"worker\":1,\"pid\":1,\"status\":{\"kind\":\"eaten\",\"value\":1},"
             "\"reason\":\"\",\"expected\":true,\"retry_ms\":0}",
             "{\"type\":\"snapshot\",\"version\":1,\"name\":\"a\",\"generation\":1,\"bank\":2,\"config\":{},"
             "\"identity\":{\"uid\":0,\"gid\":0,\"groups\":[],\"user\":\"\",\"home\":\"\"},\"listeners\":[],\"state\":\"\"}",
         })
        EXPECT_FALSE(decode_master_message(payload)) << payload;
}

TEST(Messages, every_cut_of_a_message_is_an_error) {
    const std::string whole = encode(EmperorMessage(a_start()));
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(decode_emperor_message(std::string_view(whole).substr(0, length))) << length;
}

TEST(Messages, deep_nesting_is_refused_before_anything_recurses) {
    const std::string open(60'000, '['), close(60'000, ']');
    EXPECT_FALSE(decode_emperor_message("{\"type\":\"start\",\"config\":" + open + close + "}"));
}

TEST(Messages, brackets_inside_text_are_no_nesting) {
    const auto decoded = decode_master_message(encode(MasterMessage(Step{std::string(200, '[') + "\\\"{"})));
    ASSERT_TRUE(decoded);
}

}  // namespace
}  // namespace common::link
