// SPDX-License-Identifier: Apache-2.0
#include "common/access/record.h"

#include <cstring>

namespace common::access {
namespace {

std::uint16_t read_size(std::string_view bytes, std::size_t offset) noexcept {
    std::uint16_t size = 0;
    std::memcpy(&size, bytes.data() + offset, sizeof size);
    return size;
}

}  // namespace

std::optional<Record> read_record(std::string_view bytes, std::size_t values) noexcept {
    if (bytes.size() < sizeof(RecordHead) || values > max_copied) return std::nullopt;
    Record record;
    std::memcpy(&record.head, bytes.data(), sizeof record.head);
    if (record.head.size != bytes.size() || record.head.kind != kind_record || record.head.value_count != values)
        return std::nullopt;
    const std::string_view sizes = bytes.substr(sizeof(RecordHead));
    if (sizes.size() < 2 * values) return std::nullopt;
    std::string_view rest = sizes.substr(2 * values);
    for (std::size_t i = 0; i < values; ++i) {
        const std::uint16_t coded = read_size(sizes, 2 * i);
        if (coded == absent_size) continue;
        const std::size_t size = coded & ~cut_bit;
        if (size > rest.size()) return std::nullopt;
        record.values[i] = {rest.substr(0, size), (coded & cut_bit) != 0, false};
        rest.remove_prefix(size);
    }
    if (record.head.fields_size > rest.size()) return std::nullopt;
    record.fields = rest.substr(0, record.head.fields_size);
    return record;
}

std::optional<AppFields::Entry> AppFields::next() noexcept {
    if (rest_.size() < 4) return std::nullopt;
    const std::size_t name = read_size(rest_, 0), value = read_size(rest_, 2);
    if (name == 0 || name + value > rest_.size() - 4) return std::nullopt;
    const Entry entry{rest_.substr(4, name), rest_.substr(4 + name, value)};
    rest_.remove_prefix(4 + name + value);
    return entry;
}

}  // namespace common::access
