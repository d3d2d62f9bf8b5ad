// SPDX-License-Identifier: Apache-2.0
// What of a stream of log lines or events was shown already, so that over a new connection it goes on without a double
// and, as far as the emperor still has what came meanwhile, without a gap. Pure.
//
// Each connection begins with a list of what there was, then single items follow. The list may hold what an earlier
// connection brought, and what follows may repeat the end of the list: the emperor reads a line from the scoreboard for
// the list before it comes out of the log channel. Items have no number of their own; app, time (microseconds) and text
// name them, and equal ones are told apart by counting.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

namespace emperor::ctl {

struct Item {
    std::string app;
    std::int64_t time_us = 0;
    std::string key;  // the rest of it
};

class Shown {
public:
    // `start_us`: epoch; what is older and was not in the first list is not asked for.
    explicit Shown(std::int64_t start_us) : start_us_(start_us) {}

    // A connection begins.
    void connected();
    // Of the list. True: it is new.
    [[nodiscard]] bool listed(const Item& item);
    // What came after it. True: it is new.
    [[nodiscard]] bool followed(const Item& item);
    // From when on a later connection should list what there is.
    [[nodiscard]] std::int64_t since_us() const noexcept;

private:
    static constexpr std::size_t remembered = 500;  // items of an app; more than an emperor keeps

    using Counts = std::unordered_map<std::string, int>;
    struct Memory {
        std::deque<std::pair<std::int64_t, std::string>> items;
        Counts counts;
        std::int64_t floor_us = 0;  // what is older was shown, or is not to be
    };

    void remember(const Item& item);

    std::int64_t start_us_;
    std::int64_t newest_us_ = 0;
    int connections_ = 0;
    std::map<std::string, Memory> memories_;  // by app
    std::map<std::string, Counts> listed_, followed_;  // of this connection
};

}  // namespace emperor::ctl
