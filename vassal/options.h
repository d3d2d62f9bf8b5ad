// SPDX-License-Identifier: Apache-2.0
// The command line of `vassal`. Every flag but --dev, --link and --version is a shorthand of a configuration key, so that
// values are judged in one place (common/config).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vassal {

struct Options {
    int link = -1;                      // descriptor of the channel to the emperor; -1: stand-alone
    bool only_imports = false;          // with link: import the app and say how it went
    std::vector<std::string> settings;  // "key=value" for decode_settings
    std::string app;
    bool is_dev = false;
};

// Returns the exit code instead of options after --help, --version and bad usage (2), which it reports itself.
struct ParsedOptions {
    std::optional<Options> options;
    int exit_code = 0;
};
[[nodiscard]] ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace vassal
