// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/body_collector.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

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

BodyCollector::BodyCollector(Framing framing, std::uint64_t length, const Limits& limits,
                             std::optional<protocol::StdinDecoder> records)
    : limits_(limits), length_(length), chunks_(limits.trailer), records_(records), framing_(framing) {
    if (framing == Framing::chunked) return;
    if (length > limits.memory) {
        open_file();
    } else {
        memory_.reserve(static_cast<std::size_t>(length));
    }
    is_complete_ = framing == Framing::length && length == 0;
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
    if (piece.empty() || failure_ != 0) return;
    if (piece.size() > limits_.body || size_ > limits_.body - piece.size()) {
        failure_ = 413;
        return;
    }
    if (!file_ && size_ + piece.size() > limits_.memory) {
        if (!open_file() || !write_all({memory_.data(), memory_.size()})) return;
        memory_ = {};
    }
    if (file_) {
        if (!write_all(piece)) return;
    } else {
        memory_.insert(memory_.end(), piece.begin(), piece.end());
    }
    size_ += piece.size();
}

std::size_t BodyCollector::feed(std::string_view bytes) {
    switch (framing_) {
        case Framing::chunked: return feed_chunks(bytes);
        case Framing::records:
        case Framing::open_records: return feed_records(bytes);
        case Framing::length: break;
    }
    const std::size_t count = std::min<std::uint64_t>(bytes.size(), length_ - size_);
    store(bytes.substr(0, count));
    is_complete_ = size_ == length_;
    return count;
}

std::size_t BodyCollector::feed_chunks(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && failure_ == 0 && !chunks_.is_done()) {
        const auto step = chunks_.next(bytes.substr(used));
        used += step.consumed;
        store(step.data);
        if (chunks_.is_bad()) failure_ = chunks_.failure();
    }
    is_complete_ = chunks_.is_done();
    return used;
}

// The stream must be as long as CONTENT_LENGTH says: a part of a request must not pass for the whole.
std::size_t BodyCollector::feed_records(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && failure_ == 0 && !records_->has_ended()) {
        const auto step = records_->next(bytes.substr(used), replies_);
        used += step.consumed;
        if (records_->is_bad() || (framing_ == Framing::records && step.data.size() > length_ - size_)) {
            failure_ = 400;
        } else {
            store(step.data);
        }
    }
    is_complete_ = records_->is_done();
    if (is_complete_ && framing_ == Framing::records && size_ < length_ && failure_ == 0) failure_ = 400;
    return used;
}

app::Body BodyCollector::body() const noexcept {
    if (file_) return {.memory = {}, .file = file_.get(), .size = size_};
    return {.memory = {memory_.data(), memory_.size()}, .file = -1, .size = size_};
}

}  // namespace vassal::worker
