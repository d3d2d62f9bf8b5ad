// SPDX-License-Identifier: Apache-2.0
// Another configuration for a running generation, with real processes: what changes without any process, what with
// other workers, and what is refused.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/config/decode.h"
#include "tests/component/vassal/master/shop.h"

namespace vassal::master::test {
namespace {

using common::scoreboard::WorkerState;
using testing::HasSubstr;

pid_t pid_of(const std::string& answer) { return answer.empty() ? -1 : std::stoi(answer); }

class Reconfigure : public Shop {
protected:
    // As if the file had these settings from now on.
    Reconfigured change(std::vector<std::string> settings, bool with_workers = false) {
        ask_for(std::move(settings), with_workers);
        return expect<Reconfigured>();
    }
    void ask_for(std::vector<std::string> settings, bool with_workers = false) {
        send(common::link::Reconfigure{++id, with_workers, document(std::move(settings))});
    }
    std::uint64_t id = 0;
};

TEST_F(Reconfigure, a_live_key_changes_and_no_process_does) {
    serve({"workers=2"});
    const pid_t first = worker(1).pid, second = worker(2).pid;
    const auto answer = change({"workers=2", "recycle.max_requests=5", "recycle.jitter=0%"});
    EXPECT_EQ(answer.outcome, "applied");
    EXPECT_EQ(answer.id, 1u);
    EXPECT_EQ(worker(1).pid, first);
    EXPECT_EQ(worker(2).pid, second);
    // In force for workers that never heard of it.
    ASSERT_TRUE(wait_until([&] { return pid_of(ask('p')) > 0 && worker(1).pid != first && worker(2).pid != second; }));
}

TEST_F(Reconfigure, workers_are_added_and_leave) {
    serve({"workers=2"});
    const pid_t first = worker(1).pid;
    EXPECT_EQ(change({"workers=4"}).outcome, "applied");
    ASSERT_TRUE(wait_until([&] { return worker(4).state == WorkerState::serving; }));
    EXPECT_EQ(change({"workers=2"}).outcome, "applied");
    ASSERT_TRUE(wait_until([&] { return worker(4).state == WorkerState::empty && worker(3).state == WorkerState::empty; }));
    EXPECT_EQ(worker(1).pid, first);
}

TEST_F(Reconfigure, the_only_worker_is_replaced_when_it_gets_company) {
    serve({"workers=1"});
    const pid_t alone = worker(1).pid;
    EXPECT_EQ(change({"workers=2"}).outcome, "taken") << "wsgi.multiprocess is another one";
    EXPECT_EQ(expect<Reconfigured>().outcome, "applied");
    EXPECT_NE(worker(1).pid, alone);
}

TEST_F(Reconfigure, a_key_of_the_workers_replaces_them_one_after_the_other) {
    serve({"workers=2"});
    const pid_t first = worker(1).pid, second = worker(2).pid;
    EXPECT_EQ(change({"workers=2", "threads=2"}).outcome, "taken");
    const auto done = expect<Reconfigured>();
    EXPECT_EQ(done.outcome, "applied");
    EXPECT_EQ(done.id, 1u);
    EXPECT_NE(worker(1).pid, first);
    EXPECT_NE(worker(2).pid, second);
    const bool is_told = std::ranges::any_of(seen, [](const MasterMessage& message) {
        const auto* exited = std::get_if<WorkerExited>(&message);
        return exited != nullptr && exited->expected && exited->reason == "replaced: its configuration changed";
    });
    EXPECT_TRUE(is_told);
}

TEST_F(Reconfigure, a_replacement_that_fails_leaves_the_old_worker_until_it_is_mended) {
    serve({"restart.initial=50ms", "restart.max=100ms"});
    const pid_t first = worker(1).pid;
    std::ofstream(directory + "/broken") << "x";
    EXPECT_EQ(change({"restart.initial=50ms", "restart.max=100ms", "threads=2"}).outcome, "taken");
    const auto stalled = expect<Reconfigured>();
    EXPECT_EQ(stalled.outcome, "stalled");
    EXPECT_EQ(stalled.reason, "import: NameError: name 'x'");
    EXPECT_EQ(pid_of(ask('p')), first);
    std::filesystem::remove(directory + "/broken");
    ASSERT_TRUE(wait_until([&] { return expect<Reconfigured>().outcome == "applied"; }));
    EXPECT_NE(pid_of(ask('p')), first);
}

TEST_F(Reconfigure, a_newer_one_takes_over_and_only_it_is_answered_in_the_end) {
    serve({"workers=2"});
    EXPECT_EQ(change({"workers=2", "threads=2"}).outcome, "taken");
    ask_for({"workers=2", "threads=3"}, true);
    for (Reconfigured answer = expect<Reconfigured>(); answer.outcome != "applied" || answer.id != 2;
         answer = expect<Reconfigured>())
        ASSERT_FALSE(HasFailure());
}

TEST_F(Reconfigure, the_log_file_is_another_one) {
    serve({"log.file=" + directory + "/a.log"});
    EXPECT_EQ(ask('o'), "ok");
    ASSERT_TRUE(wait_until([&] { return std::filesystem::file_size(directory + "/a.log") > 0; }));
    const auto size = std::filesystem::file_size(directory + "/a.log");
    EXPECT_EQ(change({"log.file=" + directory + "/b.log"}).outcome, "applied");
    EXPECT_EQ(ask('o'), "ok");
    ASSERT_TRUE(wait_until([&] { return std::filesystem::file_size(directory + "/b.log") > 0; }));
    EXPECT_EQ(std::filesystem::file_size(directory + "/a.log"), size);
}

TEST_F(Reconfigure, a_request_timeout_that_is_switched_on_counts_for_requests_that_run) {
    serve({"timeouts.request=off"});
    const common::UniqueFd stuck(connect_and_send('h'));
    ASSERT_TRUE(wait_until([&] { return worker(1).threads.at(0).request_started_us > 0; }));
    EXPECT_EQ(change({"timeouts.request=200ms"}).outcome, "applied");
    EXPECT_THAT(expect<WorkerExited>().reason, HasSubstr("request timeout"));
}

TEST_F(Reconfigure, what_needs_a_new_generation_is_refused_and_nothing_changes) {
    serve({"workers=2"});
    const auto answer = change({"workers=4", "env.A=b"});
    EXPECT_EQ(answer.outcome, "refused");
    EXPECT_EQ(answer.reason, "env needs a new generation");
    EXPECT_EQ(worker(4).state, WorkerState::empty);
    const auto missing = change({"workers=2", "static={/static: /no/such/directory}"});
    EXPECT_EQ(missing.outcome, "refused");
    EXPECT_THAT(missing.reason, HasSubstr("/no/such/directory"));
}

TEST_F(Reconfigure, a_document_of_another_version_is_refused) {
    serve({});
    auto other = document({});
    other["no_such_key"] = 1;
    send(common::link::Reconfigure{7, false, other});
    const auto answer = expect<Reconfigured>();
    EXPECT_EQ(answer.outcome, "refused");
    EXPECT_THAT(answer.reason, HasSubstr("no_such_key"));
}

}  // namespace
}  // namespace vassal::master::test
