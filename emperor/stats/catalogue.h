// SPDX-License-Identifier: Apache-2.0
// Answers what a stats socket is asked: collects views, the scoreboards' figures and the kernel's, and keeps each
// rendered document for a moment, so that many readers cost as much as one. Owned by the stats server, in the event
// loop.
//
// Revisions: each fleet document has a number that grows when anything in it but pss and the age of samples changed, and each
// vassal remembers the number at which it changed last. They begin with the milliseconds of the emperor's start, so
// that a number of a former emperor is known to be none of ours. A reader that has revision R asks for ?since=R and
// gets the vassals that changed, with the names of all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/documents.h"
#include "emperor/stats/http.h"
#include "emperor/stats/process_samples.h"
#include "emperor/stats/series.h"
#include "emperor/stats/sock_diag.h"
#include "emperor/stats/vassal_track.h"

namespace emperor::stats {

using Document = std::shared_ptr<const std::string>;  // shared between the cache and the clients that are writing it

struct Answer {
    Document body;  // null: there is none
    std::string_view type = "application/json";
    std::uint64_t revision = 0;  // of the fleet document
};

class Catalogue {
public:
    Catalogue(fleet::FleetApi& fleet, std::chrono::milliseconds freshness);

    // `scope`: the vassal whose socket it is; empty: the fleet's.
    [[nodiscard]] Answer answer(const std::string& scope, const Target& target);

    // The line of agent_line.h for the app of this name; "": for the only one.
    [[nodiscard]] std::string agent_answer(std::string_view name);
    // The dashboard's table (rows.h): the rows that changed since revision `since`; all where that is unknown or 0.
    [[nodiscard]] Answer rows(std::uint64_t since);
    // The charts of one vassal (series.h), and the request rates of all; empty but for record().
    [[nodiscard]] Answer series(const std::string& name);
    [[nodiscard]] Answer rates();
    // Every LatencyHistory::interval, after tick(), where a dashboard is served: one more point of each vassal.
    void record();

    // Every LatencyHistory::interval, for each vassal: windows move on.
    void tick(const std::string& name, const common::scoreboard::Board& board);
    // Now and then: costly samples, only while somebody reads.
    void sample();
    // Only these vassals are left.
    void keep(const std::vector<std::string>& names);

private:
    struct Cached {
        common::TimePoint build_next{};
        Answer answer;
    };
    struct State {
        VassalTrack track;
        std::int64_t first_worker_id = 0;
        Member member;
        std::uint64_t changed_at = 0;  // revision
        Series series;
        std::string row;
        std::uint64_t row_changed_at = 0;  // revision of the rows
    };
    // Of the dashboard's table as it was built last.
    struct Rows {
        common::TimePoint built_at{};
        std::uint64_t revision = 0, names_changed_at = 0;
        std::int64_t recorded_us = 0, point_us = 0;  // of record(): at all, and as the rows have it
        std::vector<std::string> names;
    };
    // One vassal as it is in this turn of the event loop.
    struct Look {
        fleet::VassalView view;
        std::vector<ListenQueue> queues;
        VassalFacts facts;
        [[nodiscard]] Subject subject() const { return {view, facts, queues}; }
    };

    [[nodiscard]] State& state_of(const std::string& name);
    [[nodiscard]] std::optional<Look> look_at(const std::string& name, const Samples& samples);
    [[nodiscard]] std::vector<Look> look_at_all(const Samples& samples);
    [[nodiscard]] common::TimePoint next_build(common::TimePoint begun, common::TimePoint done) const;
    [[nodiscard]] Answer build(const std::string& vassal, bool is_metrics, Detail detail);
    [[nodiscard]] Answer build_fleet(const Samples& samples, Detail detail);
    void refresh(const std::vector<Look>& looks, const Samples& samples);
    void refresh_rows(const Samples& samples);
    [[nodiscard]] Document fleet_text(const Samples& samples, std::uint64_t since) const;
    [[nodiscard]] Samples samples();

    fleet::FleetApi& fleet_;
    const std::chrono::milliseconds freshness_;
    const std::int64_t started_us_;  // the emperor
    std::map<std::string, State> states_;
    std::map<std::string, std::int64_t> ordinals_;
    std::map<std::string, Cached> cache_;  // by vassal, kind and detail
    std::unique_ptr<VassalTrack::Scratch> scratch_ = std::make_unique<VassalTrack::Scratch>();
    ProcessSamples processes_;
    QueueProbe queues_;
    std::uint64_t first_revision_, revision_;
    std::vector<std::string> members_;  // of the fleet document, at `revision_`
    std::int64_t waiting_ = 0;          // in all listen queues, then
    common::TimePoint asked_at_{};
    Rows rows_;
    unsigned intervals_ = 0;  // of record()
};

}  // namespace emperor::stats
