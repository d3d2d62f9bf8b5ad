// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/note.h"

#include <sys/uio.h>
#include <unistd.h>

namespace vassal::worker {

void note(std::string_view text) noexcept {
    constexpr std::string_view prefix = "emperor: ";
    constexpr std::string_view newline = "\n";
    iovec parts[] = {{const_cast<char*>(prefix.data()), prefix.size()},
                     {const_cast<char*>(text.data()), text.size()},
                     {const_cast<char*>(newline.data()), newline.size()}};
    static_cast<void>(!::writev(STDERR_FILENO, parts, 3));  // the line is a courtesy: nowhere to report its loss
}

}  // namespace vassal::worker
