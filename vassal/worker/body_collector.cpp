// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/body_collector.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace vassal::worker {
namespace {

// Not every filesystem knows O_TMPFILE; there the name lives for an instant.
common::UniqueFd open_temporary() {
    const char* const named = std::getenv("TMPDIR");
    const std::string directory = named != nullptr && *named != '\0' ? named : "/tmp";
    common::UniqueFd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
    std::string name = directory + "/emperor-body-XXXXXX";
    file.reset(::mkostemp(name.data(), O_CLOEXEC));
    if (file) ::unlink(name.c_str());
    return file;
}

}  // namespace

BodyCollector::BodyCollector(BodyDecoder decoder, std::uint64_t memory)
    : decoder_(std::move(decoder)), most_in_memory_(memory) {
    const std::uint64_t length = decoder_.length().value_or(0);
    if (length > memory) {
        open_file();
    } else {
        memory_.reserve(static_cast<std::size_t>(length));
    }
}

bool BodyCollector::open_file() {
    file_ = open_temporary();
    if (!file_) failure_ = 507;
    return failure_ == 0;
}

bool BodyCollector::write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            failure_ = 507;
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

void BodyCollector::store(std::string_view piece) {
    if (!file_ && memory_.size() + piece.size() > most_in_memory_) {
        if (!open_file() || !write_all({memory_.data(), memory_.size()})) return;
        memory_ = {};
    }
    if (file_) {
        write_all(piece);
    } else {
        memory_.insert(memory_.end(), piece.begin(), piece.end());
    }
}

std::size_t BodyCollector::feed(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && failure_ == 0 && !decoder_.has_ended()) {
        const auto step = decoder_.next(bytes.substr(used));
        used += step.consumed;
        if (!step.data.empty()) store(step.data);
    }
    return used;
}

app::Body BodyCollector::body() const noexcept {
    if (file_) return {.memory = {}, .file = file_.get(), .size = size()};
    return {.memory = {memory_.data(), memory_.size()}, .file = -1, .size = size()};
}

}  // namespace vassal::worker
