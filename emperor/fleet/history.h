// SPDX-License-Identifier: Apache-2.0
// What happened to one vassal: its last entries in memory, and in a file of the runtime directory, one JSON object a
// line, so that the next emperor knows them too. The file is only appended to, and rewritten with what is kept when it
// has grown to twice that. Its directory is the emperor's own (0700). A file that cannot be written costs entries,
// never the vassal. Owned by the vassal's host.
#pragma once

#include <deque>
#include <string>

#include "common/base/result.h"
#include "emperor/fleet/fleet_api.h"

namespace emperor::fleet {

class History {
public:
    static constexpr std::size_t kept = 100;          // entries
    static constexpr std::size_t kept_details = 5;    // of the newest failures
    static constexpr std::size_t detail_size = 2048;  // bytes of one; the end of it counts
    static constexpr std::size_t text_size = 1024;    // likewise, the beginning
    static constexpr std::size_t file_size = 256 * 1024;

    // Reads what a former emperor left; lines that make no sense are skipped (the last one may be torn).
    explicit History(std::string path);

    void add(HistoryEntry entry);
    // The vassal is forgotten: its file goes.
    void remove() noexcept;

    [[nodiscard]] const std::deque<HistoryEntry>& entries() const noexcept { return entries_; }
    // Why the last write failed; empty when it did not.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

private:
    void read();
    void keep(HistoryEntry entry);
    [[nodiscard]] common::Result<void> append(const std::string& line);
    [[nodiscard]] common::Result<void> rewrite();

    std::string path_;
    std::deque<HistoryEntry> entries_;
    std::size_t lines_ = 0, bytes_ = 0;  // of the file
    bool is_torn_ = false;               // its last line has no end
    std::string problem_;
};

// Histories of vassals that nobody has heard of for a week go; `is_known` says who is there. At the emperor's start.
void remove_old_histories(const std::string& directory,
                          const std::function<bool(const std::string&)>& is_known) noexcept;

}  // namespace emperor::fleet
