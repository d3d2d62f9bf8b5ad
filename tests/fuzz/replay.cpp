// SPDX-License-Identifier: Apache-2.0
// The main() of a fuzz target where libFuzzer is not linked: runs every file of the given folders through it, whole and,
// while it is small, cut at every byte. Fails when there was nothing to run.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t max_size_of_cuts = 512;

void run(std::string_view text) {
    const fuzz::Copy copy(text);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(copy.view().data()), text.size());
}

void replay(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::printf("%s: %zu bytes\n", path.c_str(), text.size());
    std::fflush(stdout);  // names the culprit when the target ends the process
    run(text);
    if (text.size() > max_size_of_cuts) return;
    for (std::size_t size = 0; size < text.size(); ++size) run(std::string_view(text).substr(0, size));
}

}  // namespace

int main(int count, char** arguments) {
    int files = 0;
    for (int i = 1; i < count; ++i) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(arguments[i])) {
            if (!entry.is_regular_file()) continue;
            replay(entry.path());
            ++files;
        }
    }
    std::printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
