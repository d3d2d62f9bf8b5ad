// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/source_set.h"

#include <gtest/gtest.h>

namespace vassal::master {
namespace {

TEST(SourceSet, names_each_directory_once) {
    SourceSet set;
    EXPECT_EQ(set.add("/srv/shop/main.py"), "/srv/shop");
    EXPECT_EQ(set.add("/srv/shop/views.py"), std::nullopt);
    EXPECT_EQ(set.add("/srv/shop/main.py"), std::nullopt);
    EXPECT_EQ(set.add("/main.py"), "/");
    EXPECT_EQ(set.files(), 3u);
}

TEST(SourceSet, knows_files_by_directory_and_name) {
    SourceSet set;
    static_cast<void>(set.add("/srv/shop/main.py"));
    static_cast<void>(set.add("/srv/blog/views.py"));
    EXPECT_TRUE(set.contains("/srv/shop", "main.py"));
    EXPECT_FALSE(set.contains("/srv/shop", "views.py"));
    EXPECT_FALSE(set.contains("/srv/shop", "main.py~"));
    EXPECT_FALSE(set.contains("/srv", "main.py"));
}

TEST(SourceSet, takes_no_noise_for_a_path) {
    SourceSet set;
    for (const std::string file : {"", "main.py", "/srv/", "/", "<string>"}) EXPECT_EQ(set.add(file), std::nullopt) << file;
    EXPECT_EQ(set.add("/" + std::string(5000, 'x')), std::nullopt);
    EXPECT_EQ(set.files(), 0u);
    EXPECT_FALSE(set.is_full());
}

TEST(SourceSet, has_an_end) {
    SourceSet files;
    for (std::size_t i = 0; i < SourceSet::max_files; ++i) static_cast<void>(files.add("/srv/" + std::to_string(i)));
    EXPECT_FALSE(files.is_full());
    static_cast<void>(files.add("/srv/one_more"));
    EXPECT_TRUE(files.is_full());
    EXPECT_FALSE(files.contains("/srv", "one_more"));

    SourceSet directories;
    for (std::size_t i = 0; i < SourceSet::max_directories; ++i) EXPECT_TRUE(directories.add("/srv/" + std::to_string(i) + "/x"));
    EXPECT_FALSE(directories.add("/srv/one_more/x"));
    EXPECT_TRUE(directories.is_full());
    static_cast<void>(directories.add("/srv/0/y"));
    EXPECT_TRUE(directories.contains("/srv/0", "y")) << "there is room in those that are watched";
}

}  // namespace
}  // namespace vassal::master
