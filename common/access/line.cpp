// SPDX-License-Identifier: Apache-2.0
#include "common/access/line.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>

namespace common::access {
namespace {

constexpr std::string_view cut_mark = "[...]";
// What values and fields may take of a line once they are escaped. The rest of it is literals, keys, numbers and marks,
// and these are bounded by the format.
constexpr std::size_t max_escaped_size = 8000;
constexpr std::size_t max_field_names = 32;

// Numbers of time with their leading zeroes.
char* two_digits(char* to, int value) noexcept {
    to[0] = static_cast<char>('0' + value / 10 % 10);
    to[1] = static_cast<char>('0' + value % 10);
    return to + 2;
}

std::string_view path_of(std::string_view uri) noexcept {
    // The absolute form has a host in front (RFC 9112 3.2.2).
    if (!uri.starts_with('/')) {
        if (const std::size_t scheme = uri.find("://"); scheme != std::string_view::npos && scheme < 8) {
            const std::size_t path = uri.find('/', scheme + 3);
            uri = path == std::string_view::npos ? std::string_view("/") : uri.substr(path);
        }
    }
    return uri.substr(0, uri.find('?'));
}

std::string_view query_of(std::string_view uri) noexcept {
    const std::size_t mark = uri.find('?');
    return mark == std::string_view::npos ? std::string_view() : uri.substr(mark + 1);
}

// These stand between blanks in the usual formats; the others are put in quotes.
bool is_word(Field field) noexcept {
    return field != Field::referer && field != Field::user_agent && field != Field::header && field != Field::field;
}

}  // namespace

struct LineWriter::Line {
    char* at;
    std::size_t room = max_escaped_size;
    bool is_json;

    void put(std::string_view text) noexcept {
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    }
    void put(char c) noexcept { *at++ = c; }
    void number(std::uint64_t value) noexcept { at = std::to_chars(at, at + 20, value).ptr; }
    // 12.345
    void thousandths(std::uint64_t value) noexcept {
        number(value / 1000);
        put('.');
        put(static_cast<char>('0' + value / 100 % 10));
        at = two_digits(at, static_cast<int>(value % 100));
    }
    void escaped(std::string_view text, Escaping how, bool is_cut) noexcept {
        char* const end = write_escaped(at, room, text, how, is_cut);
        room -= static_cast<std::size_t>(end - at);
        at = end;
        if (is_cut) put(cut_mark);
    }
};

void LineWriter::write_text(Line& line, std::string_view text, bool is_word, bool is_cut) noexcept {
    if (line.is_json) {
        line.put('"');
        line.escaped(text, Escaping::json, is_cut);
        line.put('"');
    } else if (text.empty()) {
        line.put('-');
    } else {
        line.escaped(text, is_word ? Escaping::word : Escaping::text, is_cut);
    }
}

void LineWriter::write_value(Line& line, const Piece& piece, const Record& record) noexcept {
    const Value& value = record.values[piece.value];
    if (value.is_absent) return line.put(line.is_json ? "null" : "-");
    std::string_view text = value.text;
    if (piece.field == Field::path) text = path_of(text);
    if (piece.field == Field::query) text = query_of(text);
    const bool ends_here = text.data() + text.size() == value.text.data() + value.text.size();
    write_text(line, text, is_word(piece.field), value.is_cut && ends_here);
}

void LineWriter::write_time(Line& line, std::int64_t epoch_us, bool is_common) noexcept {
    epoch_us = std::clamp<std::int64_t>(epoch_us, 0, 253402300799'000'000);  // to the end of year 9999
    const std::int64_t second = epoch_us / 1'000'000;
    if (second != second_) {
        second_ = second;
        std::tm parts{};
        ::gmtime_r(&second_, &parts);
        iso_size_ = std::strftime(iso_, sizeof iso_, "%Y-%m-%dT%H:%M:%S", &parts);
        common_size_ = std::strftime(common_, sizeof common_, "%d/%b/%Y:%H:%M:%S +0000", &parts);
    }
    if (is_common) return line.put({common_, common_size_});
    line.put({iso_, iso_size_});
    const auto milliseconds = static_cast<int>(epoch_us / 1000 % 1000);
    line.put('.');
    line.put(static_cast<char>('0' + milliseconds / 100));
    line.at = two_digits(line.at, milliseconds % 100);
    line.put('Z');
}

// The last one of a name counts.
void LineWriter::write_field(Line& line, std::string_view name, std::string_view fields) noexcept {
    AppFields all(fields);
    std::optional<AppFields::Entry> found;
    while (const auto entry = all.next()) {
        if (entry->name == name) found = entry;
    }
    if (!found) return line.put(line.is_json ? "null" : "-");
    write_text(line, found->value, false);
}

void LineWriter::write_all_fields(Line& line, std::string_view fields) noexcept {
    std::array<AppFields::Entry, max_field_names> entries;
    std::size_t count = 0;
    AppFields all(fields);
    while (const auto entry = all.next()) {
        const auto end = entries.begin() + static_cast<std::ptrdiff_t>(count);
        const auto there = std::find_if(entries.begin(), end, [&](const auto& e) { return e.name == entry->name; });
        if (there != end)
            there->value = entry->value;
        else if (count < entries.size())
            entries[count++] = *entry;
    }
    line.put('{');
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) line.put(',');
        write_text(line, entries[i].name, false);
        line.put(':');
        write_text(line, entries[i].value, false);
    }
    line.put('}');
}

void LineWriter::write_piece(Line& line, const Piece& piece, const Record& record, const Origin& origin) noexcept {
    line.put(piece.key);
    switch (piece.field) {
        case Field::literal: return line.put(piece.text);
        case Field::worker: return line.number(origin.worker);
        case Field::thread: return line.number(origin.thread);
        case Field::vassal: return write_text(line, vassal_, true);
        case Field::generation: return line.number(generation_);
        case Field::pid: return line.number(static_cast<std::uint32_t>(std::max(record.head.pid, 0)));
        case Field::status: return line.number(record.head.status);
        case Field::bytes: return line.number(record.head.bytes);
        case Field::duration_ms: return line.thousandths(record.head.duration_us);
        case Field::duration_us: return line.number(record.head.duration_us);
        case Field::time:
        case Field::time_common: break;
        case Field::field: return write_field(line, piece.text, record.fields);
        case Field::fields: return write_all_fields(line, record.fields);
        case Field::remote_addr:
        case Field::user:
        case Field::method:
        case Field::uri:
        case Field::path:
        case Field::query:
        case Field::protocol:
        case Field::scheme:
        case Field::host:
        case Field::request_id:
        case Field::referer:
        case Field::user_agent:
        case Field::header: return write_value(line, piece, record);
    }
    if (line.is_json) line.put('"');
    const auto epoch =
        static_cast<std::uint64_t>(record.head.end_us) + static_cast<std::uint64_t>(origin.epoch_offset_us);
    write_time(line, static_cast<std::int64_t>(epoch), piece.field == Field::time_common);
    if (line.is_json) line.put('"');
}

char* LineWriter::write(char* to, const Record& record, const Origin& origin) noexcept {
    Line line{.at = to, .is_json = format_.style == Style::json};
    for (const Piece& piece : format_.pieces) write_piece(line, piece, record, origin);
    if (line.is_json) line.put('}');
    line.put('\n');
    return line.at;
}

}  // namespace common::access
