// SPDX-License-Identifier: Apache-2.0
// An extended regular expression as grep -E has it (regex.h: unlike std::regex it needs no stack per byte of a line).
#pragma once

#include <regex.h>

#include <string>

namespace emperor::ctl {

class Pattern {
public:
    // Must be one of which problem_of() is empty.
    explicit Pattern(const std::string& text) : is_good_(::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0) {}
    ~Pattern() {
        if (is_good_) ::regfree(&compiled_);
    }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    [[nodiscard]] bool matches(const std::string& line) const {
        return is_good_ && ::regexec(&compiled_, line.c_str(), 0, nullptr, 0) == 0;
    }
    // What is wrong with it; empty: nothing.
    [[nodiscard]] static std::string problem_of(const std::string& text);

private:
    regex_t compiled_{};
    bool is_good_;
};

}  // namespace emperor::ctl
