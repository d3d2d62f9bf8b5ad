// SPDX-License-Identifier: Apache-2.0
// Reads the vassal directories: which files are there, what they contain, and whether their owner and mode allow us to
// believe them (DESIGN law 11). Owned by the fleet; called on every rescan. It decodes nothing, decides nothing, and
// never writes. A file whose stat did not change since the last scan is not read again.
//
// What is half-written is kept back: an empty file that is younger than a second (an editor's truncate-and-write) is
// reported as it was before, or not at all when it is new, and `rescan_after` asks for another look. The first scan cannot
// tell new from old: it reports the empty file, which stops nothing that runs. In the middle of a burst of changes more than
// that may be half done: a file that was written a moment ago is kept back likewise, and so is the absence of one that was
// there (removed, to be made anew), each for three seconds at most.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/config/diagnostic.h"

namespace emperor::watch {

// What makes two states of one path different: the file behind it, and the link itself so that `touch -h` counts.
// All zero for a file that could not be looked at.
struct FileStamp {
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t size = 0;
    std::uint64_t link_inode = 0;  // of the symbolic link; 0: not a link
    std::int64_t link_mtime_ns = 0;

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct ScannedFile {
    std::string name;  // the vassal's: the file name without its ending; one that breaks the name rule has a finding
    std::string path;  // DIRECTORY/FILE, DIRECTORY as given on the command line
    FileStamp stamp;
    uid_t uid = 0;     // owner of the file (of the link's target)
    gid_t gid = 0;
    // Shared with the scanner's cache, so that an unchanged file costs nothing. Empty text when `findings` has errors.
    std::shared_ptr<const std::string> text;
    common::config::Diagnostics findings;
};

struct ScannedDirectory {
    std::string path;     // as given, without a final slash
    std::string problem;  // not empty: could not be read (missing, no permission); its files are unknown, not removed
    std::vector<ScannedFile> files;       // sorted by path
    std::optional<ScannedFile> defaults;  // _defaults.yaml
    // Names as uWSGI's Emperor reads them and this one does not (shop.ini), sorted: somebody waits for these apps.
    std::vector<std::string> ignored = {};
};

struct Scan {
    std::vector<ScannedDirectory> directories;       // as given
    std::vector<std::string> link_targets;           // real paths behind symbolic links, for Watcher::watch_targets
    std::optional<common::Duration> rescan_after;    // something was half-written: look again then
};

class Scanner {
public:
    // Larger files are refused: no configuration is that long, and reading is done in the event loop.
    static constexpr std::int64_t max_file_size = 1 << 20;

    // `process_uid` is geteuid() in production: under root _defaults.yaml must be root's.
    Scanner(std::vector<std::string> directories, uid_t process_uid);

    [[nodiscard]] Scan scan(common::WallTime now, bool is_in_a_burst = false);

private:
    struct Cached {
        ScannedFile file;
        std::int64_t ctime_ns = 0;
        std::int64_t read_ns = 0;  // when it was read: a file changed at that very moment is not trusted
        std::int64_t kept_back_ns = 0;  // since when it is reported as it was, in a burst; 0: it is not
    };
    struct Now {
        std::int64_t ns;
        bool is_in_a_burst;
    };

    [[nodiscard]] static bool is_settled(const Cached& cached);
    [[nodiscard]] ScannedDirectory scan_directory(const std::string& directory, Now now, Scan& scan,
                                                  std::map<std::string, Cached>& next) const;
    void keep_missing(ScannedDirectory& directory, Now now, Scan& scan, std::map<std::string, Cached>& next) const;
    [[nodiscard]] static bool may_be_kept_back(const Cached& before, Now now) noexcept;
    [[nodiscard]] std::optional<ScannedFile> look_at(int directory_fd, const std::string& directory,
                                                     const std::string& entry, Now now, Scan& scan,
                                                     std::map<std::string, Cached>& next) const;

    std::vector<std::string> directories_;
    uid_t process_uid_;
    std::map<std::string, Cached> cache_;  // by path; holds what the last scan saw
    bool has_scanned_ = false;
};

}  // namespace emperor::watch
