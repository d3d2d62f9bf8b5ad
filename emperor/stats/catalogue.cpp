// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/catalogue.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <utility>

#include "emperor/stats/agent_line.h"
#include "emperor/stats/metrics.h"

namespace emperor::stats {

namespace {

constexpr std::chrono::seconds interest{60};  // a reader may come once a minute

std::int64_t now_of(clockid_t clock) noexcept {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

std::int64_t modified_at(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mtim.tv_sec : 0;
}

Document document(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

Catalogue::Catalogue(fleet::FleetApi& fleet, std::chrono::milliseconds freshness)
    : fleet_(fleet),
      freshness_(freshness),
      started_us_(fleet.self().started_us),
      first_revision_(static_cast<std::uint64_t>(now_of(CLOCK_REALTIME) / 1000)),
      revision_(first_revision_) {}

// On a vassal's socket its own; on the fleet's also "/vassals/NAME" and "?vassal=NAME".
Answer Catalogue::answer(const std::string& scope, const Target& target) {
    std::string vassal = scope;
    constexpr std::string_view prefix = "/vassals/";
    const bool is_metrics = target.path == "/metrics";
    if (scope.empty() && target.path.starts_with(prefix)) {
        vassal = target.path.substr(prefix.size());
        if (vassal.empty()) return {};
    } else if (target.path != "/" && target.path != "/stats" && !is_metrics) {
        return {};
    }
    if (!target.vassal.empty()) {
        if (!vassal.empty() && vassal != target.vassal) return {};
        vassal = target.vassal;
    }
    asked_at_ = common::Clock::now();
    const Detail detail = target.is_per_worker ? Detail::per_worker : Detail::plain;
    const std::string key = vassal + (is_metrics ? "/metrics" : "/") + (target.is_per_worker ? "+" : "");
    Cached& cached = cache_[key];
    if (!cached.answer.body || asked_at_ >= cached.build_next) {
        cached.answer = build(vassal, is_metrics, detail);
        cached.build_next = next_build(asked_at_, common::Clock::now());
        processes_.spend();
    }
    if (!cached.answer.body) {
        cache_.erase(key);
        return {};
    }
    const bool is_delta = cached.answer.revision != 0 && target.since >= first_revision_ && target.since <= revision_;
    if (!is_delta) return cached.answer;
    return {.body = fleet_text(samples(), target.since), .revision = revision_};
}

// Whoever asks without a pause gets a tenth of our time, however large the fleet is.
common::TimePoint Catalogue::next_build(common::TimePoint begun, common::TimePoint done) const {
    if (freshness_ == freshness_.zero()) return begun;
    return std::max(begun + freshness_, done + 9 * (done - begun));
}

Answer Catalogue::build(const std::string& vassal, bool is_metrics, Detail detail) {
    processes_.begin_document();
    const Samples samples = this->samples();
    if (vassal.empty() && !is_metrics) return build_fleet(samples, detail);
    std::vector<Look> looks;
    if (vassal.empty()) {
        looks = look_at_all(samples);
    } else if (std::optional<Look> look = look_at(vassal, samples)) {
        looks.push_back(std::move(*look));
    } else {
        return {};
    }
    if (!is_metrics)
        return {.body = document(vassal_document(looks.front().subject(), fleet_.self(), samples, detail))};
    std::vector<Subject> subjects;
    subjects.reserve(looks.size());
    for (const Look& look : looks) subjects.push_back(look.subject());
    return {.body = document(metrics_of(subjects, fleet_.self(), samples, detail)), .type = metrics_type};
}

Answer Catalogue::build_fleet(const Samples& samples, Detail detail) {
    const std::vector<Look> looks = look_at_all(samples);
    if (detail == Detail::plain) {
        refresh(looks, samples);
        return {.body = fleet_text(samples, 0), .revision = revision_};
    }
    std::vector<Member> members;
    std::vector<const Member*> all;
    std::int64_t waiting = 0;
    members.reserve(looks.size());
    for (const Look& look : looks) {
        members.push_back(member_of(look.subject(), state_of(look.view.name).first_worker_id, samples, detail));
        all.push_back(&members.back());
        waiting += look.facts.waiting;
    }
    return {.body = document(fleet_document(all, waiting, {revision_, 0, {}}, fleet_.self(), samples))};
}

void Catalogue::refresh(const std::vector<Look>& looks, const Samples& samples) {
    const std::uint64_t next = revision_ + 1;
    std::vector<std::string> names;
    names.reserve(looks.size());
    bool has_changed = false;
    waiting_ = 0;
    for (const Look& look : looks) {
        State& state = state_of(look.view.name);
        Member member = member_of(look.subject(), state.first_worker_id, samples, Detail::plain);
        if (state.changed_at == 0 || member.hash != state.member.hash) {
            state.changed_at = next;
            has_changed = true;
        }
        state.member = std::move(member);
        names.push_back(look.view.name);
        waiting_ += look.facts.waiting;
    }
    if (has_changed || names != members_) revision_ = next;
    members_ = std::move(names);
}

Document Catalogue::fleet_text(const Samples& samples, std::uint64_t since) const {
    std::vector<const Member*> shown;
    shown.reserve(members_.size());
    for (const std::string& name : members_) {
        const auto found = states_.find(name);
        if (found != states_.end() && found->second.changed_at > since) shown.push_back(&found->second.member);
    }
    return document(fleet_document(shown, waiting_,
                                   {revision_, since, since != 0 ? members_ : std::vector<std::string>{}},
                                   fleet_.self(), samples));
}

Catalogue::State& Catalogue::state_of(const std::string& name) {
    const auto [found, is_new] = states_.try_emplace(name);
    if (is_new) {
        // A name keeps its block of ids for as long as the emperor runs, so that time series of workers do not move.
        const auto next = static_cast<std::int64_t>(ordinals_.size());
        found->second.first_worker_id =
            ordinals_.try_emplace(name, next).first->second * common::scoreboard::max_workers;
    }
    return found->second;
}

std::optional<Catalogue::Look> Catalogue::look_at(const std::string& name, const Samples& samples) {
    std::optional<fleet::VassalView> view = fleet_.glance(name);
    if (!view) return std::nullopt;
    Look look{.view = std::move(*view), .queues = {}, .facts = {}};
    look.queues = queues_of(look.view, samples);
    VassalTrack& track = state_of(name).track;
    if (look.view.board != nullptr) track.meet(*look.view.board, started_us_);
    look.facts = track.look(look.view, waiting_in(look.queues), samples.monotonic_us, common::Clock::now(), processes_,
                            *scratch_);
    return look;
}

std::vector<Catalogue::Look> Catalogue::look_at_all(const Samples& samples) {
    const std::vector<std::string> names = fleet_.names();
    std::vector<Look> looks;
    looks.reserve(names.size());
    for (const std::string& name : names)
        if (std::optional<Look> look = look_at(name, samples)) looks.push_back(std::move(*look));
    return looks;
}

std::string Catalogue::agent_answer(std::string_view name) {
    if (name.empty()) {
        const std::vector<std::string> names = fleet_.names();
        if (names.size() != 1) return agent_down("send the name of an app: agent-send \"NAME\\n\"");
        return agent_answer(names.front());
    }
    const std::optional<fleet::VassalView> view = fleet_.glance(name);
    const bool is_shutting_down = fleet_.self().is_shutting_down;
    if (!view && is_shutting_down) return agent_line({.is_shutting_down = true});
    if (!view) return agent_down("no such app: " + std::string(name));
    std::int64_t waiting = 0;
    for (const int fd : view->listener_fds) waiting += queues_.read(fd).length;
    VassalTrack& track = state_of(view->name).track;
    if (view->board != nullptr) track.meet(*view->board, started_us_);
    return agent_line({.state = view->status.state,
                       .reason = view->status.reason,
                       .is_serving = is_serving(*view),
                       .is_asleep = view->status.is_asleep,
                       .is_shutting_down = is_shutting_down,
                       .weight = track.weigh(*view, waiting, now_of(CLOCK_MONOTONIC), common::Clock::now(), *scratch_)});
}

void Catalogue::tick(const std::string& name, const common::scoreboard::Board& board) {
    VassalTrack& track = state_of(name).track;
    track.meet(board, started_us_);
    track.tick(board, *scratch_);
}

void Catalogue::sample() {
    if (common::Clock::now() - asked_at_ < interest) processes_.spend();
}

void Catalogue::keep(const std::vector<std::string>& names) {
    const auto is_gone = [&](const std::string& name) { return !std::binary_search(names.begin(), names.end(), name); };
    std::erase_if(states_, [&](const auto& entry) { return is_gone(entry.first); });
    std::erase_if(cache_, [&](const auto& entry) {
        const std::string vassal = entry.first.substr(0, entry.first.find('/'));
        return !vassal.empty() && is_gone(vassal);
    });
}

Samples Catalogue::samples() {
    std::error_code ignored;
    return {.process = [this](pid_t pid) -> const ProcessSample& { return processes_.of(pid); },
            .queue = [this](int fd) { return queues_.read(fd); },
            .modified = modified_at,
            .now_us = now_of(CLOCK_REALTIME),
            .monotonic_us = now_of(CLOCK_MONOTONIC),
            .uid = ::geteuid(),
            .gid = ::getegid(),
            .cwd = std::filesystem::current_path(ignored).string()};
}

}  // namespace emperor::stats
