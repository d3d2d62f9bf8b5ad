// SPDX-License-Identifier: Apache-2.0
// Wrong tokens, by who sent them. While somebody's last one is fresh, what he asks with a token waits before anybody looks
// at it, the right token too: so trying is slow over any number of connections, and the time of an answer tells nothing.
// Nobody is locked out. The log hears of the first at once, then at most once in a while how many there were. Owned by
// the server.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "common/base/clock.h"
#include "emperor/process/timer.h"

namespace emperor::web {

struct Slowness {
    std::chrono::milliseconds least{250};     // after one wrong token; twice that after two, and so on
    std::chrono::milliseconds most{2'000};
    std::chrono::milliseconds fresh{30'000};  // until a wrong token is forgotten
    std::chrono::milliseconds quiet{10'000};  // between two lines of log
    std::size_t peers = 256;                  // that are remembered; then the one that is quiet for longest is not
};

class WrongTokens {
public:
    WrongTokens(boost::asio::io_context& io, Slowness slowness) : slowness_(slowness), timer_(io) {}

    void add(const std::string& peer, common::TimePoint now);
    // How long a request of this peer waits.
    [[nodiscard]] std::chrono::milliseconds delay_of(const std::string& peer, common::TimePoint now) const;

private:
    struct Record {
        unsigned count = 0;
        common::TimePoint last{};
    };

    void forget(const std::string& peer, common::TimePoint now);
    void tell();

    const Slowness slowness_;
    std::map<std::string, Record> peers_;
    process::Timer timer_;  // armed: a line was written a moment ago
    bool is_quiet_ = false;
    std::uint64_t untold_ = 0;
    std::string last_peer_;
};

// Who is at the other end: an address, or of a unix socket "uid 1000".
[[nodiscard]] std::string peer_of(int fd);

}  // namespace emperor::web
