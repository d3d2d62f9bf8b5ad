// SPDX-License-Identifier: Apache-2.0
// Hot path. Bodies of fastcgi.h.
#include <algorithm>

#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/fastcgi_records.h"

namespace vassal::protocol {

using namespace fastcgi;

std::optional<WholeStdin> find_whole_stdin(std::string_view buffer, std::uint16_t id) noexcept {
    WholeStdin found;
    for (std::uint32_t at = 0; buffer.size() >= at + header_size;) {
        const Header header = read_header(buffer.data() + at);
        if (header.version != version || header.type != standard_in || header.id != id) break;
        if (buffer.size() < at + header.size()) break;
        const std::uint32_t begin = at + static_cast<std::uint32_t>(header_size);
        at += static_cast<std::uint32_t>(header.size());
        if (header.content == 0) {
            found.end = at;
            return found;
        }
        if (found.size != 0) break;  // a second piece: to be collected
        found.begin = begin;
        found.size = header.content;
    }
    return std::nullopt;
}

void StdinDecoder::begin_record() noexcept {
    const Header header = read_header(header_.data());
    if (header.version != version) {
        state_ = State::bad;
        return;
    }
    content_ = left_ = header.content;
    padding_ = header.padding;
    is_data_ = header.id == id_ && header.type == standard_in;
}

void StdinDecoder::end_record(TextBuffer& replies) {
    const Header header = read_header(header_.data());
    header_have_ = 0;
    if (is_data_) {
        if (content_ == 0) state_ = State::done;
    } else if (header.id == id_ && header.type == abort_request) {
        append_end(id_, request_complete, replies);
        state_ = State::aborted;
    } else if (header.id == id_ && (header.type == begin_request || header.type == variables)) {
        state_ = State::bad;
    } else {
        const std::size_t known = std::min<std::size_t>(content_, aside_.size());
        answer_aside(header, {aside_.data(), known}, connections_, replies);
    }
}

StdinDecoder::Step StdinDecoder::next(std::string_view input, TextBuffer& replies) {
    std::size_t used = 0;
    while (used < input.size() && !has_ended()) {
        const std::string_view rest = input.substr(used);
        std::string_view data;
        if (header_have_ < header_size) {
            const std::size_t count = std::min(rest.size(), header_size - header_have_);
            std::copy_n(rest.data(), count, header_.data() + header_have_);
            header_have_ += static_cast<std::uint32_t>(count);
            used += count;
            if (header_have_ < header_size) break;
            begin_record();
        } else if (left_ > 0) {
            const std::string_view piece = rest.substr(0, left_);
            const std::size_t at = content_ - left_;
            if (!is_data_ && at < aside_.size()) {
                std::copy_n(piece.data(), std::min(piece.size(), aside_.size() - at), aside_.data() + at);
            }
            left_ -= static_cast<std::uint32_t>(piece.size());
            used += piece.size();
            if (is_data_) data = piece;
        } else {
            const std::size_t count = std::min<std::size_t>(rest.size(), padding_);
            padding_ -= static_cast<std::uint32_t>(count);
            used += count;
        }
        if (left_ == 0 && padding_ == 0 && !has_ended()) end_record(replies);
        if (!data.empty()) return {used, data};
    }
    return {used, {}};
}

}  // namespace vassal::protocol
