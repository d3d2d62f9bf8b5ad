// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"

namespace emperor::ctl {

int remaining(Deadline deadline) {
    if (deadline == Deadline::max()) return 1'000'000;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return left.count() <= 0 ? -1 : static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000));
}

bool wait_for(int fd, short events, Deadline deadline) {
    for (;;) {
        const int timeout = remaining(deadline);
        if (timeout < 0) return false;
        pollfd ready{fd, events, 0};
        const int count = ::poll(&ready, 1, timeout);
        if (count > 0) return true;
        if (count < 0 && errno != EINTR) return false;
    }
}

int connect_unix(int fd, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    common::UniqueFd directory;
    std::string reachable = path;
    if (path.size() >= sizeof address.sun_path) {
        const auto slash = path.rfind('/');
        directory.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!directory) return errno;
        reachable = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
        if (reachable.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    }
    std::memcpy(address.sun_path, reachable.data(), reachable.size());
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

}  // namespace emperor::ctl
