// SPDX-License-Identifier: Apache-2.0
#include "emperor/runtime_dir.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace emperor {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RuntimeDirTest : public ::testing::Test {
protected:
    RuntimeDirTest() { ::umask(022); }
    ~RuntimeDirTest() override { fs::remove_all(place_); }

    static mode_t mode_of(const std::string& path) {
        struct stat found {};
        return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
    }
    static std::string problem(const std::string& path) {
        const auto opened = RuntimeDir::open(path);
        return opened ? "" : opened.error().message();
    }
    static std::string make_place() {
        std::string pattern = (fs::temp_directory_path() / "runtime-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }

    const std::string place_ = make_place();
    const std::string path_ = place_ + "/run";
};

TEST_F(RuntimeDirTest, what_is_missing_is_created_and_closed_to_writers) {
    const auto opened = RuntimeDir::open(path_);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->path(), path_);
    EXPECT_EQ(mode_of(path_), ::geteuid() == 0 ? 0755u : 0700u);
    EXPECT_EQ(mode_of(path_ + "/sockets"), 0755u);
    EXPECT_EQ(mode_of(path_ + "/stats"), 0755u);
    EXPECT_EQ(mode_of(path_ + "/vassals"), 0700u);
}

TEST_F(RuntimeDirTest, a_second_emperor_is_told_the_pid_of_the_first) {
    const auto first = RuntimeDir::open(path_);
    ASSERT_TRUE(first);
    EXPECT_EQ(problem(path_), "another emperor (pid " + std::to_string(::getpid()) + ") runs on " + path_);
}

TEST_F(RuntimeDirTest, what_a_killed_emperor_left_is_no_obstacle) {
    { ASSERT_TRUE(RuntimeDir::open(path_)); }  // without clean_up()
    EXPECT_TRUE(fs::exists(path_ + "/emperor.lock"));
    EXPECT_EQ(problem(path_), "");
}

// Its memory makes the end of it last: the kernel gives that back before it closes the lock.
TEST_F(RuntimeDirTest, an_emperor_that_is_being_killed_is_waited_for) {
    constexpr std::size_t much = 64U << 20U;
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t dying = ::fork();
    if (dying == 0) {
        void* memory = ::mmap(nullptr, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED) std::memset(memory, 1, much);
        const auto held = RuntimeDir::open(path_);
        (void)!::write(ready[1], held ? "y" : "n", 1);
        while (true) ::pause();
    }
    char holds = 0;
    EXPECT_EQ(::read(ready[0], &holds, 1), 1);
    EXPECT_EQ(holds, 'y');
    ::kill(dying, SIGKILL);
    EXPECT_EQ(problem(path_), "");
    EXPECT_EQ(::waitpid(dying, nullptr, 0), dying);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(RuntimeDirTest, one_that_was_removed_is_noticed_and_made_anew) {
    auto opened = RuntimeDir::open(path_);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->is_in_place());
    fs::remove_all(path_);
    EXPECT_FALSE(opened->is_in_place());
    ASSERT_TRUE(opened->restore());
    EXPECT_TRUE(opened->is_in_place());
    EXPECT_EQ(mode_of(path_ + "/vassals"), 0700u);
    EXPECT_THAT(problem(path_), HasSubstr("another emperor (pid "));
}

TEST_F(RuntimeDirTest, one_that_another_emperor_made_meanwhile_is_his) {
    auto first = RuntimeDir::open(path_);
    fs::remove_all(path_);
    const auto second = RuntimeDir::open(path_);
    ASSERT_TRUE(second);
    const auto restored = first->restore();
    ASSERT_FALSE(restored);
    EXPECT_THAT(restored.error().message(), HasSubstr("another emperor"));
    EXPECT_FALSE(first->is_in_place());
    EXPECT_TRUE(second->is_in_place());
}

TEST_F(RuntimeDirTest, a_clean_end_removes_the_lock_and_what_is_empty_but_nothing_else) {
    auto opened = RuntimeDir::open(path_);
    ASSERT_TRUE(opened);
    fs::create_directory(path_ + "/vassals/shop");  // of a vassal that is held, say
    opened->clean_up();
    EXPECT_TRUE(fs::exists(path_));
    EXPECT_TRUE(fs::exists(path_ + "/vassals/shop"));
    EXPECT_FALSE(fs::exists(path_ + "/emperor.lock") || fs::exists(path_ + "/sockets") || fs::exists(path_ + "/stats"));
}

void leave_socket(const std::string& path) {
    const common::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

TEST_F(RuntimeDirTest, sockets_that_a_killed_emperor_left_are_removed) {
    { ASSERT_TRUE(RuntimeDir::open(path_)); }
    leave_socket(path_ + "/stats/gone.sock");
    leave_socket(path_ + "/sockets/shop.sock");
    auto opened = RuntimeDir::open(path_);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(fs::exists(path_ + "/stats/gone.sock"));
    EXPECT_TRUE(fs::exists(path_ + "/sockets/shop.sock"));  // its vassal may run
    opened->remove_dead_sockets();
    opened->clean_up();
    EXPECT_TRUE(fs::is_empty(path_));
}

TEST_F(RuntimeDirTest, a_place_that_others_may_write_to_is_refused) {
    fs::create_directory(path_);
    ::chmod(path_.c_str(), 0777);
    EXPECT_THAT(problem(path_), HasSubstr(path_ + " is writable by others"));
    ::chmod(path_.c_str(), 0755);
    fs::create_directory(path_ + "/vassals");
    ::chmod((path_ + "/vassals").c_str(), 0775);
    EXPECT_THAT(problem(path_), HasSubstr(path_ + "/vassals is writable by others"));
}

TEST_F(RuntimeDirTest, a_directory_of_somebody_else_is_refused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
    fs::create_directory(path_);
    ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
    EXPECT_THAT(problem(path_), HasSubstr(path_ + " belongs to uid 12345"));
}

TEST_F(RuntimeDirTest, links_and_files_are_refused) {
    fs::create_directory(place_ + "/elsewhere");
    fs::create_directory_symlink(place_ + "/elsewhere", path_);
    EXPECT_THAT(problem(path_), HasSubstr(path_ + " is not a directory"));
    fs::remove(path_);
    std::ofstream(path_) << "x";
    EXPECT_THAT(problem(path_), HasSubstr(path_ + " is not a directory"));
    EXPECT_THAT(problem(place_ + "/missing/run"), HasSubstr("create " + place_ + "/missing/run: No such file"));
}

TEST_F(RuntimeDirTest, the_default_is_the_users_own) {
    if (::geteuid() == 0) {
        EXPECT_EQ(RuntimeDir::default_path(), "/run/emperor");
        return;
    }
    ::setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
    EXPECT_EQ(RuntimeDir::default_path(), "/run/user/1000/emperor");
    ::unsetenv("XDG_RUNTIME_DIR");
    EXPECT_EQ(RuntimeDir::default_path(), "/tmp/emperor-" + std::to_string(::geteuid()));
}

TEST_F(RuntimeDirTest, a_directory_above_that_is_closed_to_the_web_server_is_noticed) {
    if (::geteuid() != 0) GTEST_SKIP() << "a plain user's directory is closed by itself";
    const auto opened = RuntimeDir::open(path_);
    ASSERT_TRUE(opened);
    ::chmod(place_.c_str(), 0755);
    EXPECT_TRUE(opened->is_reachable_by_web_server());
    ::chmod(place_.c_str(), 0700);
    EXPECT_FALSE(opened->is_reachable_by_web_server());
}

}  // namespace
}  // namespace emperor
