// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/probe_response.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace vassal::worker {

void ProbeResponse::start(std::string_view status) {
    status_ = 0;
    std::from_chars(status.data(), status.data() + status.size(), status_);
}

app::Sent ProbeResponse::write(std::string_view chunk) {
    is_head_sent_ = is_head_sent_ || !chunk.empty();
    keep(chunk);
    return app::Sent::ok;
}

void ProbeResponse::finish(std::span<const std::string_view> chunks) {
    for (const std::string_view chunk : chunks) keep(chunk);
    is_head_sent_ = is_complete_ = true;
}

void ProbeResponse::finish_file(int fd, std::uint64_t offset, std::uint64_t count) {
    std::array<char, kept_size> start{};
    const ssize_t size = ::pread(fd, start.data(), std::min<std::uint64_t>(count, start.size()), static_cast<off_t>(offset));
    if (size > 0) keep({start.data(), static_cast<std::size_t>(size)});
    is_head_sent_ = is_complete_ = true;
}

void ProbeResponse::explain_exception(std::string_view what, std::string_view traceback) {
    exception_ = what;
    traceback_ = traceback;
}

void ProbeResponse::keep(std::string_view chunk) { body_.append(chunk.substr(0, kept_size - body_.size())); }

}  // namespace vassal::worker
