// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "emperor/ctl/cli.h"

namespace {

std::optional<std::string> variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? std::optional<std::string>(value) : std::nullopt;
}

std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

int main(int argc, char** argv) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const emperor::ctl::Surroundings surroundings{
        std::cout,        std::cerr, variable, ::isatty(STDOUT_FILENO) == 1,
        terminal_width(), std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
    try {
        const int code = emperor::ctl::run({argv + 1, argv + argc}, surroundings);
        // `emperorctl nginx print > FILE && nginx -t` must not go on with half a file.
        if (std::cout.flush()) return code;
        std::cerr << "emperorctl: standard output could not be written\n";
        return code == 0 ? 1 : code;
    } catch (const std::exception& error) {
        std::cerr << "emperorctl: " << error.what() << "\n";
        return 1;
    }
}
