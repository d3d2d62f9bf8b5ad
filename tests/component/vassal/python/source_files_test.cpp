// SPDX-License-Identifier: Apache-2.0
// Which files an app's code is said to come from.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "tests/component/vassal/python/child.h"

namespace vassal::python::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string app = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";

InterpreterOptions watching(const std::string& name) {
    InterpreterOptions options = options_for(name);
    options.watches_sources = true;
    return options;
}

// Relative to the working directory where they lie below it.
std::string joined(std::vector<std::string> files) {
    const std::string here = std::filesystem::current_path().string() + "/";
    for (std::string& file : files)
        if (file.starts_with(here)) file = file.substr(here.size());
    std::ranges::sort(files);
    std::string text;
    for (const std::string& file : files) text += file + ";";
    return text;
}

TEST(SourceFiles, are_those_of_loaded_modules_without_the_library_and_installed_packages) {
    const ChildResult result = in_child([] {
        write_file("main.py", "import json, shop.views, installed\n" + app);
        write_file("shop/__init__.py", "");
        write_file("shop/views.py", "");
        write_file("shop/unused.py", "");
        write_file("venv/lib/site-packages/installed.py", "");
        InterpreterOptions options = watching("main:application");
        options.python_path = {std::filesystem::current_path() / "venv/lib/site-packages"};
        const Loaded loaded = start_and_load(options);
        const std::string first = joined(loaded.interpreter->new_sources());
        static_cast<void>(evaluate("__import__('shop.unused')"));
        return loaded.failure + first + "|" + joined(loaded.interpreter->new_sources());
    });
    EXPECT_EQ(result.said, "main.py;shop/__init__.py;shop/views.py;|shop/unused.py;") << result.output;
}

TEST(SourceFiles, nobody_is_told_unless_they_are_watched) {
    const ChildResult result = in_child([] {
        write_file("main.py", app);
        const Loaded loaded = start_and_load(options_for("main:application"));
        return loaded.failure + joined(loaded.interpreter->new_sources());
    });
    EXPECT_EQ(result.said, "");
}

std::string files_of_failure(const std::string& broken) {
    const ChildResult result = in_child([&] {
        write_file("main.py", "import shop.views\n" + app);
        write_file("shop/__init__.py", "");
        write_file("shop/views.py", broken);
        LoadFailure failure;
        const auto interpreter = start_interpreter(watching("main:application"), failure);
        const auto failed = interpreter->load();
        return failed ? joined(failed->files) : "it loads";
    });
    return result.said;
}

TEST(SourceFiles, of_a_failed_import_are_those_of_the_traceback_and_where_the_app_may_appear) {
    EXPECT_THAT(files_of_failure("def application(:\n"), AllOf(HasSubstr("main.py;"), HasSubstr("shop/views.py;")));
    EXPECT_THAT(files_of_failure("raise RuntimeError('no')\n"), AllOf(HasSubstr("main.py;"), HasSubstr("shop/views.py;")));
    EXPECT_THAT(files_of_failure("try:\n    import nothing\nexcept ImportError:\n    raise KeyError(1)\n"),
                AllOf(HasSubstr("main.py;"), HasSubstr("shop/views.py;")));
    const ChildResult missing = in_child([] {
        LoadFailure failure;
        const auto interpreter = start_interpreter(watching("shop.wsgi:application"), failure);
        return joined(interpreter->load()->files);
    });
    EXPECT_THAT(missing.said, AllOf(HasSubstr("shop/wsgi.py;"), HasSubstr("shop/wsgi/__init__.py;")));
}

}  // namespace
}  // namespace vassal::python::test
