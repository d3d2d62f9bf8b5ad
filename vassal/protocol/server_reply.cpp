// SPDX-License-Identifier: Apache-2.0
// Date and status pages of response_head.h.
#include <algorithm>
#include <array>
#include <ctime>

#include "vassal/protocol/response_head.h"

namespace vassal::protocol {
namespace {

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char* put(char* out, std::string_view text) noexcept { return std::copy(text.begin(), text.end(), out); }

char* put_two(char* out, int number) noexcept {
    *out++ = static_cast<char>('0' + number / 10 % 10);
    *out++ = static_cast<char>('0' + number % 10);
    return out;
}

}  // namespace

std::string_view HttpDate::at(std::int64_t epoch_seconds) noexcept {
    constexpr std::size_t size = 29;
    if (epoch_seconds == second_) return {text_, size};
    std::tm tm{};
    const std::time_t time = epoch_seconds;
    ::gmtime_r(&time, &tm);
    char* out = put(text_, days[static_cast<std::size_t>(tm.tm_wday)]);
    out = put(out, ", ");
    out = put_two(out, tm.tm_mday);
    *out++ = ' ';
    out = put(out, months[static_cast<std::size_t>(tm.tm_mon)]);
    *out++ = ' ';
    out = put_two(out, (tm.tm_year + 1900) / 100);
    out = put_two(out, (tm.tm_year + 1900) % 100);
    *out++ = ' ';
    out = put_two(out, tm.tm_hour);
    *out++ = ':';
    out = put_two(out, tm.tm_min);
    *out++ = ':';
    out = put_two(out, tm.tm_sec);
    put(out, " GMT");
    second_ = epoch_seconds;
    return {text_, size};
}

std::string_view reason_phrase(int status) noexcept {
    switch (status) {
        case 400: return "Bad Request";
        case 408: return "Request Timeout";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 417: return "Expectation Failed";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        case 507: return "Insufficient Storage";
        default: return "Error";
    }
}

// "400 ", the reason, a newline.
std::size_t status_reply_body_size(int status) noexcept { return reason_phrase(status).size() + 5; }

void write_status_reply(int status, const ResponseContext& context, TextBuffer& out, std::string_view more_fields) {
    const std::string_view reason = reason_phrase(status);
    out.clear();
    out.append(context.is_cgi ? "Status: " : "HTTP/1.1 ");
    out.append_number(static_cast<std::uint64_t>(status));
    out.append(" ");
    out.append(reason);
    out.append("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    out.append_number(status_reply_body_size(status));
    if (context.is_http) {
        if (!context.date.empty()) {
            out.append("\r\nDate: ");
            out.append(context.date);
        }
        out.append("\r\nServer: emperor\r\nConnection: close");
    }
    out.append("\r\n");
    out.append(more_fields);
    out.append("\r\n");
    if (context.is_head) return;
    out.append_number(static_cast<std::uint64_t>(status));
    out.append(" ");
    out.append(reason);
    out.append("\n");
}

}  // namespace vassal::protocol
