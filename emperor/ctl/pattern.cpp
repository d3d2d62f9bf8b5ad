// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/pattern.h"

#include <array>

namespace emperor::ctl {

std::string Pattern::problem_of(const std::string& text) {
    regex_t compiled{};
    const int number = ::regcomp(&compiled, text.c_str(), REG_EXTENDED | REG_NOSUB);
    if (number == 0) {
        ::regfree(&compiled);
        return "";
    }
    std::array<char, 200> reason{};
    ::regerror(number, &compiled, reason.data(), reason.size());
    return "'" + text + "' is not a regular expression: " + reason.data();
}

}  // namespace emperor::ctl
