// SPDX-License-Identifier: Apache-2.0
// The catalogue's part for the dashboard: rows with their revisions, and the series behind charts.
#include <ctime>
#include <utility>

#include "emperor/stats/catalogue.h"
#include "emperor/stats/rows.h"

namespace emperor::stats {

namespace {

// While nobody looks the past is kept coarser, at a third of the price.
constexpr unsigned idle_stride = 3;
constexpr std::chrono::seconds interest{60};

std::int64_t epoch_us() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

Document document(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

void Catalogue::record() {
    const bool is_watched = common::Clock::now() - asked_at_ < interest;
    if (++intervals_ % (is_watched ? 1 : idle_stride) != 0) return;
    processes_.begin_document();
    const std::int64_t now_us = rows_.recorded_us = epoch_us();
    for (const Look& look : look_at_all(samples())) state_of(look.view.name).series.add(look.facts, now_us);
}

void Catalogue::refresh_rows(const Samples& samples) {
    const std::uint64_t next = rows_.revision + 1;
    bool has_changed = false;
    std::vector<std::string> names;
    rows_.point_us = rows_.recorded_us;
    for (const Look& look : look_at_all(samples)) {
        State& state = state_of(look.view.name);
        std::string row = row_of(look.subject(), &state.series);
        if (row != state.row) {
            state.row = std::move(row);
            state.row_changed_at = next;
            has_changed = true;
        }
        names.push_back(look.view.name);
    }
    if (names != rows_.names) {
        rows_.names = std::move(names);
        rows_.names_changed_at = next;
        has_changed = true;
    }
    if (has_changed) rows_.revision = next;
}

Answer Catalogue::rows(std::uint64_t since) {
    asked_at_ = common::Clock::now();
    if (rows_.revision == 0) rows_.revision = first_revision_;
    if (asked_at_ - rows_.built_at >= freshness_) {
        processes_.begin_document();
        refresh_rows(samples());
        rows_.built_at = asked_at_;
        processes_.spend();
    }
    const bool is_known = since >= first_revision_ && since <= rows_.revision;
    const std::uint64_t from = is_known ? since : 0;
    std::vector<const std::string*> shown;
    for (const std::string& name : rows_.names) {
        const auto found = states_.find(name);
        if (found != states_.end() && found->second.row_changed_at > from) shown.push_back(&found->second.row);
    }
    const RowsHead head{rows_.revision, from, rows_.names_changed_at > from ? &rows_.names : nullptr, epoch_us(), rows_.point_us};
    return {.body = document(rows_document(head, shown, fleet_.self())), .revision = rows_.revision};
}

Answer Catalogue::series(const std::string& name) {
    if (!fleet_.glance(name)) return {};
    asked_at_ = common::Clock::now();
    const auto found = states_.find(name);
    return {.body = document(series_document(name, found == states_.end() ? nullptr : &found->second.series))};
}

Answer Catalogue::rates() {
    asked_at_ = common::Clock::now();
    std::vector<NamedSeries> all;
    for (const auto& [name, state] : states_) all.push_back({name, state.series});
    return {.body = document(rates_document(all))};
}

}  // namespace emperor::stats
