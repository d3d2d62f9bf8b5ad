// SPDX-License-Identifier: Apache-2.0
// With a real inotify.
#include "vassal/master/source_watch.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace vassal::master {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class SourceWatchTest : public testing::Test {
protected:
    SourceWatchTest() {
        std::string name = "/tmp/source-watch-XXXXXX";
        directory = ::mkdtemp(name.data());
        EXPECT_TRUE(watch.open().has_value());
    }
    ~SourceWatchTest() override { std::filesystem::remove_all(directory); }

    void write(const std::string& name, const std::string& text = "x") { std::ofstream(directory + "/" + name) << text; }
    void add(std::vector<std::string> names, common::WallTime since = common::WallTime::max()) {
        for (std::string& name : names) name = directory + "/" + name;
        const auto added = watch.add(names, since);
        EXPECT_TRUE(added.has_value()) << added.error().message();
    }
    // What is told, base names only; nothing after `limit`.
    std::vector<std::string> told(std::chrono::milliseconds limit = 10s) {
        const std::size_t before = tellings;
        const auto end = std::chrono::steady_clock::now() + limit;
        while (tellings == before && std::chrono::steady_clock::now() < end) io.run_one_for(20ms);
        std::vector<std::string> names;
        if (tellings != before)
            for (const std::string& path : paths) names.push_back(std::filesystem::path(path).filename());
        return names;
    }

    std::string directory;
    boost::asio::io_context io;
    std::size_t tellings = 0;
    std::vector<std::string> paths;
    SourceWatch watch{io, [this](const std::vector<std::string>& changed) {
                          ++tellings;
                          paths = changed;
                      }};
};

TEST_F(SourceWatchTest, written_and_replaced_files_are_told_and_their_neighbours_not) {
    write("main.py");
    write("views.py");
    add({"main.py", "views.py"});
    write("main.py", "longer");
    EXPECT_THAT(told(), ElementsAre("main.py"));
    EXPECT_EQ(paths, (std::vector{directory + "/main.py"}));
    write("views.py.new");
    std::filesystem::rename(directory + "/views.py.new", directory + "/views.py");
    EXPECT_THAT(told(), ElementsAre("views.py"));
    write("notes.txt");
    std::filesystem::remove(directory + "/views.py");
    EXPECT_THAT(told(400ms), IsEmpty()) << "nothing to load";
    write("views.py");
    EXPECT_THAT(told(), ElementsAre("views.py")) << "it is back";
}

TEST_F(SourceWatchTest, a_burst_is_told_once) {
    add({"a.py", "b.py", "c.py"});
    for (int i = 0; i < 5; ++i)
        for (const char* name : {"a.py", "b.py", "c.py"}) write(name);
    EXPECT_THAT(told(), ElementsAre("a.py", "b.py", "c.py"));
    EXPECT_THAT(told(300ms), IsEmpty());
}

TEST_F(SourceWatchTest, a_file_behind_a_link_counts_where_it_lies) {
    std::filesystem::create_directory(directory + "/lib");
    write("lib/real.py");
    std::filesystem::create_symlink("lib/real.py", directory + "/main.py");
    add({"main.py"});
    write("lib/real.py", "longer");
    EXPECT_THAT(told(), ElementsAre("real.py"));
}

TEST_F(SourceWatchTest, a_directory_that_was_replaced_is_watched_again) {
    std::filesystem::create_directory(directory + "/pkg");
    write("pkg/a.py");
    add({"pkg/a.py"});
    std::filesystem::remove_all(directory + "/pkg");
    EXPECT_THAT(told(300ms), IsEmpty());
    std::filesystem::create_directory(directory + "/pkg");
    write("pkg/a.py");
    EXPECT_THAT(told(), ElementsAre("pkg")) << "its return";
    write("pkg/a.py", "longer");
    EXPECT_THAT(told(), ElementsAre("a.py"));
}

TEST_F(SourceWatchTest, what_was_written_while_it_was_imported_is_told) {
    write("old.py");
    const auto began = std::chrono::system_clock::now() - 1h;
    add({"old.py"}, began);
    EXPECT_THAT(told(), ElementsAre("old.py"));
    write("other.py");
    EXPECT_THAT(told(200ms), IsEmpty()) << "nobody has loaded it yet";
    add({"other.py"}, std::chrono::system_clock::now() + 1h);
    EXPECT_THAT(told(300ms), IsEmpty());
}

TEST_F(SourceWatchTest, a_file_that_is_not_there_yet_counts_when_it_appears) {
    add({"missing.py", "no/such/directory.py"});
    write("missing.py");
    EXPECT_THAT(told(), ElementsAre("missing.py"));
}

TEST_F(SourceWatchTest, too_many_files_are_told_of_once) {
    std::vector<std::string> files;
    for (int i = 0; i < 5000; ++i) files.push_back(directory + "/" + std::to_string(i));
    const auto added = watch.add(files, common::WallTime::max());
    ASSERT_FALSE(added.has_value());
    EXPECT_THAT(added.error().message(), testing::HasSubstr("more than 4096 files"));
    files.push_back(directory + "/one_more");
    EXPECT_TRUE(watch.add(files, common::WallTime::max()).has_value());
}

}  // namespace
}  // namespace vassal::master
