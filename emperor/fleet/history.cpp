// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/unique_fd.h"

namespace emperor::fleet {

using common::Result;
using common::UniqueFd;
using nlohmann::json;

namespace {

constexpr auto forgotten_after = std::chrono::hours(7 * 24);

std::string line_of(const HistoryEntry& entry) {
    json line{
        {"time_us", entry.time_us}, {"event", entry.event}, {"generation", entry.generation}, {"text", entry.text}};
    if (!entry.detail.empty()) line["detail"] = entry.detail;
    return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<HistoryEntry> entry_from(std::string_view line) {
    const json item = json::parse(line, nullptr, false);
    if (!item.is_object()) return std::nullopt;
    try {
        return HistoryEntry{item.at("time_us").get<std::int64_t>(), item.at("event").get<std::string>(),
                            item.at("generation").get<supervise::Generation>(), item.at("text").get<std::string>(),
                            item.value("detail", "")};
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return common::system_error("write " + path);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<UniqueFd> open_for_writing(const std::string& path, int flags) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
    if (file || errno != ENOENT) return file ? Result<UniqueFd>(std::move(file)) : common::system_error("open " + path);
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return common::system_error("create " + directory);
    file = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
    if (!file) return common::system_error("open " + path);
    return file;
}

// The last bytes of a file, at most `limit`.
std::string end_of(int fd, std::size_t limit) {
    struct stat facts {};
    if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
    std::string text(std::min<std::size_t>(static_cast<std::size_t>(facts.st_size), limit), '\0');
    std::size_t done = 0;
    auto at = static_cast<off_t>(static_cast<std::size_t>(facts.st_size) - text.size());
    while (done < text.size()) {
        const ssize_t size = ::pread(fd, text.data() + done, text.size() - done, at + static_cast<off_t>(done));
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        done += static_cast<std::size_t>(size);
    }
    text.resize(done);
    return text;
}

}  // namespace

History::History(std::string path) : path_(std::move(path)) { read(); }

void History::read() {
    const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return;
    const std::string text = end_of(file.get(), 2 * file_size);
    bytes_ = text.size();
    is_torn_ = !text.empty() && text.back() != '\n';
    for (std::string_view rest = text; !rest.empty(); ++lines_) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (auto entry = entry_from(line)) keep(std::move(*entry));
    }
}

void History::keep(HistoryEntry entry) {
    if (entry.text.size() > text_size) entry.text.resize(text_size);
    if (entry.detail.size() > detail_size) entry.detail.erase(0, entry.detail.size() - detail_size);
    entries_.push_back(std::move(entry));
    if (entries_.size() > kept) entries_.pop_front();
    std::size_t details = 0;
    for (auto each = entries_.rbegin(); each != entries_.rend(); ++each)
        if (!each->detail.empty() && ++details > kept_details) each->detail.clear();
}

void History::add(HistoryEntry entry) {
    keep(std::move(entry));
    const std::string line = line_of(entries_.back());
    const bool is_full = is_torn_ || lines_ >= 2 * kept || bytes_ + line.size() > file_size;
    const Result<void> written = is_full ? rewrite() : append(line);
    problem_ = written ? "" : written.error().message();
}

Result<void> History::append(const std::string& line) {
    auto file = open_for_writing(path_, O_APPEND);
    if (!file) return file.error();
    // What a full disk cut off must not spoil the next line.
    is_torn_ = true;
    if (auto written = write_all(file->get(), line, path_); !written) return written;
    is_torn_ = false;
    ++lines_;
    bytes_ += line.size();
    return {};
}

Result<void> History::rewrite() {
    std::string text;
    for (const HistoryEntry& entry : entries_) text += line_of(entry);
    const std::string temporary = path_ + ".new";
    auto file = open_for_writing(temporary, O_TRUNC);
    if (!file) return file.error();
    if (auto written = write_all(file->get(), text, temporary); !written) {
        ::unlink(temporary.c_str());
        return written;
    }
    if (::rename(temporary.c_str(), path_.c_str()) != 0) return common::system_error("replace " + path_);
    lines_ = entries_.size();
    bytes_ = text.size();
    is_torn_ = false;
    return {};
}

void History::remove() noexcept {
    ::unlink(path_.c_str());
    ::unlink((path_ + ".new").c_str());
    ::rmdir(std::filesystem::path(path_).parent_path().c_str());  // fails while others have one, as it should
}

void remove_old_histories(const std::string& directory,
                          const std::function<bool(const std::string&)>& is_known) noexcept {
    std::error_code code;
    const auto now = std::filesystem::file_time_type::clock::now();
    for (std::filesystem::directory_iterator item(directory, code), end; !code && item != end; item.increment(code)) {
        if (is_known(item->path().stem().string())) continue;
        std::error_code ignored;
        const auto written = std::filesystem::last_write_time(item->path(), ignored);
        if (!ignored && now - written > forgotten_after) std::filesystem::remove(item->path(), ignored);
    }
}

}  // namespace emperor::fleet
