// SPDX-License-Identifier: Apache-2.0
#include "vassal/process_title.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

namespace vassal {

ProcessTitle::ProcessTitle(int argc, char** argv) {
    if (argc < 1) return;
    area_ = argv[0];
    char* end = area_;
    const auto extend = [&end](char* text) {
        if (text == end) end = text + std::strlen(text) + 1;
    };
    for (int i = 0; i < argc; ++i) extend(argv[i]);
    std::size_t variables = 0;
    for (; environ != nullptr && environ[variables] != nullptr; ++variables) extend(environ[variables]);
    size_ = static_cast<std::size_t>(end - area_);

    // The copies live as long as the process.
    auto** copy = static_cast<char**>(std::calloc(variables + 1, sizeof(char*)));
    if (copy == nullptr) return;
    for (std::size_t i = 0; i < variables; ++i) copy[i] = ::strdup(environ[i]);
    environ = copy;
}

void ProcessTitle::set(std::string_view title) const noexcept {
    if (size_ < 2) return;
    const std::size_t length = std::min(title.size(), size_ - 1);
    std::memset(area_, 0, size_);
    std::memcpy(area_, title.data(), length);
    // The short name, of 15 bytes, that top and killall know; without the program's prefix it says more.
    const std::size_t colon = title.find(": ");
    const std::string name(colon == std::string_view::npos ? title : title.substr(colon + 2));
    ::prctl(PR_SET_NAME, name.c_str());
}

}  // namespace vassal
