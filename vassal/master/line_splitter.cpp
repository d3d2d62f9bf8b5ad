// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/line_splitter.h"

#include "common/link/log_record.h"

namespace vassal::master {

using common::link::max_line_size;

void LineSplitter::feed(std::string_view bytes, const Sink& sink) {
    while (!bytes.empty()) {
        const std::size_t newline = bytes.find('\n');
        const std::size_t room = max_line_size - partial_.size();
        std::size_t take = std::min(newline, bytes.size());
        const bool is_split = take > room;
        const bool is_complete = is_split || newline != std::string_view::npos;
        if (is_split) take = room;
        std::string_view line = bytes.substr(0, take);
        bytes.remove_prefix(take + (is_complete && !is_split ? 1 : 0));
        if (!is_complete) {
            partial_.append(line);
            return;
        }
        if (!partial_.empty()) {
            partial_.append(line);
            line = partial_;
        }
        if (line.ends_with('\r') && !is_split) line.remove_suffix(1);
        sink(line);
        partial_.clear();
    }
}

void LineSplitter::flush(const Sink& sink) {
    if (partial_.empty()) return;
    sink(partial_);
    partial_.clear();
}

}  // namespace vassal::master
