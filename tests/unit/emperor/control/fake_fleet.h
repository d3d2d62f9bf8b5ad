// SPDX-License-Identifier: Apache-2.0
// A FleetApi made of plain values: tests put vassals into it, look at what was asked of it, and answer when they like.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"

namespace emperor::testing {

struct FakeVassal {
    fleet::VassalView view;
    common::config::Effective effective;
    common::config::Identity identity;
    // Too large for a stack; zeroed, as a fresh memfd is.
    std::unique_ptr<common::scoreboard::Board> board = std::make_unique<common::scoreboard::Board>();
};

class FakeFleet : public fleet::FleetApi {
public:
    struct Asked {
        std::string name;
        supervise::Operation operation;
        fleet::Actor actor;
        std::function<void(const fleet::Outcome&)> done;
    };
    struct Follower {
        std::optional<std::string> name;  // none: all
        std::function<void(const std::string& name, const common::link::LogRecord&)> on_line;
    };

    struct HeldLog : Subscription {
        FakeFleet& fleet;
        int id;
        HeldLog(FakeFleet& f, int i) : fleet(f), id(i) {}
        ~HeldLog() override { fleet.followers.erase(id); }
    };

    FakeVassal& add(const std::string& name, uid_t uid = 1000, int workers = 2) {
        auto made = std::make_unique<FakeVassal>();
        FakeVassal& vassal = *made;
        vassal.effective.config.app = name + ":application";
        vassal.effective.config.chdir = "/srv/" + name;
        vassal.effective.config.workers = workers;
        vassal.effective.config.workers_min = workers;
        vassal.effective.values = std::make_shared<const nlohmann::json>(
            nlohmann::json{{"app", name + ":application"}, {"workers", workers}});
        vassal.identity.uid = uid;
        vassal.identity.gid = uid;
        vassal.identity.user = "user" + std::to_string(uid);
        vassal.view.name = name;
        vassal.view.file = "/etc/apps.d/" + name + ".yaml";
        vassal.view.status.state = supervise::DisplayState::running;
        vassal.view.status.active = 3;
        vassal.view.since_us = 1'700'000'000'000'000;
        vassal.view.instances = {{3, 4711, 0, "active", "serving", "", 1'700'000'000'000'000}};
        common::net::ListenAddress listener;
        listener.address.path = "/run/emperor/sockets/" + name + ".sock";
        vassal.view.listeners = {listener};
        vassal.view.effective = &vassal.effective;
        vassal.view.identity = &vassal.identity;
        vassal.view.board = vassal.board.get();
        vassals[name] = std::move(made);
        return vassal;
    }

    // A worker that serves, with some traffic behind it.
    static void serve(FakeVassal& vassal, int slot, std::int32_t pid, std::uint64_t requests) {
        common::scoreboard::use(*vassal.board, 0, static_cast<std::size_t>(slot));
        auto& worker = vassal.board->worker[0][static_cast<std::size_t>(slot)];
        worker.state = static_cast<std::uint32_t>(common::scoreboard::WorkerState::serving);
        worker.pid = pid;
        worker.spawned_epoch_us = 1'700'000'001'000'000;
        worker.generation = 3;
        worker.threads = 1;
        worker.most_threads = 1;
        worker.spawns = 1;
        worker.thread[0].requests = requests;
        worker.thread[0].busy_us = requests * 1500;
        worker.thread[0].bytes_out = requests * 100;
        worker.thread[0].exceptions = 1;
        worker.thread[0].status_classes[1] = requests;
    }

    std::uint64_t names_version() const override {
        if (const std::vector<std::string> now = names(); now != names_then_) {
            names_then_ = now;
            ++names_version_;
        }
        return names_version_;
    }
    std::vector<std::string> names() const override {
        std::vector<std::string> list;
        for (const auto& [name, vassal] : vassals) list.push_back(name);
        return list;
    }
    std::optional<fleet::VassalView> view(std::string_view name) const override {
        const auto found = vassals.find(std::string(name));
        ++histories_copied;
        return found == vassals.end() ? std::nullopt : std::optional(found->second->view);
    }
    std::optional<fleet::VassalView> glance(std::string_view name) const override {
        const auto found = vassals.find(std::string(name));
        ++views_made;
        if (found == vassals.end()) return std::nullopt;
        fleet::VassalView view = found->second->view;
        view.history.clear();
        return view;
    }
    void each_board(const std::function<void(const std::string&, const common::scoreboard::Board&)>& visit) const override {
        for (const auto& [name, vassal] : vassals)
            if (vassal->view.board != nullptr) visit(name, *vassal->view.board);
    }
    void request(std::string_view name, supervise::Operation operation, const fleet::Actor& actor,
                 std::function<void(const fleet::Outcome&)> done) override {
        asked.push_back({std::string(name), operation, actor, std::move(done)});
    }
    std::unique_ptr<Subscription> follow_log(
        std::string_view name, std::function<void(const common::link::LogRecord&)> on_line) override {
        followers[++last_follower] = {
            std::string(name), [on_line = std::move(on_line)](const std::string&, const auto& record) { on_line(record); }};
        return std::make_unique<HeldLog>(*this, last_follower);
    }
    std::unique_ptr<Subscription> follow_logs(
        std::function<void(const std::string& name, const common::link::LogRecord&)> on_line) override {
        followers[++last_follower] = {std::nullopt, std::move(on_line)};
        return std::make_unique<HeldLog>(*this, last_follower);
    }
    std::unique_ptr<Subscription> follow_events(
        std::function<void(const std::string& name, const fleet::HistoryEntry&)> on_event) override {
        struct Held : Subscription {
            FakeFleet& fleet;
            int id;
            Held(FakeFleet& f, int i) : fleet(f), id(i) {}
            ~Held() override { fleet.event_followers.erase(id); }
        };
        event_followers[++last_follower] = std::move(on_event);
        return std::make_unique<Held>(*this, last_follower);
    }
    common::Result<void> scale(std::string_view name, const std::optional<fleet::WorkersRange>& range,
                               const fleet::Actor&) override {
        if (!scale_problem.empty()) return common::failure(scale_problem);
        scaled.emplace_back(std::string(name) +
                            (range ? " " + std::to_string(range->min) + "-" + std::to_string(range->max) : " file"));
        return {};
    }
    std::vector<fleet::Difference> diff() override { return differences; }
    fleet::Difference diff(const fleet::CandidateFile& file) override {
        candidates.push_back(file);
        fleet::Difference difference;
        difference.app = file.name;
        difference.action = "unchanged";
        return difference;
    }
    Self self() const override { return facts; }
    void note(std::string_view name, const std::string& event, const std::string& text) override {
        noted.push_back(std::string(name) + " " + event + ": " + text);
    }
    void reopen_log(std::string_view name) override { reopened.emplace_back(name); }
    void rescan() override { ++rescans; }

    void write_line(const std::string& name, const std::string& text) {
        common::link::LogRecord record;
        record.text = text;
        record.worker = 1;
        record.time_us = 1'700'000'002'000'000;
        for (const auto& [id, follower] : followers)
            if (!follower.name || *follower.name == name) follower.on_line(name, record);
    }

    std::map<std::string, std::unique_ptr<FakeVassal>> vassals;
    std::deque<Asked> asked;
    std::map<int, Follower> followers;
    std::map<int, std::function<void(const std::string& name, const fleet::HistoryEntry&)>> event_followers;
    int last_follower = 0;
    int rescans = 0;
    std::vector<std::string> reopened, noted;
    std::string scale_problem;
    std::vector<std::string> scaled;
    std::vector<fleet::Difference> differences;
    std::vector<fleet::CandidateFile> candidates;
    mutable int views_made = 0, histories_copied = 0;
    mutable std::uint64_t names_version_ = 0;
    mutable std::vector<std::string> names_then_;
    Self facts{"0.1.0", 4242, 1'700'000'000'000'000, {"/etc/apps.d"}, "/run/emperor", false};
};

}  // namespace emperor::testing
