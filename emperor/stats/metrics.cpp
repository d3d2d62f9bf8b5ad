// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

namespace emperor::stats {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double microsecond = 1e-6;

// Families in the order of their first figure; each with all its figures together, as the format demands.
class Families {
public:
    void counter(const char* name, const char* help, Labels labels, double value) {
        add(name, help, MetricType::Counter, std::move(labels)).counter.value = value;
    }
    void gauge(const char* name, const char* help, Labels labels, double value) {
        add(name, help, MetricType::Gauge, std::move(labels)).gauge.value = value;
    }
    void histogram(const char* name, const char* help, Labels labels, const DurationFacts& facts) {
        auto& histogram = add(name, help, MetricType::Histogram, std::move(labels)).histogram;
        histogram.sample_count = facts.window[DurationFacts::since_start].count;
        histogram.sample_sum = static_cast<double>(facts.sum_us) * microsecond;
        for (std::size_t at = 0; at < metric_bounds_us.size(); ++at)
            histogram.bucket.push_back({facts.at_most[at], static_cast<double>(metric_bounds_us[at]) / 1e6});
    }
    [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

private:
    ClientMetric& add(const char* name, const char* help, MetricType type, Labels labels) {
        const auto [known, is_new] = by_name_.try_emplace(name, families_.size());
        if (is_new) families_.push_back({name, help, type, {}});
        ClientMetric& metric = families_[known->second].metric.emplace_back();
        metric.label = std::move(labels);
        return metric;
    }

    std::vector<MetricFamily> families_;
    std::unordered_map<std::string_view, std::size_t> by_name_;  // names are literals
};

double seconds(std::int64_t us) noexcept { return static_cast<double>(us) * microsecond; }
double number(std::int64_t value) noexcept { return static_cast<double>(value); }

void add_fleet(Families& out, std::span<const Subject> subjects, const fleet::FleetApi::Self& self) {
    out.gauge("emperor_build_info", "Versions of the emperor and of the Python that its apps run on; always 1.",
              {{"version", self.version}, {"python", EMPEROR_PYTHON_VERSION}}, 1);
    out.gauge("emperor_start_time_seconds", "When the emperor was started, since the epoch.", {},
              seconds(self.started_us));
    std::int64_t newest = 0;
    bool is_all_valid = true;
    for (const Subject& subject : subjects) {
        is_all_valid = is_all_valid && subject.view.status.state != supervise::DisplayState::invalid;
        if (const auto* active = active_instance(subject.view)) newest = std::max(newest, active->started_us);
    }
    out.gauge("emperor_config_last_reload_successful", "1: every app's file can be used; 0: one is invalid.", {},
              is_all_valid);
    out.gauge("emperor_config_last_reload_success_timestamp_seconds",
              "When the newest generation that serves was started, since the epoch.", {}, seconds(newest));
    for (int state = 0; state <= static_cast<int>(supervise::DisplayState::invalid); ++state) {
        const auto shown = static_cast<supervise::DisplayState>(state);
        const auto count = std::count_if(subjects.begin(), subjects.end(),
                                         [&](const Subject& subject) { return subject.view.status.state == shown; });
        out.gauge("emperor_apps", "Apps by what is shown as their state.",
                  {{"state", std::string(supervise::name_of(shown))}}, static_cast<double>(count));
    }
}

void add_life(Families& out, const Subject& subject, const Samples& samples) {
    const fleet::VassalView& view = subject.view;
    const VassalFigures& figures = subject.facts.figures;
    const Labels app = {{"app", view.name}};
    const auto with = [&](const char* name, std::string value) {
        return Labels{{"app", view.name}, {name, std::move(value)}};
    };
    out.gauge("emperor_app_up", "1: the app answers requests, whatever else goes on.", app, is_serving(view));
    out.gauge("emperor_app_info", "The generation that serves; always 1.",
              with("generation", std::to_string(view.status.active)), 1);
    const fleet::InstanceView* active = active_instance(view);
    out.gauge("emperor_app_start_time_seconds",
              "When the generation that serves was started, since the epoch; 0: none.", app,
              active ? seconds(active->started_us) : 0);
    const std::int64_t left = view.retry_at_us ? std::max<std::int64_t>(0, *view.retry_at_us - samples.now_us) : 0;
    out.gauge("emperor_app_backoff_seconds", "Until the next attempt to start; 0: none is waited for.", app,
              seconds(left));
    const std::array<std::pair<const char*, std::int64_t>, 8> restarts = {
        {{"master", clamp(view.restarts)},
         {"crash", std::max<std::int64_t>(0, figures.crashes - figures.timeouts - figures.signal_deaths)},
         {"oom", figures.oom_kills},
         {"signal", std::max<std::int64_t>(0, figures.signal_deaths - figures.oom_kills)},
         {"timeout", figures.timeouts},
         {"max_requests", figures.recycled_requests},
         {"max_memory", figures.recycled_memory},
         {"max_age", figures.recycled_age}}};
    for (const auto& [reason, count] : restarts)
        out.counter("emperor_app_restarts_total", "Processes that ended and were replaced, by cause.",
                    with("reason", reason), number(count));
    out.counter("emperor_app_reloads_total", "Rollouts of a new generation, by outcome.", with("result", "ok"),
                number(clamp(view.reloads)));
    out.counter("emperor_app_reloads_total", "", with("result", "failed"), number(clamp(view.failed_reloads)));
}

void add_requests(Families& out, const Subject& subject) {
    const VassalFigures& figures = subject.facts.figures;
    const std::string& name = subject.view.name;
    const Labels app = {{"app", name}};
    for (std::size_t at = 0; at < std::size(figures.status_classes); ++at)
        out.counter("emperor_app_requests_total", "Responses, by class of their status.",
                    {{"app", name}, {"code", std::to_string(at + 1) + "xx"}}, number(figures.status_classes[at]));
    out.histogram("emperor_app_request_duration_seconds", "Time inside the app.", app, subject.facts.service);
    out.histogram("emperor_app_request_queue_seconds",
                  "From the front end's X-Request-Start, else from a request's first bytes, until the app was called.",
                  app, subject.facts.queue);
    std::int64_t in_flight = 0;
    for (const WorkerFigures& worker : figures.workers)
        for (const WorkerFigures::Thread& thread : worker.threads) in_flight += thread.request_started_us != 0 ? 1 : 0;
    out.gauge("emperor_app_requests_in_progress", "Requests inside the app.", app, number(in_flight));
    out.counter("emperor_app_exceptions_total", "Exceptions that the app did not catch.", app,
                number(figures.exceptions));
    out.counter("emperor_app_receive_bytes_total", "Bytes of request bodies.", app, number(figures.bytes_in));
    out.counter("emperor_app_transmit_bytes_total", "Bytes of responses, heads included.", app,
                number(figures.bytes_out));
    out.counter("emperor_app_client_aborts_total", "Clients that went away before their response was complete.", app,
                number(figures.client_aborts));
    out.counter("emperor_app_read_errors_total", "Requests whose client failed or was too slow in sending.", app,
                number(figures.read_errors));
    out.counter("emperor_app_write_errors_total", "Responses whose client failed or was too slow in reading.", app,
                number(figures.write_errors));
}

void add_workers(Families& out, const Subject& subject) {
    using common::scoreboard::WorkerState;
    std::int64_t idle = 0, busy = 0, starting = 0, draining = 0;
    for (const WorkerFigures& worker : subject.facts.figures.workers) {
        if (worker.pid <= 0) continue;
        if (worker.state == WorkerState::draining) {
            ++draining;
        } else if (worker.state == WorkerState::serving) {
            ++(is_busy(worker) ? busy : idle);
        } else {
            ++starting;
        }
    }
    const std::array<std::pair<const char*, std::int64_t>, 4> states = {
        {{"idle", idle}, {"busy", busy}, {"starting", starting}, {"draining", draining}}};
    for (const auto& [state, count] : states)
        out.gauge("emperor_app_workers", "Worker processes by what they do.",
                  {{"app", subject.view.name}, {"state", state}}, number(count));
}

void add_load(Families& out, const Subject& subject) {
    const VassalFacts& facts = subject.facts;
    const Labels app = {{"app", subject.view.name}};
    std::int64_t limit = 0;
    for (const ListenQueue& queue : subject.queues) limit += queue.limit;
    out.gauge("emperor_app_listen_queue_length", "Clients that wait to be accepted.", app, number(facts.waiting));
    out.gauge("emperor_app_listen_queue_limit", "How many may wait before others are refused.", app, number(limit));
    out.gauge("emperor_app_weight", "Suggested share of a load balancer's traffic, 0 to 100.", app, facts.weight);
    out.counter("emperor_app_cpu_seconds_total", "Processor time of master and workers.", app,
                seconds(facts.processes.cpu_us));
    out.gauge("emperor_app_resident_memory_bytes",
              "Resident memory of master and workers; shared pages count for each.", app,
              number(facts.processes.resident));
    if (facts.processes.proportional)
        out.gauge("emperor_app_proportional_memory_bytes",
                  "Proportional memory of master and workers, sampled in turn.", app,
                  number(*facts.processes.proportional));
    if (facts.processes.descriptors)
        out.gauge("emperor_app_open_fds", "Open descriptors of master and workers, sampled in turn.", app,
                  number(*facts.processes.descriptors));
    if (facts.processes.sample_age_ms)
        out.gauge("emperor_app_memory_sample_age_seconds", "Age of the oldest of these samples.", app,
                  number(*facts.processes.sample_age_ms) / 1000);
    out.counter("emperor_app_log_dropped_lines_total", "Lines of the app's output that nobody could take.", app,
                number(facts.figures.log_dropped));
    out.counter("emperor_app_log_file_dropped_lines_total", "Lines that the app's log.file did not take.", app,
                number(facts.figures.log_file_dropped));
    out.counter("emperor_app_log_journal_dropped_lines_total", "Lines that the journal did not take.", app,
                number(facts.figures.log_journal_dropped));
    out.counter("emperor_app_access_dropped_lines_total", "Records of the app's access log that nobody could take.", app,
                number(facts.figures.access_dropped));
}

void add_each_worker(Families& out, const Subject& subject, const Samples& samples) {
    for (const WorkerFigures& worker : subject.facts.figures.workers) {
        const Labels labels = {{"app", subject.view.name}, {"worker", std::to_string(worker.id)}};
        out.counter("emperor_app_worker_requests_total", "Responses of one worker's place.", labels,
                    number(clamp(worker.requests)));
        out.counter("emperor_app_worker_busy_seconds_total", "Time inside the app.", labels,
                    seconds(clamp(worker.busy_us)));
        out.counter("emperor_app_worker_spawns_total", "Processes that had this place.", labels,
                    number(clamp(worker.spawns)));
        out.gauge("emperor_app_worker_resident_memory_bytes", "Resident memory of the process.", labels,
                  number(samples.process(worker.pid).resident));
        out.gauge("emperor_app_worker_busy", "1: it has a request.", labels, worker.pid > 0 && is_busy(worker));
    }
}

}  // namespace

std::string metrics_of(std::span<const Subject> subjects, const fleet::FleetApi::Self& self, const Samples& samples,
                       Detail detail) {
    Families out;
    add_fleet(out, subjects, self);
    for (const Subject& subject : subjects) {
        add_life(out, subject, samples);
        add_requests(out, subject);
        add_workers(out, subject);
        add_load(out, subject);
        if (detail == Detail::per_worker) add_each_worker(out, subject, samples);
    }
    return out.text();
}

}  // namespace emperor::stats
