// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/http_date.h"

#include <array>
#include <ctime>

namespace vassal::files {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Reads from the front of a text; after the first mismatch everything fails.
class Cursor {
public:
    explicit Cursor(std::string_view text) noexcept : rest_(text) {}

    void expect(std::string_view literal) noexcept {
        is_good_ = is_good_ && rest_.starts_with(literal);
        if (is_good_) rest_.remove_prefix(literal.size());
    }
    // A number of exactly `digits` digits; the first may be a space where `is_padded`.
    [[nodiscard]] int number(int digits, bool is_padded = false) noexcept {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            if (rest_.empty()) is_good_ = false;
            if (!is_good_) return 0;
            const char c = rest_.front();
            const bool is_space = is_padded && i == 0 && c == ' ';
            is_good_ = is_space || (c >= '0' && c <= '9');
            if (!is_space) value = value * 10 + (c - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    [[nodiscard]] int month() noexcept {
        for (std::size_t i = 0; i < months.size(); ++i) {
            if (!rest_.starts_with(months[i])) continue;
            rest_.remove_prefix(3);
            return static_cast<int>(i);
        }
        is_good_ = false;
        return 0;
    }
    void time(std::tm& tm) noexcept {
        tm.tm_hour = number(2);
        expect(":");
        tm.tm_min = number(2);
        expect(":");
        tm.tm_sec = number(2);
    }
    [[nodiscard]] bool is_at_end() const noexcept { return is_good_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool is_good_ = true;
};

std::optional<std::int64_t> seconds_of(std::tm& tm) noexcept {
    if (tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) return std::nullopt;
    return ::timegm(&tm);
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept {
    std::tm tm{};
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) {  // "Sun Nov  6 08:49:37 1994"
        if (text.size() < 4) return std::nullopt;
        Cursor cursor(text.substr(3));
        cursor.expect(" ");
        tm.tm_mon = cursor.month();
        cursor.expect(" ");
        tm.tm_mday = cursor.number(2, true);
        cursor.expect(" ");
        cursor.time(tm);
        cursor.expect(" ");
        tm.tm_year = cursor.number(4) - 1900;
        return cursor.is_at_end() ? seconds_of(tm) : std::nullopt;
    }
    Cursor cursor(text.substr(comma + 1));
    cursor.expect(" ");
    tm.tm_mday = cursor.number(2);
    const bool is_old = comma > 3;  // "Sunday, 06-Nov-94 08:49:37 GMT"; else "Sun, 06 Nov 1994 08:49:37 GMT"
    cursor.expect(is_old ? "-" : " ");
    tm.tm_mon = cursor.month();
    cursor.expect(is_old ? "-" : " ");
    tm.tm_year = cursor.number(is_old ? 2 : 4);
    if (!is_old) tm.tm_year -= 1900;
    if (is_old && tm.tm_year < 70) tm.tm_year += 100;
    cursor.expect(" ");
    cursor.time(tm);
    cursor.expect(" GMT");
    return cursor.is_at_end() ? seconds_of(tm) : std::nullopt;
}

}  // namespace vassal::files
