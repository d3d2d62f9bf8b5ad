// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/mime_types.h"

#include <gtest/gtest.h>

namespace vassal::files {
namespace {

MimeTypes some() {
    MimeTypes types;
    types.add_table("# types\n\ntext/css\tcss \r\nimage/jpeg  jpeg JPG jpg\napplication/empty\nbroken line\n");
    types.add_globs("# globs\n50:text/x-css:*.css\n50:text/x-python:*.py\n50:x/y:name\n50:x/z:*.a.b\n50:x/w:*.[ch]\n60:");
    types.sort();
    return types;
}

TEST(MimeTypes, the_ending_decides_without_case) {
    const MimeTypes types = some();
    EXPECT_EQ(types.of("a/b.c/photo.JPG"), "image/jpeg");
    EXPECT_EQ(types.of("photo.tar.jpeg"), "image/jpeg");
}

TEST(MimeTypes, the_first_table_that_knows_an_ending_decides_and_text_is_utf_8) {
    const MimeTypes types = some();
    EXPECT_EQ(types.of("a.css"), "text/css; charset=utf-8");
    EXPECT_EQ(types.of("a.py"), "text/x-python; charset=utf-8");
}

TEST(MimeTypes, what_nobody_knows_is_a_stream_of_octets) {
    const MimeTypes types = some();
    for (const std::string_view path : {"", "README", "a.", "a.unknown", "a.averyveryverylongending", "css", "x.line"}) {
        EXPECT_EQ(types.of(path), "application/octet-stream") << path;
    }
}

TEST(MimeTypes, the_system_s_tables_know_the_web) {
    const MimeTypes types = MimeTypes::of_system();
    EXPECT_EQ(types.of("index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(types.of("a.css"), "text/css; charset=utf-8");
    EXPECT_EQ(types.of("a.svg"), "image/svg+xml");
    EXPECT_EQ(types.of("a.woff2"), "font/woff2");
    EXPECT_EQ(types.of("a.json"), "application/json");
    EXPECT_NE(types.of("a.js").find("javascript"), std::string_view::npos);
}

TEST(MimeTypes, moving_keeps_the_texts) {
    MimeTypes types = some();
    const MimeTypes moved = std::move(types);
    EXPECT_EQ(moved.of("a.css"), "text/css; charset=utf-8");
}

}  // namespace
}  // namespace vassal::files
