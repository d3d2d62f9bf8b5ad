// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/dispatcher.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/natural_order.h"
#include "common/base/nearest.h"
#include "common/config/decode.h"
#include "common/log/log.h"
#include "emperor/control/history_views.h"

namespace emperor::control {

namespace {

bool is_glob(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

bool is_meant(const std::string& given, const std::string& name) {
    return name == given || (is_glob(given) && ::fnmatch(given.c_str(), name.c_str(), 0) == 0);
}

// Without names they are about all apps.
bool takes_all(Command command) noexcept {
    return command == Command::status || command == Command::events || command == Command::logs ||
           command == Command::reopen_logs;
}

// Their answers show what happened to an app: the others need no copy of it.
bool shows_history(Command command) noexcept {
    return command == Command::why || command == Command::events || command == Command::show;
}

void add_histories(std::vector<fleet::VassalView>& views, const fleet::FleetApi& fleet) {
    for (fleet::VassalView& view : views)
        if (auto whole = fleet.view(view.name)) view = std::move(*whole);
}

bool is_operation(Command command) noexcept {
    return command == Command::start || command == Command::stop || command == Command::restart ||
           command == Command::reload || command == Command::rollback;
}

supervise::Operation operation_of(Command command) noexcept {
    if (command == Command::start) return supervise::Operation::start;
    if (command == Command::stop) return supervise::Operation::stop;
    if (command == Command::rollback) return supervise::Operation::rollback;
    return command == Command::restart ? supervise::Operation::restart : supervise::Operation::reload;
}

RequestError error_of(const Request& request, ErrorCode code, std::string message) {
    return {request.id, code, std::move(message), {}};
}

void send(Conversation& conversation, const Request& request, const std::variant<Json, RequestError>& answer) {
    const Json* result = std::get_if<Json>(&answer);
    conversation.send(result ? encode_result(request.id, *result) : encode_error(std::get<RequestError>(answer)));
}

// The outcomes of one request, gathered until the last app has its own.
struct Gathered {
    Request request;
    std::vector<Json> outcomes;  // in the order of the request
    std::size_t missing = 0;
    std::string first_failure;
    std::size_t failures = 0;
};

std::string answer_of(const Gathered& gathered) {
    const Json result = {{"outcomes", gathered.outcomes}};
    if (gathered.failures == 0) return encode_result(gathered.request.id, result);
    std::string message = std::string(name_of(gathered.request.command)) + " failed for ";
    if (gathered.outcomes.size() > 1)
        message += std::to_string(gathered.failures) + " of " + std::to_string(gathered.outcomes.size()) + " apps, first ";
    return encode_failure(error_of(gathered.request, ErrorCode::failed, message + gathered.first_failure), result);
}

}  // namespace

std::string Dispatcher::who_is(const Peer& peer) const { return peer.name.empty() ? user_name_(peer.uid) : peer.name; }

void Dispatcher::on_line(std::string_view line, const Peer& peer, const std::shared_ptr<Conversation>& conversation) {
    const std::variant<Request, RequestError> decoded = decode_request(line);
    if (const auto* error = std::get_if<RequestError>(&decoded)) return conversation->send(encode_error(*error));
    const auto& request = std::get<Request>(decoded);
    if (request.command == Command::version || request.command == Command::rescan)
        return send(*conversation, request, read_emperor(request, peer));

    if (request.command == Command::upgrade) return upgrade(request, peer, conversation);

    if (request.command == Command::diff) return send(*conversation, request, diff(request, peer));

    Selection selection = select(request, peer);
    if (const auto* error = std::get_if<RequestError>(&selection)) return conversation->send(encode_error(*error));
    auto& views = std::get<std::vector<fleet::VassalView>>(selection);
    if (shows_history(request.command)) add_histories(views, fleet_);
    if (is_operation(request.command)) return operate(request, peer, views, conversation);
    if (!takes_all(request.command) && views.size() != 1) {
        std::string message(name_of(request.command));
        message.append(": takes one app; ").append(request.apps.front()).append(" matches ");
        message.append(std::to_string(views.size()));
        return conversation->send(encode_error(error_of(request, ErrorCode::bad_request, std::move(message))));
    }
    if (request.command == Command::events) return answer_events(request, peer, views, conversation);
    if (request.command == Command::scale) return send(*conversation, request, scale(request, peer, views.front()));
    if (request.command == Command::logs) return answer_logs(request, peer, views, conversation);
    if (request.command == Command::reopen_logs) return send(*conversation, request, reopen_logs(request, peer, views));
    send(*conversation, request, read(request, views));
}

Dispatcher::Selection Dispatcher::select(const Request& request, const Peer& peer) const {
    std::vector<fleet::VassalView> allowed;
    std::set<std::string> forbidden;
    std::vector<std::string> names = fleet_.names();
    std::ranges::sort(names, common::natural_less);
    for (const std::string& name : names) {
        std::optional<fleet::VassalView> view = fleet_.glance(name);
        if (!view) continue;
        if (may_touch(peer, policy_, *view)) allowed.push_back(std::move(*view));
        else forbidden.insert(name);
    }
    const bool is_stranger = allowed.empty() && !is_admin(peer, policy_);
    if (request.apps.empty()) {
        if (is_stranger) return error_of(request, ErrorCode::not_permitted, refusal(peer, policy_, "see the apps"));
        return allowed;
    }
    std::set<std::string> wanted;
    for (const std::string& given : request.apps) {
        bool is_known = false;
        for (const fleet::VassalView& view : allowed) {
            if (!is_meant(given, view.name)) continue;
            is_known = true;
            // `reload '*'` after a deploy is for what runs; an app that was stopped on purpose is named or left alone.
            const bool is_for_running = request.command == Command::reload || request.command == Command::rollback;
            if (is_for_running && view.name != given && view.status.is_held) continue;
            wanted.insert(view.name);
        }
        if (is_known) continue;
        if (forbidden.contains(given) || is_stranger)
            return error_of(request, ErrorCode::not_permitted,
                            refusal(peer, policy_, "use '" + std::string(name_of(request.command)) + "' on " + given));
        return no_such_app(request, given, peer);
    }
    std::erase_if(allowed, [&](const fleet::VassalView& view) { return !wanted.contains(view.name); });
    return allowed;
}

RequestError Dispatcher::no_such_app(const Request& request, const std::string& given, const Peer& peer) const {
    std::vector<std::string> names;
    for (const std::string& name : fleet_.names())
        if (const auto view = fleet_.glance(name); view && may_touch(peer, policy_, *view)) names.push_back(name);
    RequestError error = error_of(request, ErrorCode::no_such_app,
                                  is_glob(given) ? "no app matches '" + given + "'" : "no such app: '" + given + "'");
    error.nearest = common::nearest(given, names, 3, true);
    return error;
}

void Dispatcher::operate(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                         const std::shared_ptr<Conversation>& conversation) {
    if (fleet_.self().is_shutting_down)
        return conversation->send(encode_error(error_of(request, ErrorCode::busy, "the emperor is shutting down")));
    if (!conversation->has_room())
        return conversation->send(encode_error(
            error_of(request, ErrorCode::busy, "too many operations of this client are under way")));
    // A glob may match stopped apps only: there is nobody whose outcome would be the last one.
    if (views.empty() && request.waits) return conversation->send(encode_result(request.id, {{"outcomes", Json::array()}}));
    // Shared by the callbacks of all apps: the last one answers.
    const auto gathered = std::make_shared<Gathered>();
    gathered->request = request;
    gathered->missing = views.size();
    gathered->outcomes.resize(views.size());
    if (request.waits) conversation->begin_operation();
    const fleet::Actor actor{peer.uid, peer.pid, who_is(peer)};
    for (std::size_t at = 0; at < views.size(); ++at) {
        const std::string& name = views[at].name;
        fleet_.request(name, operation_of(request.command), actor,
                       [gathered, at, name, weak = std::weak_ptr(conversation)](const fleet::Outcome& one) {
                           gathered->outcomes[at] = outcome(name, one);
                           if (!one.ok && gathered->failures++ == 0)
                               gathered->first_failure = name + ": " + one.failure.step + ": " + one.failure.reason;
                           if (--gathered->missing > 0 || !gathered->request.waits) return;
                           if (const auto client = weak.lock()) {
                               client->send(answer_of(*gathered));
                               client->end_operation();
                           }
                       });
    }
    if (request.waits) return;
    Json accepted = Json::array();
    for (const fleet::VassalView& view : views) accepted.push_back(view.name);
    conversation->send(encode_result(request.id, {{"accepted", accepted}}));
}

void Dispatcher::answer_logs(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                             const std::shared_ptr<Conversation>& conversation) {
    if (request.follows && !conversation->has_room())
        return conversation->send(encode_error(error_of(request, ErrorCode::busy, "too many streams of this client")));
    conversation->send(encode_result(
        request.id, {{"lines", merged_log(views, static_cast<std::size_t>(request.lines), request.since_us)}}));
    if (!request.follows) return;
    // By name, not by app: one that comes later is followed too.
    conversation->keep(fleet_.follow_logs([this, request, peer, weak = std::weak_ptr(conversation)](
                                              const std::string& name, const common::link::LogRecord& record) {
        const auto client = weak.lock();
        if (client && is_meant_by(request, peer, name)) client->send(encode_log_line(request.id, log_line_of(name, record)));
    }));
}

bool Dispatcher::is_meant_by(const Request& request, const Peer& peer, const std::string& name) const {
    const auto means_it = [&](const std::string& given) { return is_meant(given, name); };
    if (!request.apps.empty() && std::ranges::none_of(request.apps, means_it)) return false;
    if (is_admin(peer, policy_)) return true;
    const auto view = fleet_.glance(name);
    return view && may_touch(peer, policy_, *view);
}

// Without names, whoever may: the emperor's own log file too.
Json Dispatcher::reopen_logs(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views) {
    const bool is_all = request.apps.empty() && is_admin(peer, policy_);
    if (is_all) common::log::reopen();
    Json apps = Json::array();
    for (const fleet::VassalView& view : views) {
        fleet_.reopen_log(view.name);
        apps.push_back(view.name);
    }
    return {{"apps", std::move(apps)}, {"emperor", is_all}};
}

void Dispatcher::answer_events(const Request& request, const Peer& peer, const std::vector<fleet::VassalView>& views,
                               const std::shared_ptr<Conversation>& conversation) {
    if (request.follows && !conversation->has_room())
        return conversation->send(encode_error(error_of(request, ErrorCode::busy, "too many streams of this client")));
    conversation->send(encode_result(
        request.id, {{"events", merged_events(views, static_cast<std::size_t>(request.lines), request.since_us)}}));
    if (!request.follows) return;
    // By name, not by app: one that comes later is followed too.
    conversation->keep(fleet_.follow_events([this, request, peer, weak = std::weak_ptr(conversation)](
                                                const std::string& name, const fleet::HistoryEntry& entry) {
        const auto client = weak.lock();
        if (client && is_meant_by(request, peer, name)) client->send(encode_event(request.id, event_json(name, entry)));
    }));
}

std::variant<Json, RequestError> Dispatcher::read(const Request& request,
                                                  const std::vector<fleet::VassalView>& views) const {
    const Lookups lookups = lookups_();
    if (request.command == Command::status) {
        Json apps = Json::array();
        for (const fleet::VassalView& view : views) apps.push_back(summary(view, lookups));
        return Json{{"emperor", emperor_facts(fleet_.self())}, {"apps", std::move(apps)}};
    }
    const fleet::VassalView& view = views.front();
    if (request.command == Command::show) return details(view, lookups);
    if (request.command == Command::why) return explanation(view);
    Json json = request.command == Command::config ? configuration(view) : exec_context(view, lookups);
    if (!json.is_null()) return json;
    const auto finding = std::find_if(
        view.diagnostics.begin(), view.diagnostics.end(),
        [](const auto& one) { return one.severity == common::config::Diagnostic::Severity::error; });
    std::string why = view.name + " has no valid configuration";
    if (finding != view.diagnostics.end()) why += ": " + common::config::headline(*finding);
    return error_of(request, ErrorCode::failed, why);
}

std::variant<Json, RequestError> Dispatcher::read_emperor(const Request& request, const Peer& peer) {
    if (request.command == Command::version) return emperor_facts(fleet_.self());
    if (!is_admin(peer, policy_)) return error_of(request, ErrorCode::not_permitted, refusal(peer, policy_, "rescan"));
    fleet_.rescan();
    return Json{{"rescan", true}};
}

std::variant<Json, RequestError> Dispatcher::scale(const Request& request, const Peer& peer,
                                                  const fleet::VassalView& view) const {
    const auto done = fleet_.scale(view.name, request.workers, {peer.uid, peer.pid, who_is(peer)});
    if (!done) return error_of(request, ErrorCode::failed, view.name + ": not scaled: " + done.error().message());
    return Json{{"app", view.name}};
}

std::variant<Json, RequestError> Dispatcher::diff(const Request& request, const Peer& peer) const {
    if (request.text) return diff_candidate(request, peer);
    const bool sees_all = is_admin(peer, policy_);
    Request names = request;
    // A new file is nobody's app yet: whoever may see all apps sees it too.
    if (sees_all) std::erase_if(names.apps, [&](const std::string& app) { return !fleet_.glance(app) && !is_glob(app); });
    std::set<std::string> allowed;
    if (!sees_all || !names.apps.empty()) {
        const Selection selection = select(names, peer);
        if (const auto* error = std::get_if<RequestError>(&selection)) return *error;
        for (const auto& view : std::get<std::vector<fleet::VassalView>>(selection)) allowed.insert(view.name);
    }
    const auto is_asked_for = [&](const std::string& app) {
        if (allowed.contains(app)) return true;
        if (!sees_all) return false;
        return request.apps.empty() || std::ranges::any_of(request.apps, [&](const std::string& given) {
                   return given == app || (is_glob(given) && ::fnmatch(given.c_str(), app.c_str(), 0) == 0);
               });
    };
    const auto found = fleet_.diff();
    for (const std::string& given : request.apps) {
        const bool is_known = is_glob(given) || fleet_.glance(given) ||
                              std::ranges::find(found, given, &fleet::Difference::app) != found.end();
        if (!is_known) return no_such_app(request, given, peer);
    }
    Json differences = Json::array();
    for (const fleet::Difference& one : found)
        if (is_asked_for(one.app)) differences.push_back(difference(one));
    return Json{{"differences", std::move(differences)}};
}

// The text comes from the peer, who read it with its own rights. What ${VAR} stands for in the emperor's environment is
// for those to see who could read that environment anyway.
std::variant<Json, RequestError> Dispatcher::diff_candidate(const Request& request, const Peer& peer) const {
    if (request.apps.size() != 1 || !common::config::is_valid_name(request.apps.front()))
        return error_of(request, ErrorCode::bad_request, "'text' needs the name of one app");
    const std::string& app = request.apps.front();
    const auto view = fleet_.glance(app);
    if (view ? !may_touch(peer, policy_, *view) : !is_admin(peer, policy_))
        return error_of(request, ErrorCode::not_permitted, refusal(peer, policy_, "diff " + app));
    const bool knows_variables = peer.uid == 0 || peer.uid == policy_.emperor_uid;
    const fleet::CandidateFile file{app, *request.text, request.defaults, knows_variables, request.file};
    return Json{{"differences", Json::array({difference(fleet_.diff(file))})}};
}

void Dispatcher::upgrade(const Request& request, const Peer& peer, const std::shared_ptr<Conversation>& conversation) {
    const auto refuse = [&](ErrorCode code, std::string why) {
        conversation->send(encode_error(error_of(request, code, std::move(why))));
    };
    if (!is_admin(peer, policy_)) return refuse(ErrorCode::not_permitted, refusal(peer, policy_, "upgrade"));
    if (fleet_.self().is_shutting_down) return refuse(ErrorCode::busy, "the emperor is shutting down");
    if (!conversation->has_room()) return refuse(ErrorCode::busy, "too many operations of this client are under way");
    conversation->begin_operation();
    upgrade_([request, before = emperor_facts(fleet_.self()),
              weak = std::weak_ptr(conversation)](const common::Result<void>& tried) {
        const auto client = weak.lock();
        if (!client) return;
        client->send(tried ? encode_result(request.id, before)
                           : encode_error(error_of(request, ErrorCode::failed, tried.error().message())));
        client->end_operation();
    });
}

}  // namespace emperor::control
