// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/access_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace vassal::worker {
namespace {

namespace access = common::access;
using protocol::Known;
using Source = access::Copied::Source;

std::uint64_t size_bit(std::size_t size) noexcept { return 1ull << std::min<std::size_t>(size, 63); }

std::string_view host_of(const protocol::Head& head) noexcept {
    const app::Param* const host = head.params.find(Known::http_host);
    return host != nullptr ? host->value : head.params.value(Known::server_name);
}

}  // namespace

AccessWriter::AccessWriter(const access::Format& format, const access::RingView& ring, const link::Activity* activity)
    : copied_(format.copied),
      ring_(ring),
      activity_(activity),
      pid_(::getpid()),
      is_on_(true),
      wants_fields_(format.wants_fields) {
    for (std::size_t i = 0; i < copied_.size(); ++i) {
        if (copied_[i].source != Source::variable) continue;
        variables_.push_back({copied_[i].variable, i});
        variable_sizes_ |= size_bit(copied_[i].variable.size());
    }
}

// One pass over the parameters; most are told apart by their size.
void AccessWriter::gather_variables(std::span<const app::Param> params) noexcept {
    if (variables_.empty()) return;
    for (const Variable& variable : variables_) values_[variable.value] = {};
    for (const app::Param& param : params) {
        if ((variable_sizes_ & size_bit(param.key.size())) == 0) continue;
        for (const Variable& variable : variables_) {
            if (variable.key == param.key) values_[variable.value] = param.value;
        }
    }
}

void AccessWriter::gather(const Answered& answered) noexcept {
    const protocol::Head& head = *answered.head;
    for (std::size_t i = 0; i < copied_.size(); ++i) {
        switch (copied_[i].source) {
            case Source::remote_addr: values_[i] = head.params.value(Known::remote_addr); break;
            case Source::method: values_[i] = head.method; break;
            case Source::uri: values_[i] = head.uri; break;
            case Source::protocol: values_[i] = head.params.value(Known::server_protocol); break;
            case Source::scheme: values_[i] = head.url_scheme; break;
            case Source::host: values_[i] = host_of(head); break;
            case Source::request_id: values_[i] = answered.request_id; break;
            case Source::variable: break;
        }
    }
    gather_variables(head.params.all());
}

// "GET /x HTTP/9.9": taken apart without believing it.
void AccessWriter::gather_first_line(const Answered& answered) noexcept {
    const std::string_view line = answered.first_line;
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    const bool has_uri = first != std::string_view::npos;
    const bool has_protocol = has_uri && last > first;
    for (std::size_t i = 0; i < copied_.size(); ++i) {
        values_[i] = {};  // the former request's
        switch (copied_[i].source) {
            case Source::remote_addr: values_[i] = answered.peer; break;
            case Source::method: values_[i] = line.substr(0, first); break;
            case Source::uri:
                if (has_uri) values_[i] = line.substr(first + 1, has_protocol ? last - first - 1 : line.npos);
                break;
            case Source::protocol:
                if (has_protocol) values_[i] = line.substr(last + 1);
                break;
            case Source::request_id: values_[i] = answered.request_id; break;
            case Source::scheme:
            case Source::host:
            case Source::variable: break;
        }
    }
}

// The sizes, then the values; returns the end.
char* AccessWriter::write_values(char* record) const noexcept {
    char* sizes = record + sizeof(access::RecordHead);
    char* to = sizes + copied_.size() * sizeof(std::uint16_t);
    std::size_t left = access::max_values_size;
    for (std::size_t i = 0; i < copied_.size(); ++i) {
        const std::string_view value = values_[i];
        auto coded = static_cast<std::uint16_t>(value.size());
        if (value.size() > copied_[i].most || value.size() > left) {
            const std::size_t fits = std::min(copied_[i].most, left);
            coded = static_cast<std::uint16_t>(fits | access::cut_bit);
            std::memcpy(to, value.data(), fits);
            to += fits;
            left -= fits;
        } else if (value.data() == nullptr) {
            coded = access::absent_size;
        } else {
            std::memcpy(to, value.data(), value.size());
            to += value.size();
            left -= value.size();
        }
        std::memcpy(sizes + i * sizeof coded, &coded, sizeof coded);
    }
    return to;
}

void AccessWriter::write(const Answered& answered) noexcept {
    if (char* const record = ring_.reserve(access::max_record_size); record != nullptr) {
        answered.head != nullptr ? gather(answered) : gather_first_line(answered);
        char* to = write_values(record);
        const std::string_view fields = answered.fields.substr(0, access::max_fields_size);
        if (!fields.empty()) to = std::copy(fields.begin(), fields.end(), to);
        const auto used = static_cast<std::size_t>(to - record);
        const std::size_t size = (used + access::record_alignment - 1) & ~(access::record_alignment - 1);
        const access::RecordHead head{
            .size = static_cast<std::uint32_t>(size),
            .kind = access::kind_record,
            .end_us = answered.ended_us,
            .bytes = answered.bytes,
            .duration_us = static_cast<std::uint64_t>(std::max<std::int64_t>(answered.ended_us - answered.began_us, 0)),
            .pid = pid_,
            .status = static_cast<std::uint16_t>(answered.status),
            .value_count = static_cast<std::uint16_t>(copied_.size()),
            .fields_size = static_cast<std::uint16_t>(fields.size())};
        std::memcpy(record, &head, sizeof head);
        if (ring_.publish(size) && activity_ != nullptr) activity_->hurry();
    }
    if (activity_ != nullptr) activity_->note();
}

}  // namespace vassal::worker
