// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/vassal/python/support.h"

namespace vassal::python::test {
namespace {

class FileWrapper : public testing::Test {
protected:
    FileWrapper() {
        char name[] = "/tmp/file_wrapper_XXXXXX";
        folder_ = ::mkdtemp(name);
        path_ = folder_ + "/data";
        std::ofstream(path_) << "0123456789";
    }
    ~FileWrapper() override { std::filesystem::remove_all(folder_); }

    // An app that sends what `expression` opens; `path` is the file.
    std::string app(const std::string& expression, const std::string& headers = "[]", const std::string& blocks = "") {
        return "import io, gzip, tempfile\npath = '" + path_ +
               "'\nfiles = []\n"
               "def application(environ, start_response):\n    start_response('200 OK', " +
               headers +
               ")\n"
               "    files.append(" +
               expression +
               ")\n"
               "    return environ['wsgi.file_wrapper'](files[-1]" +
               blocks + ")\n";
    }

    std::string folder_, path_;
};

TEST_F(FileWrapper, a_regular_file_is_sent_without_reading_it_into_python) {
    App sender(app("open(path, 'rb')"));
    Served served = sender.serve();
    EXPECT_EQ(served.response.log, "start finish_file ");
    EXPECT_EQ(served.response.body, "0123456789");
    EXPECT_EQ(sender.eval("files[0].closed"), "True");
}

TEST_F(FileWrapper, sending_starts_at_the_files_position) {
    App sender(
        "path = '" + path_ +
        "'\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    f = open(path, 'rb')\n    assert f.read(3) == b'012'\n    return environ['wsgi.file_wrapper'](f, 4096)\n");
    Served served = sender.serve();
    EXPECT_EQ(served.response.log, "start finish_file ");
    EXPECT_EQ(served.response.body, "3456789");
}

TEST_F(FileWrapper, no_more_than_the_declared_length_is_sent) {
    App sender(app("open(path, 'rb', buffering=0)", "[('Content-Length', '4')]"));
    Served served = sender.serve();
    EXPECT_EQ(served.response.body, "0123");
    EXPECT_THAT(served.log, testing::IsEmpty());
}

TEST_F(FileWrapper, a_file_in_memory_is_iterated_in_blocks) {
    App sender(app("io.BytesIO(b'abcdefg')", "[]", ", 3"));
    Served served = sender.serve();
    EXPECT_EQ(served.response.log, "start write write write finish(0) ");
    EXPECT_EQ(served.response.body, "abcdefg");
    EXPECT_EQ(sender.eval("files[0].closed"), "True");
}

TEST_F(FileWrapper, a_file_in_memory_is_cut_at_the_declared_length_without_a_word) {
    App sender(app("io.BytesIO(b'abcdefg')", "[('Content-Length', '5')]", ", 3"));
    Served served = sender.serve();
    EXPECT_EQ(served.response.log, "start write finish(1) ");
    EXPECT_EQ(served.response.body, "abcde");
    EXPECT_THAT(served.log, testing::IsEmpty());
}

TEST_F(FileWrapper, a_file_whose_descriptor_holds_other_bytes_is_iterated) {
    App sender("import gzip\npath = '" + path_ +
               ".gz'\nwith gzip.open(path, 'wb') as f: f.write(b'unpacked')\n"
               "def application(environ, start_response):\n    start_response('200 OK', [])\n"
               "    return environ['wsgi.file_wrapper'](gzip.open(path, 'rb'))\n");
    EXPECT_EQ(sender.serve().response.body, "unpacked");
}

TEST_F(FileWrapper, anything_with_read_works_and_needs_no_close) {
    App sender(
        "class Reader:\n    blocks = [b'a', b'b', b'']\n    def read(self, size):\n        return self.blocks.pop(0)\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    return environ['wsgi.file_wrapper'](Reader())\n");
    Served served = sender.serve();
    EXPECT_EQ(served.response.body, "ab");
    EXPECT_THAT(served.log, testing::IsEmpty());
}

TEST_F(FileWrapper, a_pipe_is_iterated) {
    App sender(
        "import os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    r, w = os.pipe()\n    os.write(w, b'piped')\n    os.close(w)\n"
        "    return environ['wsgi.file_wrapper'](open(r, 'rb'))\n");
    EXPECT_EQ(sender.serve().response.body, "piped");
}

TEST_F(FileWrapper, a_text_file_breaks_the_rules) {
    App sender(app("open(path)"));
    EXPECT_THAT(sender.serve().log, testing::HasSubstr("must yield bytes, it yielded str '0123456789'"));
}

TEST_F(FileWrapper, middleware_may_iterate_and_close_it) {
    App sender("path = '" + path_ +
               "'\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
               "    wrapper = environ['wsgi.file_wrapper'](open(path, 'rb'), 4)\n    body = list(wrapper)\n    "
               "wrapper.close()\n"
               "    return body\n");
    Served served = sender.serve();
    EXPECT_EQ(served.response.log, "start finish(3) ");
    EXPECT_EQ(served.response.body, "0123456789");
}

TEST_F(FileWrapper, an_empty_file_is_an_empty_body) {
    std::ofstream(path_, std::ios::trunc).flush();
    App sender(app("open(path, 'rb')"));
    EXPECT_EQ(sender.serve().response.log, "start finish(0) ");
}

}  // namespace
}  // namespace vassal::python::test
