// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/source_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/unique_fd.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::Clock;

constexpr auto quiet = std::chrono::milliseconds(100);
constexpr auto most = std::chrono::seconds(1);
constexpr auto look_interval = std::chrono::seconds(1);
constexpr int looks = 60;
constexpr std::size_t max_changed = 64;  // the rest of a checkout changes nothing about what follows
constexpr std::uint32_t mask =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

common::WallTime written_at(const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return {};
    const auto since_epoch = std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
    return common::WallTime(std::chrono::duration_cast<common::WallTime::duration>(since_epoch));
}

}  // namespace

SourceWatch::SourceWatch(boost::asio::io_context& io, OnChange on_change)
    : on_change_(std::move(on_change)), inotify_(io), settle_timer_(io), lost_timer_(io) {}

common::Result<void> SourceWatch::open() {
    common::UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd) return common::system_error("inotify");
    inotify_.assign(fd.release());
    wait();
    return {};
}

common::Result<void> SourceWatch::add(std::span<const std::string> files, common::WallTime since) {
    common::Result<void> result;
    const auto add_one = [&](const std::string& file) {
        const std::size_t before = set_.files();
        if (const auto directory = set_.add(file)) {
            auto watched = watch(*directory);
            if (!watched && !std::exchange(has_said_failure_, true)) result = std::move(watched);
        }
        if (set_.files() > before && written_at(file) > since) changed(file);
    };
    for (const std::string& file : files) {
        add_one(file);
        // The file behind a link is edited where it lies.
        std::error_code error;
        const std::string real = std::filesystem::canonical(file, error).string();
        if (!error && real != file) add_one(real);
    }
    if (set_.is_full() && !std::exchange(has_said_full_, true))
        result = common::Result<void>(common::failure("more than " + std::to_string(SourceSet::max_files) + " files or " +
                                 std::to_string(SourceSet::max_directories) + " directories: the rest is not watched"));
    return result;
}

common::Result<void> SourceWatch::watch(const std::string& directory) {
    if (!inotify_.is_open()) return {};
    const int number = ::inotify_add_watch(inotify_.native_handle(), directory.c_str(), mask);
    if (number < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return {};  // a module of an archive, or gone by now
        return common::system_error("watch " + directory);
    }
    directories_[number].insert(directory);
    return {};
}

void SourceWatch::wait() {
    inotify_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](error_code error) {
        if (error) return;
        read_events();
        wait();
    });
}

void SourceWatch::read_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    for (int turns = 0; turns < 16; ++turns) {  // under a storm the rest is read in the loop's next turn
        const ssize_t size = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return;
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            on_event(event->wd, event->mask, event->len > 0 ? event->name : "");
            at += sizeof(inotify_event) + event->len;
        }
    }
}

void SourceWatch::on_event(int watch, std::uint32_t what, std::string_view name) {
    if ((what & IN_Q_OVERFLOW) != 0) return changed("(more files than inotify could tell)");
    const auto found = directories_.find(watch);
    if (found == directories_.end()) return;
    if ((what & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
        lost_.merge(found->second);
        directories_.erase(found);
        if ((what & IN_MOVE_SELF) != 0) ::inotify_rm_watch(inotify_.native_handle(), watch);  // it goes on elsewhere
        looks_left_ = looks;
        return look_for_lost();
    }
    for (const std::string& directory : found->second)
        if (set_.contains(directory, name)) return changed((directory == "/" ? "" : directory) + "/" + std::string(name));
}

void SourceWatch::look_for_lost() {
    for (auto each = lost_.begin(); each != lost_.end();) {
        std::error_code error;
        if (!std::filesystem::is_directory(*each, error)) {
            ++each;
            continue;
        }
        static_cast<void>(watch(*each));
        changed(*each);
        each = lost_.erase(each);
    }
    if (lost_.empty() || looks_left_-- <= 0) return static_cast<void>(lost_timer_.cancel());
    lost_timer_.expires_after(look_interval);
    lost_timer_.async_wait([this](error_code error) {
        if (!error) look_for_lost();
    });
}

void SourceWatch::changed(std::string path) {
    const common::TimePoint now = Clock::now();
    if (changed_.empty()) first_change_ = now;
    if (changed_.size() < max_changed) changed_.insert(std::move(path));
    settle_timer_.expires_at(std::min<common::TimePoint>(now + quiet, first_change_ + most));
    settle_timer_.async_wait([this](error_code error) {
        if (!error) tell();
    });
}

void SourceWatch::tell() {
    const std::set<std::string> paths = std::exchange(changed_, {});
    if (!paths.empty()) on_change_({paths.begin(), paths.end()});
}

}  // namespace vassal::master
