// SPDX-License-Identifier: Apache-2.0
// The scanner on real directories of a temporary place.
#include "emperor/watch/scanner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace emperor::watch {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ScannerTest : public ::testing::Test {
protected:
    ScannerTest() { fs::create_directory(apps()); }
    ~ScannerTest() override { fs::remove_all(place_); }

    [[nodiscard]] std::string apps() const { return place_ + "/apps"; }
    [[nodiscard]] std::string path(const std::string& entry) const { return apps() + "/" + entry; }

    std::string write(const std::string& entry, const std::string& text) {
        std::ofstream(path(entry)) << text;
        ::chmod(path(entry).c_str(), 0644);
        return path(entry);
    }

    // As if it were written long ago, so that nothing is half-written.
    Scan scan() { return scanner_.scan(std::chrono::system_clock::now() + 1h); }
    ScannedFile only(const Scan& scan) {
        EXPECT_EQ(scan.directories.front().files.size(), 1u);
        return scan.directories.front().files.empty() ? ScannedFile{} : scan.directories.front().files.front();
    }
    std::string finding(const Scan& scan) {
        const ScannedFile file = only(scan);
        EXPECT_TRUE(file.text && file.text->empty());
        return file.findings.empty() ? "" : file.findings.front().message;
    }
    std::vector<std::string> names(const Scan& scan) {
        std::vector<std::string> result;
        for (const ScannedFile& file : scan.directories.front().files) result.push_back(file.name);
        return result;
    }

    static std::string make_place() {
        std::string pattern = (fs::temp_directory_path() / "scanner-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }

    std::string place_ = make_place();
    Scanner scanner_{{apps()}, ::geteuid()};
};

TEST_F(ScannerTest, only_yaml_files_that_are_not_hidden_are_vassals) {
    for (const char* entry : {"a.yaml", "b.yml", ".c.yaml", "d.yaml~", "e.ini", "#f.yaml#", ".yaml", "_defaults.yaml"})
        write(entry, "app: x:y\n");
    const Scan found = scan();
    EXPECT_EQ(names(found), (std::vector<std::string>{"a", "b"}));
    ASSERT_TRUE(found.directories.front().defaults);
    EXPECT_EQ(*found.directories.front().defaults->text, "app: x:y\n");
}

TEST_F(ScannerTest, a_file_comes_with_its_text_its_stamp_and_its_owner) {
    write("shop.yaml", "app: shop:app\n");
    const ScannedFile file = only(scan());
    EXPECT_EQ(*file.text, "app: shop:app\n");
    EXPECT_EQ(file.path, path("shop.yaml"));
    EXPECT_EQ(file.stamp.size, 14);
    EXPECT_NE(file.stamp.inode, 0u);
    EXPECT_EQ(file.stamp.link_inode, 0u);
    EXPECT_EQ(file.uid, ::geteuid());
    EXPECT_TRUE(file.findings.empty());
}

TEST_F(ScannerTest, an_unchanged_file_is_not_read_again) {
    write("shop.yaml", "app: shop:app\n");
    const ScannedFile first = only(scan());
    EXPECT_EQ(only(scan()).text.get(), first.text.get());
}

TEST_F(ScannerTest, a_file_known_for_long_is_believed_until_its_mode_or_place_changes) {
    const std::string file = write("shop.yaml", "app: shop:app\n");
    const auto look = [&] { return only(scan()); };
    const ScannedFile first = look();
    EXPECT_EQ(look().text.get(), first.text.get());
    EXPECT_EQ(look().uid, ::geteuid());
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_FALSE(look().findings.empty());
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    EXPECT_TRUE(look().findings.empty());
    EXPECT_TRUE(look().findings.empty());
    fs::rename(file, file + ".real");
    fs::create_symlink(file + ".real", file);
    const ScannedFile linked = look();
    EXPECT_NE(linked.stamp.link_inode, 0u);
    EXPECT_EQ(*linked.text, "app: shop:app\n");
}

TEST_F(ScannerTest, a_rewritten_file_is_read_again_even_when_its_times_are_put_back) {
    const std::string file = write("shop.yaml", "app: shop:one\n");
    struct stat before {};
    ASSERT_EQ(::stat(file.c_str(), &before), 0);
    EXPECT_EQ(*only(scan()).text, "app: shop:one\n");
    write("shop.yaml", "app: shop:two\n");
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
    EXPECT_EQ(*only(scan()).text, "app: shop:two\n");
}

TEST_F(ScannerTest, touching_a_link_itself_changes_the_stamp_and_so_does_touching_its_target) {
    std::ofstream(place_ + "/target") << "app: x:y\n";
    ::chmod((place_ + "/target").c_str(), 0644);
    fs::create_symlink(place_ + "/target", path("shop.yaml"));
    const Scan first = scan();
    EXPECT_EQ(*only(first).text, "app: x:y\n");
    EXPECT_EQ(first.link_targets, std::vector<std::string>{fs::canonical(place_ + "/target").string()});

    const timespec times[2] = {{1, 0}, {1, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path("shop.yaml").c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
    const ScannedFile touched = only(scan());
    EXPECT_NE(touched.stamp, only(first).stamp);
    EXPECT_EQ(touched.stamp.mtime_ns, only(first).stamp.mtime_ns);

    ASSERT_EQ(::utimensat(AT_FDCWD, (place_ + "/target").c_str(), times, 0), 0);
    EXPECT_NE(only(scan()).stamp, touched.stamp);
}

TEST_F(ScannerTest, a_file_that_others_may_write_is_not_believed_and_not_read) {
    ::chmod(write("shop.yaml", "app: x:y\n").c_str(), 0664);
    EXPECT_EQ(finding(scan()), "its whole group may write this file (chmod g-w)");
    ::chmod(path("shop.yaml").c_str(), 0646);
    EXPECT_EQ(finding(scan()), "anybody may write this file (chmod o-w)");
    ::chmod(path("shop.yaml").c_str(), 0644);
    EXPECT_EQ(*only(scan()).text, "app: x:y\n");
}

TEST_F(ScannerTest, a_directory_a_fifo_and_a_dangling_link_are_said_to_be_what_they_are) {
    fs::create_directory(path("shop.yaml"));
    EXPECT_EQ(finding(scan()), "is a directory, not a file (rename or remove it)");
    fs::remove(path("shop.yaml"));
    ASSERT_EQ(::mkfifo(path("shop.yaml").c_str(), 0600), 0);
    EXPECT_EQ(finding(scan()), "is not a regular file (remove it)");
    fs::remove(path("shop.yaml"));
    fs::create_symlink(place_ + "/nothing", path("shop.yaml"));
    EXPECT_EQ(finding(scan()), "the symbolic link points to nothing (create its target or remove the link)");
}

TEST_F(ScannerTest, a_file_too_long_for_a_configuration_is_refused) {
    write("shop.yaml", std::string(Scanner::max_file_size + 1, '#'));
    EXPECT_EQ(finding(scan()), "is larger than 1 MiB, which no configuration is");
}

TEST_F(ScannerTest, an_unreadable_file_is_a_finding) {
    if (::geteuid() == 0) GTEST_SKIP() << "root can read everything";
    ::chmod(write("shop.yaml", "app: x:y\n").c_str(), 0200);
    EXPECT_EQ(finding(scan()), "cannot be read: Permission denied");
}

TEST_F(ScannerTest, a_link_that_a_stranger_placed_is_refused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    std::ofstream(place_ + "/target") << "secret\n";
    ::chmod((place_ + "/target").c_str(), 0600);
    fs::create_symlink(place_ + "/target", path("shop.yaml"));
    ASSERT_EQ(::lchown(path("shop.yaml").c_str(), 1000, 1000), 0);
    EXPECT_NE(finding(scan()).find("the symbolic link belongs to uid 1000"), std::string::npos);
    // Its own file it may link to.
    ASSERT_EQ(::chown((place_ + "/target").c_str(), 1000, 1000), 0);
    EXPECT_EQ(*only(scan()).text, "secret\n");
}

TEST_F(ScannerTest, the_defaults_of_a_root_emperor_must_be_roots) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    ASSERT_EQ(::chown(write("_defaults.yaml", "threads: 2\n").c_str(), 1000, 1000), 0);
    const Scan found = scan();
    ASSERT_TRUE(found.directories.front().defaults);
    EXPECT_EQ(found.directories.front().defaults->findings.size(), 1u);
    EXPECT_TRUE(found.directories.front().defaults->text->empty());
}

TEST_F(ScannerTest, a_name_that_a_shell_would_trip_over_is_a_finding) {
    write("my shop.yaml", "app: x:y\n");
    EXPECT_NE(finding(scan()).find("'my shop' is none"), std::string::npos);
}

// A new emperor would else take a file that is being written for a removed one, and end what it has just adopted.
TEST_F(ScannerTest, the_first_scan_reports_an_empty_file_at_once) {
    write("shop.yaml", "");
    const Scan first = scanner_.scan(std::chrono::system_clock::now());
    EXPECT_EQ(*only(first).text, "");
    EXPECT_EQ(first.rescan_after, 1s);
}

TEST_F(ScannerTest, an_empty_new_file_is_kept_back_until_it_settles) {
    (void)scan();
    write("shop.yaml", "");
    const Scan early = scanner_.scan(std::chrono::system_clock::now());
    EXPECT_TRUE(early.directories.front().files.empty());
    EXPECT_EQ(early.rescan_after, 1s);
    const Scan late = scan();
    EXPECT_EQ(names(late), std::vector<std::string>{"shop"});
    EXPECT_FALSE(late.rescan_after);
}

TEST_F(ScannerTest, a_file_that_was_just_truncated_is_reported_as_it_was) {
    write("shop.yaml", "app: x:y\n");
    const ScannedFile before = only(scan());
    write("shop.yaml", "");
    const Scan early = scanner_.scan(std::chrono::system_clock::now());
    EXPECT_EQ(*only(early).text, "app: x:y\n");
    EXPECT_EQ(only(early).stamp, before.stamp);
    EXPECT_TRUE(early.rescan_after);
    EXPECT_EQ(*only(scan()).text, "");
}

// ---- in the middle of a burst of changes

TEST_F(ScannerTest, what_is_missing_in_a_burst_is_gone_only_when_it_stays_away) {
    write("a.yaml", "app: a:app\n");
    write("shop.yaml", "app: shop:app\n");
    write("_defaults.yaml", "workers: 2\n");
    (void)scan();
    const auto now = std::chrono::system_clock::now() + 2h;
    fs::remove(path("a.yaml"));
    fs::remove(path("_defaults.yaml"));
    const Scan early = scanner_.scan(now, true);
    EXPECT_EQ(names(early), (std::vector<std::string>{"a", "shop"}));
    EXPECT_EQ(*early.directories.front().files.front().text, "app: a:app\n");
    EXPECT_TRUE(early.directories.front().defaults);
    EXPECT_TRUE(early.rescan_after) << "somebody has to look again";
    EXPECT_EQ(names(scanner_.scan(now + 500ms, true)), (std::vector<std::string>{"a", "shop"}));
    const Scan late = scanner_.scan(now + 3s, true);
    EXPECT_EQ(names(late), std::vector<std::string>{"shop"}) << "the burst goes on, but it has had its time";
    EXPECT_FALSE(late.directories.front().defaults);
}

TEST_F(ScannerTest, what_is_missing_when_a_burst_is_over_is_gone) {
    write("shop.yaml", "app: shop:app\n");
    (void)scan();
    fs::remove(path("shop.yaml"));
    const auto now = std::chrono::system_clock::now() + 2h;
    EXPECT_EQ(names(scanner_.scan(now, true)), std::vector<std::string>{"shop"});
    EXPECT_TRUE(names(scanner_.scan(now + 100ms)).empty());
}

TEST_F(ScannerTest, a_file_that_is_made_anew_in_a_burst_may_be_kept_back_again_later) {
    write("shop.yaml", "app: shop:app\n");
    (void)scan();
    const auto now = std::chrono::system_clock::now() + 2h;
    for (const auto at : {now, now + 5s}) {
        fs::remove(path("shop.yaml"));
        EXPECT_EQ(names(scanner_.scan(at, true)), std::vector<std::string>{"shop"});
        write("shop.yaml", "app: shop:app\n");
        EXPECT_EQ(names(scanner_.scan(at + 1s)), std::vector<std::string>{"shop"});
    }
}

TEST_F(ScannerTest, what_was_written_a_moment_ago_in_a_burst_is_reported_as_it_was) {
    write("shop.yaml", "app: shop:app\nworkers: 2\n");
    (void)scan();
    write("shop.yaml", "app: shop:app\n");
    write("fresh.yaml", "app: fresh\n");
    const auto now = std::chrono::system_clock::now();
    const Scan early = scanner_.scan(now, true);
    EXPECT_EQ(*only(early).text, "app: shop:app\nworkers: 2\n") << "the new one is not there yet";
    EXPECT_TRUE(early.rescan_after);
    const Scan late = scanner_.scan(now + 200ms, true);
    EXPECT_EQ(names(late), (std::vector<std::string>{"fresh", "shop"}));
    EXPECT_EQ(*late.directories.front().files.back().text, "app: shop:app\n");
}

TEST_F(ScannerTest, a_missing_directory_is_a_problem_and_not_an_empty_one) {
    write("shop.yaml", "app: x:y\n");
    const ScannedFile before = only(scan());
    fs::rename(apps(), place_ + "/away");
    const Scan found = scan();
    EXPECT_EQ(found.directories.front().problem, "open directory " + apps() + ": No such file or directory");
    EXPECT_TRUE(found.directories.front().files.empty());
    fs::rename(place_ + "/away", apps());
    EXPECT_EQ(only(scan()).text.get(), before.text.get());
}

TEST_F(ScannerTest, a_final_slash_makes_no_difference) {
    write("shop.yaml", "app: x:y\n");
    Scanner scanner({apps() + "/"}, ::geteuid());
    EXPECT_EQ(scanner.scan(std::chrono::system_clock::now() + 1h).directories.front().files.front().path,
              path("shop.yaml"));
}

}  // namespace
}  // namespace emperor::watch
