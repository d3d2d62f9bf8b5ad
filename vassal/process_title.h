// SPDX-License-Identifier: Apache-2.0
// What `ps` shows for this process ("vassal: shop worker 2"). Writes over the arguments and the environment that the
// kernel placed behind each other; the environment moves to the heap first. Built once, first thing in main(), whose
// copies of both are meant; forked processes use it as it is.
#pragma once

#include <cstddef>
#include <string_view>

namespace vassal {

class ProcessTitle {
public:
    ProcessTitle(int argc, char** argv);
    ProcessTitle(const ProcessTitle&) = delete;
    ProcessTitle& operator=(const ProcessTitle&) = delete;

    void set(std::string_view title) const noexcept;

private:
    char* area_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace vassal
