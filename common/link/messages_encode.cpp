// SPDX-License-Identifier: Apache-2.0
// Messages of the link as they are written. Reading them: messages.cpp.
#include <utility>

#include "common/link/message_texts.h"
#include "common/link/messages.h"

namespace common::link {

namespace {

using nlohmann::json;

template <class... Ts>
struct overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;  // clang 14 cannot deduce an aggregate by itself

std::string tail(const std::string& text, std::size_t limit) {
    return text.size() <= limit ? text : "[...]\n" + text.substr(text.size() - limit);
}

std::string dump(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

json to_json(const config::Identity& identity) {
    return {{"uid", identity.uid},
            {"gid", identity.gid},
            {"groups", identity.groups},
            {"user", identity.user},
            {"home", identity.home}};
}

// Shared by Start and Snapshot.
template <class Description>
json describe(const char* type, const Description& d) {
    return {{"type", type},
            {"version", d.version},
            {"name", d.name},
            {"generation", d.generation},
            {"bank", d.bank},
            {"config", d.config},
            {"identity", to_json(d.identity)},
            {"listeners", d.listeners}};
}

const char* name_of(ExitStatus::Kind kind) noexcept {
    switch (kind) {
        case ExitStatus::Kind::exited: return "exited";
        case ExitStatus::Kind::signaled: return "signaled";
        case ExitStatus::Kind::unknown: break;
    }
    return "unknown";
}

json to_json(const ExitStatus& status) {
    json out{{"kind", name_of(status.kind)}, {"value", status.value}};
    if (status.is_out_of_memory) out["out_of_memory"] = true;
    return out;
}

}  // namespace

std::string encode(const EmperorMessage& message) {
    return dump(std::visit(
        overloaded{
            [](const Start& m) { return describe("start", m); },
            [](const Promote&) {
                return json{{"type", "promote"}};
            },
            [](const Stop& m) {
                return json{{"type", "stop"}, {"graceful", m.graceful}, {"reason", head(m.reason, max_text)}};
            },
            [](const ReopenLogs&) {
                return json{{"type", "reopen_logs"}};
            },
            [](const Attach& m) {
                return json{{"type", "attach"}, {"version", m.version}};
            },
            [](const Hold& m) {
                return json{{"type", "hold"},
                            {"version", m.version},
                            {"name", m.name},
                            {"listeners", m.listeners},
                            {"retry_ms", m.retry_ms}};
            },
            [](const Suspend&) {
                return json{{"type", "suspend"}};
            },
            [](const Resume&) {
                return json{{"type", "resume"}};
            },
            [](const Reconfigure& m) {
                return json{{"type", "reconfigure"}, {"id", m.id}, {"with_workers", m.with_workers}, {"config", m.config}};
            },
        },
        message));
}

std::string encode(const MasterMessage& message) {
    return dump(std::visit(overloaded{
                               [](const Hello& m) {
                                   return json{
                                       {"type", "hello"}, {"version", m.version}, {"pid", m.pid}, {"minor", m.minor}};
                               },
                               [](const Step& m) {
                                   return json{{"type", "step"}, {"name", head(m.name, max_text)}};
                               },
                               [](const Ready& m) {
                                   return json{{"type", "ready"}, {"startup_ms", m.startup_ms}};
                               },
                               [](const Failed& m) {
                                   return json{{"type", "failed"},
                                               {"step", head(m.step, max_text)},
                                               {"reason", head(m.reason, max_text)},
                                               {"detail", tail(m.detail, max_detail)}};
                               },
                               [](const Promoted&) {
                                   return json{{"type", "promoted"}};
                               },
                               [](const Draining&) {
                                   return json{{"type", "draining"}};
                               },
                               [](const WorkerStarted& m) {
                                   return json{{"type", "worker_started"}, {"worker", m.worker}, {"pid", m.pid}};
                               },
                               [](const WorkerExited& m) {
                                   return json{
                                       {"type", "worker_exited"},
                                       {"worker", m.worker},
                                       {"pid", m.pid},
                                       {"status", to_json(m.status)},
                                       {"reason", head(m.reason, max_text)},
                                       {"expected", m.expected},
                                       {"retry_ms", m.retry_ms}};
                               },
                               [](const ServingChanged& m) {
                                   return json{{"type", "serving_changed"},
                                               {"is_serving", m.is_serving},
                                               {"reason", head(m.reason, max_text)},
                                               {"retry_ms", m.retry_ms}};
                               },
                               [](const Stopping& m) {
                                   return json{{"type", "stopping"}, {"reason", head(m.reason, max_text)}};
                               },
                               [](const ReloadRequested& m) {
                                   return json{{"type", "reload_requested"},
                                               {"worker", m.worker},
                                               {"pid", m.pid},
                                               {"reason", head(m.reason, max_app_words)}};
                               },
                               [](const SourcesChanged& m) {
                                   return json{{"type", "sources_changed"},
                                               {"cause", head(m.cause, max_text)},
                                               {"files", m.files}};
                               },
                               [](const LogFile& m) {
                                   return json{{"type", "log_file"}, {"problem", head(m.problem, max_text)}};
                               },
                               [](const FailedSources& m) {
                                   return json{{"type", "failed_sources"}, {"files", m.files}};
                               },
                               [](const Snapshot& m) {
                                   json snapshot = describe("snapshot", m);
                                   snapshot["state"] = m.state;
                                   snapshot["minor"] = m.minor;
                                   return snapshot;
                               },
                               [](const Suspended&) {
                                   return json{{"type", "suspended"}};
                               },
                               [](const Resumed&) {
                                   return json{{"type", "resumed"}};
                               },
                               [](const Reconfigured& m) {
                                   return json{{"type", "reconfigured"},
                                               {"id", m.id},
                                               {"outcome", m.outcome},
                                               {"reason", head(m.reason, max_text)}};
                               },
                           },
                           message));
}

}  // namespace common::link
