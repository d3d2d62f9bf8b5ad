// SPDX-License-Identifier: Apache-2.0
// The page of `status --watch`: the apps in the order of one column, what their workers do now, and how often they were
// asked since the last look. Pure: answers of the control socket and keys in, lines of text out.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emperor/ctl/table.h"

namespace emperor::ctl {

using Json = nlohmann::ordered_json;

enum class Column { name, state, busy, queue, rate, age, memory, restarts, uptime };
[[nodiscard]] std::optional<Column> column_of(std::string_view word) noexcept;
[[nodiscard]] std::vector<std::string> column_names();

struct PageSize {
    std::size_t width = 80, height = 24;
};

class WatchPage {
public:
    explicit WatchPage(Column sort) : sort_(sort) {}

    // An answer to `status`, at this moment of the epoch.
    void take(Json answer, std::int64_t now_us);
    // Why there is none now; shown until the next answer.
    void fail(std::string reason) { problem_ = std::move(reason); }
    // What was typed. False: to leave.
    [[nodiscard]] bool type(std::string_view keys, const PageSize& size);

    // At most `size.height` lines, none wider than `size.width`, no newlines.
    [[nodiscard]] std::vector<std::string> lines(const PageSize& size, bool is_colored) const;
    // The whole table, for where there is no terminal.
    [[nodiscard]] std::string plain() const;

    [[nodiscard]] Column sort() const noexcept { return sort_; }
    [[nodiscard]] bool is_reversed() const noexcept { return is_reversed_; }

private:
    struct Row {
        Json app;
        double rate = 0;  // requests a second since the last answer
    };

    void arrange();
    void choose(Column column);
    [[nodiscard]] std::vector<std::string> table(const Style& style) const;
    [[nodiscard]] std::string heading() const;

    Column sort_;
    bool is_reversed_ = false;
    std::size_t first_ = 0;  // row at the top
    std::string problem_;
    std::vector<Row> rows_;
    std::map<std::string, std::int64_t> requests_;  // at the last answer
    std::int64_t answered_us_ = 0;
};

}  // namespace emperor::ctl
