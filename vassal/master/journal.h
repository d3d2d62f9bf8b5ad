// SPDX-License-Identifier: Apache-2.0
// Lines to the systemd journal by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry, or a
// sealed memfd where it is too large for one. Not by sd_journal_send, which waits for as long as the journal is stuck; here
// an entry that is not taken soon is lost. Owned by AppLog.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace vassal::master {

// Names are capitals, digits and underscores; values any bytes, newlines too.
struct JournalField {
    std::string_view name;
    std::string_view value;
};
using JournalFields = std::initializer_list<JournalField>;

[[nodiscard]] std::string journal_entry(JournalFields fields);

class Journal {
public:
    static constexpr const char* usual_path = "/run/systemd/journal/socket";

    explicit Journal(std::string path) : path_(std::move(path)) {}

    enum class Outcome { taken, absent, lost };  // absent: there is no journal
    [[nodiscard]] Outcome send(JournalFields fields);

private:
    [[nodiscard]] bool connect();
    [[nodiscard]] int try_send(const std::string& entry) const;  // errno, or 0
    [[nodiscard]] int send_as_file(const std::string& entry) const;

    std::string path_;
    common::UniqueFd socket_;
    common::TimePoint wait_next_{};
    bool is_stuck_ = false;  // it did not take the last entry: the next one is not waited for
};

}  // namespace vassal::master
