// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/scanner.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/config/decode.h"
#include "emperor/watch/file_check.h"

namespace emperor::watch {

namespace {

constexpr std::string_view defaults_name = "_defaults.yaml";
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t moment_ns = 100'000'000;  // as long as a burst has to be quiet
constexpr std::int64_t longest_ns = 3 * second_ns;  // in a burst there is a look a second
constexpr auto settle_time = std::chrono::seconds(1);

std::int64_t since_epoch_ns(common::WallTime time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// "shop" for "shop.yaml" and "shop.yml"; empty for what is no vassal file.
std::string stem_of(const std::string& entry) {
    if (entry.starts_with('.')) return {};
    for (std::string_view ending : {".yaml", ".yml"})
        if (entry.size() > ending.size() && entry.ends_with(ending))
            return entry.substr(0, entry.size() - ending.size());
    return {};
}

bool is_of_uwsgi(std::string_view entry) {
    if (entry.starts_with('.')) return false;
    return std::ranges::any_of(std::initializer_list<std::string_view>{".ini", ".xml", ".json", ".js", ".YAML", ".YML"},
                               [&](std::string_view ending) { return entry.size() > ending.size() && entry.ends_with(ending); });
}

struct Listing {
    common::UniqueFd fd;  // of the directory
    std::vector<std::string> entries;
    std::vector<std::string> ignored;
    std::string problem;
};

Listing list(const std::string& directory) {
    Listing listing;
    const auto failed = [&](const char* what) {
        listing.problem = std::string(what) + " " + directory + ": " + std::strerror(errno);
        listing.entries.clear();
        return std::move(listing);
    };
    listing.fd.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!listing.fd) return failed("open directory");
    const int duplicate = ::fcntl(listing.fd.get(), F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) return failed("open directory");
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(duplicate), ::closedir);
    if (!stream) {
        ::close(duplicate);
        return failed("read directory");
    }
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
        if (!stem_of(entry->d_name).empty()) listing.entries.emplace_back(entry->d_name);
        else if (is_of_uwsgi(entry->d_name)) listing.ignored.emplace_back(entry->d_name);
        errno = 0;
    }
    if (errno != 0) return failed("read directory");
    std::sort(listing.entries.begin(), listing.entries.end());
    std::sort(listing.ignored.begin(), listing.ignored.end());
    return listing;
}

void add_finding(ScannedFile& file, std::string message) {
    common::config::Diagnostic finding;
    finding.file = file.path;
    finding.message = std::move(message);
    file.findings.push_back(std::move(finding));
}

bool is_name_ours(const std::string& entry, const std::string& name, ScannedFile& file) {
    if (entry == defaults_name || common::config::is_valid_name(name)) return true;
    add_finding(file, name == "_defaults"
                          ? "the defaults belong in _defaults.yaml (rename the file)"
                          : "the file name gives the vassal's name, and '" + name +
                                "' is none: it may have letters, digits, '.', '_' and '-', begins with a letter or "
                                "digit and is at most 64 long (rename the file)");
    return false;
}

}  // namespace

Scanner::Scanner(std::vector<std::string> directories, uid_t process_uid)
    : directories_(std::move(directories)), process_uid_(process_uid) {
    for (std::string& directory : directories_)
        while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
}

Scan Scanner::scan(common::WallTime time, bool is_in_a_burst) {
    Scan scan;
    const Now now{since_epoch_ns(time), is_in_a_burst};
    std::map<std::string, Cached> next;
    for (const std::string& directory : directories_) {
        scan.directories.push_back(scan_directory(directory, now, scan, next));
        if (scan.directories.back().problem.empty()) continue;
        // Unknown, not gone: when the directory is back, nothing that is unchanged is read again.
        for (const auto& [path, cached] : cache_)
            if (path.starts_with(directory + "/")) next.emplace(path, cached);
    }
    cache_ = std::move(next);
    has_scanned_ = true;
    std::sort(scan.link_targets.begin(), scan.link_targets.end());
    scan.link_targets.erase(std::unique(scan.link_targets.begin(), scan.link_targets.end()), scan.link_targets.end());
    return scan;
}

ScannedDirectory Scanner::scan_directory(const std::string& directory, Now now, Scan& scan,
                                         std::map<std::string, Cached>& next) const {
    ScannedDirectory result{.path = directory, .problem = {}, .files = {}, .defaults = {}};
    Listing listing = list(directory);
    result.problem = std::move(listing.problem);
    if (!result.problem.empty()) return result;
    result.ignored = std::move(listing.ignored);
    for (const std::string& entry : listing.entries) {
        std::optional<ScannedFile> file = look_at(listing.fd.get(), directory, entry, now, scan, next);
        if (!file) continue;
        if (entry == defaults_name)
            result.defaults = std::move(file);
        else
            result.files.push_back(std::move(*file));
    }
    if (now.is_in_a_burst) keep_missing(result, now, scan, next);
    return result;
}

bool Scanner::may_be_kept_back(const Cached& before, Now now) noexcept {
    return before.kept_back_ns == 0 || std::abs(now.ns - before.kept_back_ns) < longest_ns;
}

// What was there at the last scan and is not now may be about to be made anew.
void Scanner::keep_missing(ScannedDirectory& directory, Now now, Scan& scan, std::map<std::string, Cached>& next) const {
    bool has_kept = false;
    for (const auto& [path, before] : cache_) {
        if (!path.starts_with(directory.path + "/") || next.contains(path) || !may_be_kept_back(before, now)) continue;
        Cached& kept = next.emplace(path, before).first->second;
        if (kept.kept_back_ns == 0) kept.kept_back_ns = now.ns;
        if (path == directory.path + "/" + std::string(defaults_name)) directory.defaults = kept.file;
        else directory.files.push_back(kept.file);
        has_kept = true;
    }
    if (!has_kept) return;
    scan.rescan_after = settle_time;
    std::ranges::sort(directory.files, {}, &ScannedFile::path);
}

// Read, good, and its times tell of the next change: a file written within a second of the reading may have changed again
// without their showing it.
bool Scanner::is_settled(const Cached& cached) {
    return cached.file.findings.empty() && cached.read_ns - cached.ctime_ns > second_ns;
}

std::optional<ScannedFile> Scanner::look_at(int directory_fd, const std::string& directory, const std::string& entry,
                                            Now now, Scan& scan, std::map<std::string, Cached>& next) const {
    ScannedFile file;
    file.name = stem_of(entry);
    file.path = directory + "/" + entry;
    const auto remembered = cache_.find(file.path);
    const Cached* before = remembered == cache_.end() ? nullptr : &remembered->second;

    if (before && is_settled(*before) && is_as_before(directory_fd, entry, before->file.stamp, before->ctime_ns)) {
        next.emplace(file.path, *before).first->second.kept_back_ns = 0;
        return before->file;
    }
    OpenedFile opened = open_entry(directory_fd, entry);
    if (opened.is_gone) return std::nullopt;
    if (opened.is_link && !opened.real_path.empty()) scan.link_targets.push_back(opened.real_path);
    file.stamp = opened.stamp;
    file.uid = opened.uid;
    file.gid = opened.gid;

    const bool is_plain = opened.is_regular && opened.problem.empty();
    const bool is_half_written = is_plain && opened.stamp.size == 0 && std::abs(now.ns - opened.stamp.mtime_ns) < second_ns;
    const bool is_being_written = is_plain && now.is_in_a_burst && std::abs(now.ns - opened.ctime_ns) < moment_ns &&
                                  (!before || (before->file.stamp != file.stamp && may_be_kept_back(*before, now)));
    if (is_half_written || is_being_written) {
        scan.rescan_after = settle_time;
        if (before) {
            Cached& kept = next.emplace(file.path, *before).first->second;
            if (is_being_written && kept.kept_back_ns == 0) kept.kept_back_ns = now.ns;
            return before->file;
        }
        if (has_scanned_) return std::nullopt;
        // The first scan knows of no before. That it is not there would be a lie: what a former emperor started is running.
    }

    const bool is_named_well = is_name_ours(entry, file.name, file);
    for (std::string& finding : check_file(opened, process_uid_, entry == defaults_name))
        add_finding(file, std::move(finding));
    const bool is_cached =
        before && is_settled(*before) && before->file.stamp == file.stamp && before->ctime_ns == opened.ctime_ns;
    std::int64_t read_ns = now.ns;
    if (is_named_well && file.findings.empty()) {
        if (is_cached) {
            file.text = before->file.text;
            read_ns = before->read_ns;
        } else if (common::Result<std::string> text = read_all(opened.fd.get(), max_file_size); text) {
            // What reads the same stays the same text, so that nobody decodes it again.
            const bool is_same = before && before->file.text && *before->file.text == *text;
            file.text = is_same ? before->file.text : std::make_shared<const std::string>(std::move(*text));
        } else {
            add_finding(file, text.error().message());
        }
    }
    if (!file.text) file.text = std::make_shared<const std::string>();
    next.insert_or_assign(file.path, Cached{file, opened.ctime_ns, read_ns});
    return file;
}

}  // namespace emperor::watch
