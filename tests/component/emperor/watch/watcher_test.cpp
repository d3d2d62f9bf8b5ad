// SPDX-License-Identifier: Apache-2.0
// The watcher on real directories: each change ends in one callback, in time. Waiting has deadlines; nothing sleeps.
#include "emperor/watch/watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "emperor/watch/scanner.h"

namespace emperor::watch {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using common::Clock;

class WatcherTest : public ::testing::Test {
protected:
    WatcherTest() { fs::create_directory(apps()); }
    ~WatcherTest() override {
        watcher_.reset();
        io_.restart();
        io_.poll();  // cancelled operations run
        fs::remove_all(place_);
    }

    static std::string make_place() {
        std::string pattern = (fs::temp_directory_path() / "watcher-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }

    [[nodiscard]] std::string apps() const { return place_ + "/apps"; }
    [[nodiscard]] std::string path(const std::string& entry) const { return apps() + "/" + entry; }

    void write(const std::string& file, const std::string& text = "app: x:y\n") { std::ofstream(file) << text; }
    void touch(const std::string& file, int flags = 0) {
        ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), nullptr, flags), 0) << file;
    }

    // The periodic look is far away, so that it cannot answer for inotify.
    void start(WatcherOptions options = {.rescan = 1h, .missing_rescan = 1h}) {
        watcher_.emplace(
            io_, std::vector<std::string>{apps()}, [this] { ++settled_; }, options);
        watcher_->start();
    }

    // Runs the loop until there was one more callback; false after `limit`.
    bool settles(std::chrono::milliseconds limit = 5000ms) {
        const int before = settled_;
        const auto deadline = Clock::now() + limit;
        io_.restart();
        while (settled_ == before && Clock::now() < deadline)
            if (io_.run_one_until(deadline) == 0) break;
        return settled_ > before;
    }
    bool stays_quiet() { return !settles(400ms); }

    std::string place_ = make_place();
    boost::asio::io_context io_;
    std::optional<Watcher> watcher_;
    int settled_ = 0;
};

TEST_F(WatcherTest, a_new_file_is_noticed_after_the_quiet_time_and_once) {
    start();
    EXPECT_TRUE(stays_quiet());
    const auto began = Clock::now();
    write(path("shop.yaml"));
    EXPECT_TRUE(settles());
    EXPECT_GE(Clock::now() - began, 100ms);
    EXPECT_LT(Clock::now() - began, 1s);
    EXPECT_TRUE(stays_quiet());
}

// The loop was kept from running (a busy machine), and the changes went on.
TEST_F(WatcherTest, changes_that_were_not_read_yet_prolong_the_wait_too) {
    start({.quiet = 200ms, .most = 1h, .rescan = 1h, .missing_rescan = 1h});
    write(path("shop.yaml"));
    EXPECT_FALSE(settles(50ms)) << "noticed, and waited for";
    for (const auto until = Clock::now() + 250ms; Clock::now() < until;) ::poll(nullptr, 0, 10);
    fs::remove(path("shop.yaml"));
    const auto last = Clock::now();
    EXPECT_TRUE(settles());
    EXPECT_GE(Clock::now() - last, 200ms);
    EXPECT_TRUE(stays_quiet()) << "it was one burst";
}

// The same between the moment at which the loop knew of its work and the end of the wait.
TEST_F(WatcherTest, changes_that_came_since_the_loop_looked_prolong_the_wait_too) {
    start({.quiet = 200ms, .most = 1h, .rescan = 1h, .missing_rescan = 1h});
    write(path("shop.yaml"));
    EXPECT_FALSE(settles(50ms)) << "noticed, and waited for";
    auto last = Clock::now();
    boost::asio::steady_timer other_work(io_, 1ms);
    other_work.async_wait([&](const boost::system::error_code&) {
        fs::remove(path("shop.yaml"));
        last = Clock::now();
    });
    for (const auto until = Clock::now() + 250ms; Clock::now() < until;) ::poll(nullptr, 0, 10);
    EXPECT_TRUE(settles());
    EXPECT_GE(Clock::now() - last, 200ms);
    EXPECT_TRUE(stays_quiet()) << "it was one burst";
}

TEST_F(WatcherTest, a_look_in_the_middle_of_a_burst_says_so) {
    start({.quiet = 1h, .most = 100ms, .rescan = 1h, .missing_rescan = 1h});
    write(path("shop.yaml"));
    EXPECT_TRUE(settles());
    EXPECT_TRUE(watcher_->is_in_a_burst());
    start({.quiet = 100ms, .most = 1h, .rescan = 1h, .missing_rescan = 1h});
    touch(path("shop.yaml"));
    EXPECT_TRUE(settles());
    EXPECT_FALSE(watcher_->is_in_a_burst());
}

TEST_F(WatcherTest, touch_mv_into_place_and_removal_are_noticed) {
    write(path("shop.yaml"));
    write(place_ + "/new");
    start();
    touch(path("shop.yaml"));
    EXPECT_TRUE(settles());
    fs::rename(place_ + "/new", path("shop.yaml"));
    EXPECT_TRUE(settles());
    fs::remove(path("shop.yaml"));
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, touching_a_link_itself_is_noticed) {
    write(place_ + "/target");
    fs::create_symlink(place_ + "/target", path("shop.yaml"));
    start();
    touch(path("shop.yaml"), AT_SYMLINK_NOFOLLOW);
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, the_file_behind_a_link_is_watched_also_after_it_was_replaced) {
    write(place_ + "/target");
    fs::create_symlink(place_ + "/target", path("shop.yaml"));
    Scanner scanner({apps()}, ::geteuid());
    start();
    const auto scan = [&] { watcher_->watch_targets(scanner.scan(std::chrono::system_clock::now()).link_targets); };
    scan();
    EXPECT_TRUE(settles()) << "what changed before the watch must be looked at";
    scan();
    EXPECT_TRUE(stays_quiet());
    touch(place_ + "/target");
    EXPECT_TRUE(settles());
    write(place_ + "/new");
    fs::rename(place_ + "/new", place_ + "/target");
    EXPECT_TRUE(settles());
    scan();
    EXPECT_TRUE(settles());
    scan();
    touch(place_ + "/target");
    EXPECT_TRUE(settles());
    watcher_->watch_targets({});
    touch(place_ + "/target");
    EXPECT_TRUE(stays_quiet());
}

TEST_F(WatcherTest, temporary_files_of_editors_are_of_no_interest) {
    start();
    write(path(".shop.yaml.swp"));
    EXPECT_TRUE(stays_quiet());
}

TEST_F(WatcherTest, a_burst_of_changes_is_one_callback) {
    start();
    for (int i = 0; i < 50; ++i) write(path("app" + std::to_string(i) + ".yaml"));
    EXPECT_TRUE(settles());
    EXPECT_TRUE(stays_quiet());
    EXPECT_EQ(settled_, 1);
}

TEST_F(WatcherTest, more_changes_than_the_queue_holds_are_noticed_all_the_same) {
    start();
    std::ifstream file("/proc/sys/fs/inotify/max_queued_events");
    int bound = 0;
    ASSERT_TRUE(file >> bound);
    if (bound > 100'000) GTEST_SKIP() << "the queue is too long to overflow in a test: " << bound;
    write(path("a.yaml"));
    // Equal neighbours are merged by the kernel, so two files take turns.
    write(path("b.yaml"));
    for (int i = 0; i < bound; ++i) touch(path(i % 2 == 0 ? "a.yaml" : "b.yaml"));
    EXPECT_TRUE(settles());
    touch(path("a.yaml"));
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, a_directory_that_is_replaced_is_watched_again) {
    start();
    fs::rename(apps(), place_ + "/old");
    fs::create_directory(apps());
    EXPECT_TRUE(settles());
    EXPECT_TRUE(watcher_->missing().empty());
    write(path("shop.yaml"));
    EXPECT_TRUE(settles());
    write(place_ + "/old/stale.yaml");
    EXPECT_TRUE(stays_quiet());
}

TEST_F(WatcherTest, a_missing_directory_is_reported_and_noticed_when_it_comes) {
    fs::remove(apps());
    start();
    EXPECT_EQ(watcher_->missing(), std::vector<std::string>{apps()});
    fs::create_directory(apps());
    EXPECT_TRUE(settles());
    EXPECT_TRUE(watcher_->missing().empty());
    write(path("shop.yaml"));
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, a_removed_directory_is_noticed_and_its_return_too) {
    start();
    fs::remove_all(apps());
    EXPECT_TRUE(settles());
    EXPECT_EQ(watcher_->missing(), std::vector<std::string>{apps()});
    fs::create_directory(apps());
    EXPECT_TRUE(settles());
    EXPECT_TRUE(watcher_->missing().empty());
}

TEST_F(WatcherTest, a_directory_whose_parent_is_missing_too_is_found_by_the_periodic_look) {
    fs::remove(apps());
    fs::rename(place_, place_ + "-away");
    start({.rescan = 1h, .missing_rescan = 50ms});
    EXPECT_TRUE(stays_quiet()) << "while it is missing there is nothing to scan";
    fs::rename(place_ + "-away", place_);
    fs::create_directory(apps());
    EXPECT_TRUE(settles());
    EXPECT_TRUE(watcher_->missing().empty());
}

TEST_F(WatcherTest, a_link_to_a_directory_that_is_switched_is_noticed) {
    fs::remove(apps());
    fs::create_directory(place_ + "/release1");
    fs::create_directory(place_ + "/release2");
    fs::create_directory_symlink(place_ + "/release1", apps());
    start();
    fs::create_directory_symlink(place_ + "/release2", place_ + "/next");
    fs::rename(place_ + "/next", apps());
    EXPECT_TRUE(settles());
    write(place_ + "/release2/shop.yaml");
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, the_periodic_rescan_comes_without_any_event) {
    start({.rescan = 50ms, .missing_rescan = 1h});
    EXPECT_TRUE(settles());
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, looks_that_take_long_are_rare) {
    watcher_.emplace(
        io_, std::vector<std::string>{apps()},
        [this] {
            for (const auto begun = Clock::now(); Clock::now() < begun + 20ms;) continue;
            ++settled_;
        },
        WatcherOptions{.quiet = 10ms, .rescan = 30ms, .rescan_share = 20, .missing_rescan = 1h});
    watcher_->start();
    ASSERT_TRUE(settles());
    ASSERT_TRUE(settles());  // its timer ran already when the first one was measured
    const auto begun = Clock::now();
    ASSERT_TRUE(settles());
    EXPECT_GE(Clock::now() - begun, 300ms);
}

TEST_F(WatcherTest, a_rescan_can_be_asked_for_now_or_later) {
    start();
    watcher_->mark_dirty();
    EXPECT_EQ(settled_, 0) << "never from inside a call";
    EXPECT_TRUE(settles());
    watcher_->rescan_after(50ms);
    EXPECT_TRUE(settles());
}

TEST_F(WatcherTest, it_may_be_destroyed_from_its_own_callback) {
    watcher_.emplace(io_, std::vector<std::string>{apps()}, [this] {
        ++settled_;
        watcher_.reset();
    });
    watcher_->start();
    watcher_->mark_dirty();
    EXPECT_TRUE(settles());
    EXPECT_TRUE(stays_quiet());
    EXPECT_EQ(io_.poll(), 0u);
}

}  // namespace
}  // namespace emperor::watch
