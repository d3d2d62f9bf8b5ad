// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/watch_page.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <utility>

#include "common/base/natural_order.h"
#include "emperor/ctl/fields.h"
#include "emperor/ctl/render.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

struct ColumnRow {
    Column column;
    std::string_view name;
    char key;
    const char* header;
};

constexpr std::array columns = {ColumnRow{Column::name, "name", 'n', "APP"},
                                ColumnRow{Column::state, "state", 's', "STATE"},
                                ColumnRow{Column::busy, "busy", 'b', "BUSY"},
                                ColumnRow{Column::queue, "queue", 'w', "QUEUE"},
                                ColumnRow{Column::rate, "rate", 'r', "REQ/S"},
                                ColumnRow{Column::age, "age", 'a', "OLDEST"},
                                ColumnRow{Column::memory, "memory", 'm', "MEMORY"},
                                ColumnRow{Column::restarts, "restarts", 'c', "RESTARTS"},
                                ColumnRow{Column::uptime, "uptime", 'u', "UPTIME"}};

constexpr std::size_t wide = 110;          // from here on also memory, restarts, uptime
constexpr std::size_t longest_name = 24, longest_short_name = 16;  // short: where there is less room
constexpr std::size_t narrowest_coloured = 76;
constexpr std::size_t lines_around = 3;    // heading, table's header, keys

std::int64_t waiting_of(const Json& app) {
    std::int64_t waiting = 0;
    for (const Json& listener : part_at(app, "listeners")) waiting += number_at(listener, "queue");
    return waiting;
}

std::int64_t oldest_age_of(const Json& app) {
    std::int64_t age = 0;
    for (const Json& request : part_at(app, "in_flight")) age = std::max(age, number_at(request, "age_us"));
    return age;
}

// "GET /slow 12 s, GET /other 3 s +2"
std::string requests_of(const Json& app) {
    std::string text;
    const Json& requests = part_at(app, "in_flight");
    for (const Json& request : requests) {
        if (!text.empty()) text += ", ";
        text += harmless(text_at(request, "request")) + " " + span_text(std::chrono::microseconds(number_at(request, "age_us")));
    }
    const std::int64_t more = number_at(part_at(app, "workers"), "busy") - static_cast<std::int64_t>(requests.size());
    if (more > 0) text += " +" + std::to_string(more);
    return text;
}

Color color_of(const std::string& state) {
    if (state == "running") return Color::green;
    if (state == "stopped" || state == "sleeping") return Color::dim;
    if (state == "backoff" || state == "failed" || state == "invalid" || state == "rolled back") return Color::red;
    return Color::yellow;
}

std::string rate_text(double rate) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), rate < 10 ? "%.1f" : "%.0f", rate);
    return buffer.data();
}

}  // namespace

std::optional<Column> column_of(std::string_view word) noexcept {
    for (const ColumnRow& row : columns)
        if (row.name == word) return row.column;
    return std::nullopt;
}

std::vector<std::string> column_names() {
    std::vector<std::string> names;
    for (const ColumnRow& row : columns) names.emplace_back(row.name);
    return names;
}

void WatchPage::take(Json answer, std::int64_t now_us) {
    problem_.clear();
    const double seconds = static_cast<double>(now_us - answered_us_) / 1e6;
    std::map<std::string, std::int64_t> requests;
    rows_.clear();
    for (Json& app : answer["apps"]) {
        const std::string name = text_at(app, "name");
        const std::int64_t count = requests[name] = number_at(app, "requests");
        const auto before = requests_.find(name);
        const bool is_known = before != requests_.end() && seconds > 0 && count >= before->second;
        rows_.push_back({std::move(app), is_known ? static_cast<double>(count - before->second) / seconds : 0});
    }
    requests_ = std::move(requests);
    answered_us_ = now_us;
    arrange();
}

// Names upwards, everything else the largest first; equal ones by name.
void WatchPage::arrange() {
    const auto value = [this](const Row& row) -> double {
        switch (sort_) {
            case Column::name:
            case Column::state: return 0;
            case Column::busy: return static_cast<double>(number_at(part_at(row.app, "workers"), "busy"));
            case Column::queue: return static_cast<double>(waiting_of(row.app));
            case Column::rate: return row.rate;
            case Column::age: return static_cast<double>(oldest_age_of(row.app));
            case Column::memory: return static_cast<double>(number_at(row.app, "resident_memory"));
            case Column::restarts: return static_cast<double>(number_at(row.app, "restarts"));
            case Column::uptime: return static_cast<double>(answered_us_ - number_at(row.app, "started_us"));
        }
        return 0;
    };
    std::ranges::stable_sort(rows_, [&](const Row& a, const Row& b) {
        const Row& left = is_reversed_ ? b : a;
        const Row& right = is_reversed_ ? a : b;
        if (sort_ == Column::state && text_at(left.app, "state") != text_at(right.app, "state"))
            return text_at(left.app, "state") < text_at(right.app, "state");
        if (const double x = value(left), y = value(right); x != y) return x > y;
        if (sort_ == Column::name) return common::natural_less(text_at(left.app, "name"), text_at(right.app, "name"));
        return common::natural_less(text_at(a.app, "name"), text_at(b.app, "name"));
    });
    if (first_ >= rows_.size()) first_ = rows_.empty() ? 0 : rows_.size() - 1;
}

void WatchPage::choose(Column column) {
    sort_ = column;
    is_reversed_ = false;
    first_ = 0;
    arrange();
}

bool WatchPage::type(std::string_view keys, const PageSize& size) {
    const std::size_t page = size.height > lines_around + 1 ? size.height - lines_around : 1;
    const std::size_t last = rows_.size() > page ? rows_.size() - page : 0;
    const auto scroll = [&](std::ptrdiff_t by) {
        const std::ptrdiff_t to = static_cast<std::ptrdiff_t>(first_) + by;
        first_ = std::min(last, static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, to)));
    };
    const auto step = [&](std::size_t by) {
        const auto at = static_cast<std::size_t>(sort_);
        choose(columns[(at + by) % columns.size()].column);
    };
    const std::pair<std::string_view, std::ptrdiff_t> moves[] = {
        {"\x1b[A", -1}, {"\x1b[B", 1}, {"\x1bOA", -1}, {"\x1bOB", 1}, {"k", -1}, {"j", 1},
        {"\x1b[5~", -static_cast<std::ptrdiff_t>(page)}, {"\x1b[6~", static_cast<std::ptrdiff_t>(page)},
        {" ", static_cast<std::ptrdiff_t>(page)}};
    while (!keys.empty()) {
        const auto move = std::ranges::find_if(moves, [&](const auto& each) { return keys.starts_with(each.first); });
        const auto column = std::ranges::find(columns, keys.front(), &ColumnRow::key);
        std::size_t used = 1;
        if (move != std::end(moves)) {
            scroll(move->second);
            used = move->first.size();
        } else if (keys.starts_with("\x1b[C") || keys.starts_with("\x1b[D")) {
            step(keys[2] == 'C' ? 1 : columns.size() - 1);
            used = 3;
        } else if (keys.front() == '>' || keys.front() == '<') {
            step(keys.front() == '>' ? 1 : columns.size() - 1);
        } else if (keys.front() == 'R') {
            is_reversed_ = !is_reversed_;
            arrange();
        } else if (keys.front() == 'q' || keys.front() == '\x04') {
            return false;
        } else if (column != columns.end()) {
            choose(column->column);
        } else if (keys.front() == '\x1b' && keys.size() > 1) {
            used = keys.size();  // another escape sequence
        }
        keys.remove_prefix(used);
    }
    return true;
}

std::vector<std::string> WatchPage::table(const Style& style) const {
    const bool is_wide = style.width == 0 || style.width >= wide;
    std::vector<std::string> headers;
    for (const ColumnRow& row : columns) {
        if (!is_wide && row.column >= Column::memory) continue;
        headers.push_back(std::string(row.header) + (row.column == sort_ ? (is_reversed_ ? "^" : "v") : ""));
    }
    headers.emplace_back("NOW");
    Table table(std::move(headers));
    for (const Row& row : rows_) {
        const Json& workers = part_at(row.app, "workers");
        const std::int64_t busy = number_at(workers, "busy"), serving = number_at(workers, "serving");
        const std::int64_t queue = waiting_of(row.app), age = oldest_age_of(row.app), started = number_at(row.app, "started_us");
        const std::string state = text_at(row.app, "state"), note = note_of(row.app, answered_us_);
        const std::size_t most = style.width == 0 ? std::string::npos : is_wide ? longest_name : longest_short_name;
        std::vector<Cell> cells = {
            {cut(harmless(text_at(row.app, "name")), most), Color::none},
            {state, color_of(state)},
            {std::to_string(busy) + "/" + std::to_string(serving), busy > 0 && busy >= serving ? Color::yellow : Color::none},
            {std::to_string(queue), queue > 0 ? Color::yellow : Color::none},
            {rate_text(row.rate), Color::none},
            {age > 0 ? span_text(std::chrono::microseconds(age)) : "-", age >= 1'000'000 ? Color::yellow : Color::none}};
        if (is_wide) {
            cells.push_back({size_text(number_at(row.app, "resident_memory")), Color::none});
            cells.push_back({std::to_string(number_at(row.app, "restarts")), Color::none});
            cells.push_back({started > 0 ? span_text(std::chrono::microseconds(answered_us_ - started)) : "-", Color::none});
        }
        const std::string requests = requests_of(row.app);
        // What is cut is what stands last: the note is the same at every look.
        cells.push_back({requests + (note.empty() || requests.empty() ? "" : "; ") + note, Color::none});
        table.add(std::move(cells));
    }
    std::vector<std::string> lines;
    std::istringstream text(table.text(style));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

std::string WatchPage::heading() const {
    std::int64_t busy = 0, serving = 0, waiting = 0;
    double rate = 0;
    std::size_t running = 0;
    for (const Row& row : rows_) {
        busy += number_at(part_at(row.app, "workers"), "busy");
        serving += number_at(part_at(row.app, "workers"), "serving");
        waiting += waiting_of(row.app);
        rate += row.rate;
        running += text_at(row.app, "state") == "running" ? 1 : 0;
    }
    return time_text(answered_us_).substr(11, 8) + "  " + std::to_string(running) + "/" + std::to_string(rows_.size()) +
           " apps running, " + std::to_string(busy) + "/" + std::to_string(serving) + " busy, " + std::to_string(waiting) +
           " waiting, " + rate_text(rate) + " req/s";
}

std::vector<std::string> WatchPage::lines(const PageSize& size, bool is_colored) const {
    // A line with colours cannot be cut as a whole: where the columns alone do not fit, there are none.
    is_colored = is_colored && size.width >= narrowest_coloured;
    const Style style{.is_colored = is_colored, .width = size.width, .keeps_rows = true};
    std::vector<std::string> page;
    page.push_back(problem_.empty() ? paint(cut(heading(), size.width), Color::bold, is_colored)
                                    : paint(cut(harmless(problem_), size.width), Color::red, is_colored));
    const std::vector<std::string> all = table(style);
    if (!all.empty()) page.push_back(all.front());
    const std::size_t room = size.height > lines_around ? size.height - lines_around : 0;
    for (std::size_t at = 0; at < room && 1 + first_ + at < all.size(); ++at) page.push_back(all[1 + first_ + at]);
    std::string keys = "q quit  <> sort  R reverse  up/down scroll";
    if (rows_.size() > room)
        keys = std::to_string(first_ + 1) + "-" + std::to_string(std::min(rows_.size(), first_ + room)) + " of " +
               std::to_string(rows_.size()) + "  " + keys;
    if (page.size() < size.height) page.push_back(paint(cut(keys, size.width), Color::dim, is_colored));
    if (page.size() > size.height) page.resize(size.height);
    if (!is_colored)
        for (std::string& line : page) line = cut(line, size.width);
    return page;
}

std::string WatchPage::plain() const {
    std::string text = (problem_.empty() ? heading() : harmless(problem_)) + "\n";
    for (const std::string& line : table({})) text += line + "\n";
    return text;
}

}  // namespace emperor::ctl
