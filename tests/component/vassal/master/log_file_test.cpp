// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/log_file.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace vassal::master {
namespace {

struct LogFileTest : ::testing::Test {
    std::string folder = "/tmp/log-file-test-XXXXXX";
    std::string path;
    std::vector<std::string> troubles;  // "" with the lost lines: "mended 3"

    LogFileTest() {
        EXPECT_NE(::mkdtemp(folder.data()), nullptr);
        path = folder + "/app.log";
    }
    ~LogFileTest() override { std::filesystem::remove_all(folder); }

    LogFile make() {
        return LogFile([this](const std::string& problem, std::uint64_t lost) {
            troubles.push_back(problem.empty() ? "mended " + std::to_string(lost) : problem);
        });
    }
    static std::vector<std::string> lines_of(const std::string& file) {
        std::ifstream in(file);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }
    // All files, oldest first.
    std::vector<std::string> all_lines() const {
        int newest = 0;
        while (std::filesystem::exists(path + "." + std::to_string(newest + 1))) ++newest;
        std::vector<std::string> all;
        for (int number = newest; number >= 0; --number) {
            const auto lines = lines_of(number == 0 ? path : path + "." + std::to_string(number));
            all.insert(all.end(), lines.begin(), lines.end());
        }
        return all;
    }
};

TEST_F(LogFileTest, every_line_stands_once_and_in_order_over_rotations) {
    LogFile file = make();
    file.use(path, {.size = 16'384, .keep = 1000});
    std::uint64_t lost = 0;
    for (int number = 0; number < 50'000; ++number) {
        file.add("line " + std::to_string(number));
        if (file.is_full() || number % 97 == 0) lost += file.flush();
    }
    lost += file.flush();
    EXPECT_EQ(lost, 0u);
    const auto lines = all_lines();
    ASSERT_EQ(lines.size(), 50'000u);
    for (int number = 0; number < 50'000; ++number)
        ASSERT_EQ(lines[static_cast<std::size_t>(number)], "line " + std::to_string(number));
    for (const auto& entry : std::filesystem::directory_iterator(folder)) EXPECT_LE(entry.file_size(), 16'384u) << entry.path();
    EXPECT_GT(std::distance(std::filesystem::directory_iterator(folder), {}), 30);
    EXPECT_THAT(troubles, testing::IsEmpty());
}

TEST_F(LogFileTest, two_processes_that_write_and_rotate_the_same_file_lose_nothing) {
    constexpr int each = 20'000;
    const auto write_all = [&](const std::string& who) {
        LogFile file([](const std::string&, std::uint64_t) {});
        file.use(path, {.size = 16'384, .keep = 1000});
        for (int number = 0; number < each; ++number) {
            file.add(who + " " + std::to_string(number));
            if (number % 53 == 0) (void)file.flush();
        }
        (void)file.flush();
    };
    std::vector<pid_t> children;
    for (const char* who : {"a", "b"}) {
        children.push_back(::fork());
        if (children.back() != 0) continue;
        write_all(who);
        ::_exit(0);
    }
    for (const pid_t child : children) ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    std::vector<int> a, b;
    for (const std::string& line : all_lines()) (line[0] == 'a' ? a : b).push_back(std::stoi(line.substr(2)));
    for (std::vector<int>* numbers : {&a, &b}) {
        ASSERT_EQ(numbers->size(), static_cast<std::size_t>(each));
        std::ranges::sort(*numbers);  // a writer that finds its file moved may be a burst late
        for (int number = 0; number < each; ++number) ASSERT_EQ((*numbers)[static_cast<std::size_t>(number)], number);
    }
}

TEST_F(LogFileTest, so_many_files_are_kept_also_when_the_number_went_down) {
    LogFile file = make();
    file.use(path, {.size = 100, .keep = 4});
    const auto write = [&](int count) {
        for (int number = 0; number < count; ++number) EXPECT_EQ(file.write(std::string(90, 'x') + "\n"), 0u);
    };
    const auto count = [&] { return std::distance(std::filesystem::directory_iterator(folder), {}); };
    write(10);
    EXPECT_EQ(count(), 5);
    file.use(path, {.size = 100, .keep = 2});
    write(1);
    EXPECT_EQ(count(), 3);
    EXPECT_TRUE(std::filesystem::exists(path + ".2"));
}

TEST_F(LogFileTest, the_new_file_has_the_mode_of_the_old_one) {
    std::ofstream(path) << "old\n";
    ::chmod(path.c_str(), 0604);
    LogFile file = make();
    file.use(path, {.size = 10, .keep = 1});
    EXPECT_EQ(file.write("a longer line\n"), 0u);
    EXPECT_EQ(file.write("another longer line\n"), 0u);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0604u);
}

TEST_F(LogFileTest, a_file_that_cannot_be_opened_costs_its_lines_and_is_told_of_once) {
    LogFile file = make();
    file.use(folder + "/missing/app.log", {});
    for (int number = 0; number < 3; ++number) EXPECT_EQ(file.write("x\ny\n"), 2u);
    EXPECT_THAT(troubles, testing::ElementsAre("open " + folder + "/missing/app.log: No such file or directory"));
    std::filesystem::create_directory(folder + "/missing");
    file.reopen();
    EXPECT_EQ(file.write("z\n"), 0u);
    EXPECT_THAT(troubles, testing::ElementsAre(testing::_, "mended 6"));
    EXPECT_THAT(lines_of(folder + "/missing/app.log"), testing::ElementsAre("z"));
}

TEST_F(LogFileTest, what_a_full_disk_cut_off_does_not_spoil_the_next_line) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    LogFile file = make();
    file.use(path, {});
    const rlimit small{20, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::uint64_t lost = file.write("first\nsecond\nthird line\nfourth\n");
    const std::uint64_t more = file.write("fifth\n");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(lost, 2u);
    EXPECT_EQ(more, 1u);
    EXPECT_EQ(file.write("sixth\n"), 0u);
    EXPECT_THAT(lines_of(path), testing::ElementsAre("first", "second", "third l", "sixth"));
    EXPECT_THAT(troubles, testing::ElementsAre("write " + path + ": File too large", "mended 3"));
}

TEST_F(LogFileTest, a_moved_file_is_followed_until_reopen_without_rotation_and_left_at_once_with_it) {
    LogFile file = make();
    file.use(path, {});
    EXPECT_EQ(file.write("1\n"), 0u);
    std::filesystem::rename(path, path + ".moved");
    EXPECT_EQ(file.write("2\n"), 0u);
    file.reopen();
    EXPECT_EQ(file.write("3\n"), 0u);
    EXPECT_THAT(lines_of(path + ".moved"), testing::ElementsAre("1", "2"));
    file.use(path, {.size = 1'000'000, .keep = 5});
    std::filesystem::remove(path);
    EXPECT_EQ(file.write("4\n"), 0u);
    EXPECT_THAT(lines_of(path), testing::ElementsAre("4"));
}

}  // namespace
}  // namespace vassal::master
