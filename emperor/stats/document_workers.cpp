// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emperor/stats/document_parts.h"

namespace emperor::stats {

namespace {

using common::scoreboard::WorkerState;

// uWSGI's words: a worker that takes nothing at the moment is "pause", one without a process is "cheap".
const char* status_of(const WorkerFigures& worker) {
    if (worker.pid <= 0) return "cheap";
    if (is_busy(worker)) return "busy";
    switch (worker.state) {
        case WorkerState::serving: return "idle";
        case WorkerState::ready:
        case WorkerState::draining: return "pause";
        case WorkerState::empty:
        case WorkerState::starting:
        case WorkerState::backoff: return "cheap";
    }
    return "cheap";
}

// Only the request line is known here: no header, so no cookie and no authorization can leak.
void write_variables(JsonText& json, const std::string& line) {
    const auto space = line.find(' ');
    if (space == std::string::npos) return;
    json.value("REQUEST_METHOD=" + line.substr(0, space));
    json.value("REQUEST_URI=" + line.substr(space + 1));
    json.value("");
}

void write_core(JsonText& json, std::size_t id, const WorkerFigures::Thread& thread, const Samples& samples) {
    const bool is_in_request = thread.request_started_us != 0;
    const std::int64_t age = std::max<std::int64_t>(0, samples.monotonic_us - clamp(thread.request_started_us));
    json.begin_object();
    json.field("id", id);
    json.field("requests", clamp(thread.requests));
    json.field("static_requests", 0);
    json.field("routed_requests", 0);
    json.field("offloaded_requests", 0);
    json.field("write_errors", clamp(thread.write_errors));
    json.field("read_errors", clamp(thread.read_errors));
    json.field("in_request", is_in_request ? 1 : 0);
    json.key("vars").begin_array();
    if (is_in_request) write_variables(json, thread.request_line);
    json.end_array();
    json.key("req_info").begin_object();
    if (is_in_request) json.field("request_start", (samples.now_us - age) / second_us);
    json.end_object();
    if (is_in_request) json.unsteady_field("running_us", age);
    json.end_object();
}

void write_app(JsonText& json, const fleet::VassalView& view, const WorkerFigures& worker) {
    const auto* config = view.effective ? &view.effective->config : nullptr;
    json.begin_object();
    json.field("id", 0);
    json.field("modifier1", 0);
    json.field("mountpoint", config ? std::string_view(config->mount) : "");
    json.field("startup_time", clamp(worker.startup_us) / second_us);
    json.field("requests", clamp(worker.requests));
    json.field("exceptions", clamp(worker.exceptions));
    json.field("chdir", config ? std::string_view(config->chdir) : "");
    json.end_object();
}

// Since the vassal began; a worker's last minutes are not kept.
void write_own_durations(JsonText& json, const common::scoreboard::Board& board, int worker) {
    common::scoreboard::VassalLatencies latencies;
    common::scoreboard::read_worker_latencies(board, worker, latencies);
    json.key("latency").begin_object();
    for (const auto& [name, of] : {std::pair{"service", &latencies.service}, {"queue", &latencies.queue}}) {
        const Quantiles found = quantiles_of(*of);
        json.key(name).begin_object();
        json.field("count", found.count);
        json.field("p50_us", found.p50_us);
        json.field("p90_us", found.p90_us);
        json.field("p95_us", found.p95_us);
        json.field("p99_us", found.p99_us);
        json.end_object();
    }
    json.end_object();
}

void write_richer(JsonText& json, const Subject& subject, const WorkerFigures& worker, const ProcessSample& process,
                  Detail detail) {
    json.field("vassal", subject.view.name);
    json.field("worker", worker.id);
    json.field("state", name_of(worker.state));
    json.field("generation", worker.generation);
    json.field("rx", clamp(worker.bytes_in));
    json.field("client_aborts", clamp(worker.client_aborts));
    json.field("crashes", clamp(worker.crashes));
    json.field("signal_deaths", clamp(worker.signal_deaths));
    if (detail == Detail::plain) return;
    json.field("pss", process.proportional);
    json.field("fds", process.descriptors);
    json.field("cpu_us", process.cpu_us);
    if (subject.view.board) write_own_durations(json, *subject.view.board, worker.id);
}

}  // namespace

void write_worker(JsonText& json, const Subject& subject, const WorkerFigures& worker, std::int64_t first_id,
                  const Samples& samples, Detail detail) {
    const ProcessSample& process = samples.process(worker.pid);
    const std::int64_t requests = clamp(worker.requests);
    const std::int64_t running = clamp(worker.busy_us);
    json.begin_object();
    json.field("id", first_id + worker.id);
    json.field("pid", std::max(0, worker.pid));
    json.field("accepting", worker.pid > 0 && worker.state == WorkerState::serving ? 1 : 0);
    json.field("requests", requests);
    json.field("delta_requests", clamp(worker.delta_requests));
    json.field("exceptions", clamp(worker.exceptions));
    json.field("harakiri_count", clamp(worker.timeouts));
    json.field("signals", 0);
    json.field("signal_queue", 0);
    json.field("status", status_of(worker));
    json.field("rss", process.resident);
    json.field("vsz", process.virtual_size);
    json.field("running_time", running);
    json.field("last_spawn", clamp(worker.spawned_epoch_us) / second_us);
    json.field("respawn_count", clamp(worker.spawns));
    json.field("tx", clamp(worker.bytes_out));
    json.field("avg_rt", requests > 0 ? running / requests : 0);
    json.key("apps").begin_array();
    write_app(json, subject.view, worker);
    json.end_array();
    json.key("cores").begin_array();
    for (std::size_t at = 0; at < worker.threads.size(); ++at) write_core(json, at, worker.threads[at], samples);
    json.end_array();
    write_richer(json, subject, worker, process, detail);
    json.end_object();
}

}  // namespace emperor::stats
