// SPDX-License-Identifier: Apache-2.0
// Hot path. Responses in FastCGI's records. A record is open from its first byte to the next flush, or until it is
// full; its header is written when its size is known.
#include <algorithm>

#include "vassal/worker/response.h"

namespace vassal::worker {
namespace {

namespace fastcgi = protocol::fastcgi;

constexpr std::size_t parts_to_close = 2;  // padding, and the end of the request
constexpr std::string_view zeros{"\0\0\0\0\0\0\0", 7};

}  // namespace

void ResponseSink::begin_record() {
    if (record_count_ == record_headers_.size() || part_count_ + 2 + parts_to_close > parts_.size()) flush_parts(true);
    const auto& header = record_headers_[record_count_++];
    push_raw({header.data(), header.size()});
}

void ResponseSink::end_record() {
    const std::size_t padding = fastcgi::padding_of(record_size_);
    fastcgi::write_stdout_header(record_headers_[record_count_ - 1].data(), connection_->fastcgi.id, record_size_,
                                 padding);
    if (padding > 0) push_raw(zeros.substr(0, padding));
    record_size_ = 0;
}

void ResponseSink::push_framed(std::string_view part) {
    while (!part.empty()) {
        if (record_size_ > 0 && part_count_ + 1 + parts_to_close > parts_.size()) flush_parts(true);
        if (record_size_ == 0) begin_record();
        const std::string_view piece = part.substr(0, fastcgi::max_content - record_size_);
        push_raw(piece);
        record_size_ += piece.size();
        if (record_size_ == fastcgi::max_content) end_record();
        part.remove_prefix(piece.size());
    }
}

void ResponseSink::push_end_of_request() {
    if (record_size_ > 0) end_record();
    if (part_count_ == parts_.size()) flush_parts(true);
    if (is_incomplete_) {
        std::ranges::copy(fastcgi::break_of_request(connection_->fastcgi.id), end_of_request_.begin());
        return push_raw({end_of_request_.data(), fastcgi::header_size});
    }
    end_of_request_ = fastcgi::end_of_request(connection_->fastcgi.id);
    push_raw({end_of_request_.data(), end_of_request_.size()});
}

// No sendfile of the whole: each record has its header. The connection's Output makes them as the client takes them.
void ResponseSink::finish_framed_file(int fd, std::uint64_t offset, std::uint64_t count) {
    if (count == 0) {
        push_end_of_request();
        return flush_parts(false);
    }
    flush_parts(true);
    if (is_gone_) return;
    if (!connection_->output.append_framed_file(fd, offset, count, connection_->fastcgi.id, !is_incomplete_)) {
        is_incomplete_ = true;
        push_end_of_request();
        return flush_parts(false);
    }
    flush_output();
}

}  // namespace vassal::worker
