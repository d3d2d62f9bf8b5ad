// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/fastcgi_records.h"

#include <algorithm>
#include <charconv>

namespace vassal::protocol::fastcgi {
namespace {

std::uint32_t two_bytes(const char* p) noexcept {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(p[0])) << 8 | static_cast<unsigned char>(p[1]);
}

void write_header(char* out, Type type, std::uint16_t id, std::size_t size, std::size_t padding) noexcept {
    out[0] = static_cast<char>(version);
    out[1] = static_cast<char>(type);
    out[2] = static_cast<char>(id >> 8);
    out[3] = static_cast<char>(id);
    out[4] = static_cast<char>(size >> 8);
    out[5] = static_cast<char>(size);
    out[6] = static_cast<char>(padding);
    out[7] = 0;
}

void write_end(char* out, std::uint16_t id, ProtocolStatus status) noexcept {
    write_header(out, end_request, id, 8, 0);
    std::fill_n(out + header_size, 8, '\0');  // the application's status: success
    out[header_size + 4] = static_cast<char>(status);
}

void append_record(Type type, std::uint16_t id, std::string_view content, TextBuffer& out) {
    constexpr std::string_view zeros{"\0\0\0\0\0\0\0", 7};
    const std::size_t padding = padding_of(content.size());
    char header[header_size];
    write_header(header, type, id, content.size(), padding);
    out.append({header, sizeof header});
    out.append(content);
    out.append(zeros.substr(0, padding));
}

// What is known of FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS; unknown names get no answer. At most three pairs,
// however often a name is asked.
void append_values(std::string_view asked, std::uint32_t connections, TextBuffer& out) {
    char digits[10];
    const char* const last = std::to_chars(digits, digits + sizeof digits, connections).ptr;
    const std::string_view count(digits, static_cast<std::size_t>(last - digits));
    const std::array<std::pair<std::string_view, std::string_view>, 3> known{
        {{"FCGI_MAX_CONNS", count}, {"FCGI_MAX_REQS", count}, {"FCGI_MPXS_CONNS", "0"}}};
    std::array<bool, known.size()> is_asked{};
    const char* p = asked.data();
    const char* const end = p + asked.size();
    while (p != end) {
        std::size_t name_size = 0, value_size = 0;
        if (!read_pair_size(p, end, name_size) || !read_pair_size(p, end, value_size)) break;
        if (static_cast<std::size_t>(end - p) < name_size + value_size) break;
        for (std::size_t i = 0; i < known.size(); ++i) {
            if (known[i].first == std::string_view(p, name_size)) is_asked[i] = true;
        }
        p += name_size + value_size;
    }
    std::array<char, 96> content;
    char* to = content.data();
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (!is_asked[i]) continue;
        *to++ = static_cast<char>(known[i].first.size());
        *to++ = static_cast<char>(known[i].second.size());
        to = std::copy(known[i].first.begin(), known[i].first.end(), to);
        to = std::copy(known[i].second.begin(), known[i].second.end(), to);
    }
    append_record(get_values_result, 0, {content.data(), static_cast<std::size_t>(to - content.data())}, out);
}

}  // namespace

Header read_header(const char* bytes) noexcept {
    return {.version = static_cast<unsigned char>(bytes[0]),
            .type = static_cast<unsigned char>(bytes[1]),
            .id = static_cast<std::uint16_t>(two_bytes(bytes + 2)),
            .content = two_bytes(bytes + 4),
            .padding = static_cast<unsigned char>(bytes[6])};
}

bool read_pair_size(const char*& p, const char* end, std::size_t& size) noexcept {
    if (p == end) return false;
    size = static_cast<unsigned char>(*p);
    if (size < 0x80) {
        ++p;
        return true;
    }
    if (end - p < 4) return false;
    size = static_cast<std::size_t>(two_bytes(p) & 0x7fff) << 16 | two_bytes(p + 2);
    p += 4;
    return true;
}

void append_end(std::uint16_t id, ProtocolStatus status, TextBuffer& replies) {
    char record[2 * header_size];
    write_end(record, id, status);
    replies.append({record, sizeof record});
}

void answer_aside(const Header& header, std::string_view content, std::uint32_t connections, TextBuffer& replies) {
    if (header.type == get_values && header.id == 0) return append_values(content, connections, replies);
    if (header.type == begin_request && header.id != 0) return append_end(header.id, cant_multiplex, replies);
    // An answer to an answer would never end.
    if (header.type == unknown_type || header.type == get_values_result) return;
    if (header.type != 0 && header.type < unknown_type && header.id != 0) return;  // of a request that is over
    const char body[8] = {static_cast<char>(header.type)};
    append_record(unknown_type, 0, {body, sizeof body}, replies);
}

void write_stdout_header(char* out, std::uint16_t id, std::size_t size, std::size_t padding) noexcept {
    write_header(out, standard_out, id, size, padding);
}

std::array<char, end_size> end_of_request(std::uint16_t id) noexcept {
    std::array<char, end_size> records;
    write_header(records.data(), standard_out, id, 0, 0);
    write_end(records.data() + header_size, id, request_complete);
    return records;
}

std::array<char, header_size> break_of_request(std::uint16_t id) noexcept {
    std::array<char, header_size> record;
    write_header(record.data(), abort_request, id, 0, 0);
    return record;
}

void append_answer(std::uint16_t id, std::string_view text, TextBuffer& out) {
    for (; !text.empty(); text.remove_prefix(std::min(max_content, text.size()))) {
        append_record(standard_out, id, text.substr(0, max_content), out);
    }
    const auto end = end_of_request(id);
    out.append({end.data(), end.size()});
}

}  // namespace vassal::protocol::fastcgi
