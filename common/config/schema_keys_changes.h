// SPDX-License-Identifier: Apache-2.0
// Rows of the key table: what replaces processes: restarts, health, recycling, rollouts.
#pragma once

#include <array>

#include "common/config/schema_units.h"

namespace common::config {

inline constexpr std::array changes_keys = {
    // ---- restarts
    Key{.path = "restart.initial",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "100ms",
        .summary = "The first pause after repeated crashes; it doubles with each further one.",
        .detail = "The first crash is repaired at once. Pauses are jittered. A change of the file and every command "
                  "of an operator begin anew.",
        .example = "restart: {initial: 500ms}",
        .minimum = 10 * ms,
        .maximum = hour},
    Key{.path = "restart.max",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "60s",
        .summary = "The longest pause between restarts.",
        .detail = "It never gives up.",
        .example = "restart: {max: 5m}",
        .minimum = 10 * ms,
        .maximum = day},
    Key{.path = "restart.stable",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "10s",
        .summary = "Serving for this long counts as success: the next crash is a first one again.",
        .detail = "",
        .example = "restart: {stable: 1m}",
        .minimum = 10 * ms,
        .maximum = day},
    Key{.path = "restart.hold",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "10s",
        .summary = "How long clients wait for a vassal that cannot be started, before they are told 503.",
        .detail = "From then on every client gets 503 with Retry-After at once, until a start succeeds. It counts from when "
                  "the vassal stopped being able to serve, and nobody is sent away before an attempt failed. 'off' lets "
                  "them wait.",
        .example = "restart: {hold: 30s}",
        .minimum = 100 * ms,
        .maximum = day,
        .allows_off = true},
    // ---- the check before a worker serves
    Key{.path = "health.path",
        .kind = ValueKind::text,
        .reload = rollout,
        .default_text = "",
        .summary = "A request that every new worker has to answer before it may serve: 'GET' of this path.",
        .detail = "Asked inside the worker, after the application is imported: of a new generation before it is promoted, and of "
                  "every worker that replaces another one later. If it fails, a reload fails at step 'health' and the old "
                  "generation goes on serving. With a query if need be; with 'mount' the path includes the prefix. "
                  "REMOTE_ADDR is 127.0.0.1, the User-Agent begins with 'emperor-health', and environ has "
                  "'emperor.health_check'. It is in no counter and in no access log. Unset: a worker may serve when the "
                  "application is imported.",
        .example = "health: {path: /healthz}"},
    Key{.path = "health.host",
        .kind = ValueKind::text,
        .reload = rollout,
        .default_text = "",
        .summary = "The Host header of that request.",
        .detail = "Unset: the first of hosts, else localhost, which Django refuses unless it is in ALLOWED_HOSTS.",
        .example = "health: {path: /healthz, host: www.example.com}"},
    Key{.path = "health.status",
        .kind = ValueKind::text,
        .reload = rollout,
        .default_text = "200-399",
        .summary = "Which status is a good answer: one, or a range.",
        .detail = "",
        .example = "health: {path: /healthz, status: 200}"},
    Key{.path = "health.timeout",
        .kind = ValueKind::duration,
        .reload = rollout,
        .default_text = "5s",
        .summary = "How long an answer may take.",
        .detail = "One that comes later counts as a failed attempt. A request that does not end at all uses up one attempt after "
                  "the other; when all are, the worker is ended, wherever it hangs, and the Python traceback is logged.",
        .example = "health: {path: /healthz, timeout: 2s}",
        .minimum = 10 * ms,
        .maximum = hour},
    Key{.path = "health.attempts",
        .kind = ValueKind::integer,
        .reload = rollout,
        .default_text = "3",
        .summary = "How many attempts a worker has, a second apart.",
        .detail = "All of them within timeouts.start.",
        .example = "health: {path: /healthz, attempts: 1}",
        .minimum = 1,
        .maximum = 100},
    // ---- replacement of workers
    Key{.path = "recycle.max_requests",
        .kind = ValueKind::integer,
        .reload = live,
        .default_text = "off",
        .summary = "Replace a worker after so many requests.",
        .detail = "Its successor is started and ready before it stops accepting; it finishes what it has. A successor that "
                  "cannot start leaves it in place; the next try waits for restart.initial, then twice as long.",
        .example = "recycle: {max_requests: 10000}",
        .minimum = 1,
        .maximum = 1'000'000'000'000,
        .allows_off = true},
    Key{.path = "recycle.jitter",
        .kind = ValueKind::percent,
        .reload = live,
        .default_text = "10%",
        .summary = "How much earlier than its bound a worker may be replaced, so that not all come due together.",
        .detail = "Each process draws its own bounds for requests and age. Besides, workers are replaced one at a time.",
        .example = "recycle: {max_requests: 10000, jitter: 20%}",
        .minimum = 0,
        .maximum = 100},
    Key{.path = "recycle.max_rss",
        .kind = ValueKind::size,
        .reload = live,
        .default_text = "off",
        .summary = "Replace a worker whose resident memory is larger than this.",
        .detail = "As the kernel counts it, pages shared with other processes included. Looked at once a second while there "
                  "are requests. Replaced as under recycle.max_requests.",
        .example = "recycle: {max_rss: 500MiB}",
        .minimum = 1 * mib,
        .maximum = 16 * tib,
        .allows_off = true},
    Key{.path = "recycle.max_age",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "off",
        .summary = "Replace a worker that has run for so long.",
        .detail = "Counted from the moment on that it serves. Replaced as under recycle.max_requests.",
        .example = "recycle: {max_age: 1d}",
        .minimum = 1 * second,
        .maximum = 1000 * day,
        .allows_off = true},
    // ---- rollouts
    Key{.path = "rollout.observe",
        .kind = ValueKind::duration,
        .reload = live,
        .default_text = "off",
        .summary = "Keep the old generation warm for so long after a rollout, and go back to it when the new one is bad.",
        .detail = "The old one finishes what it accepted, takes nothing new and stays loaded, which costs its memory. If the "
                  "new one crashes, has no worker that can serve, or answers more requests with a 5xx than "
                  "rollout.max_error_rate allows, the old one serves again at once and the vassal is shown as rolled back, "
                  "with the reason. Nothing is tried again before the file changes, or reload or restart is asked for. A "
                  "newer change that takes a new generation ends the observation.",
        .example = "rollout: {observe: 30s, max_error_rate: 5%}",
        .minimum = 1 * second,
        .maximum = day,
        .allows_off = true},
    Key{.path = "rollout.max_error_rate",
        .kind = ValueKind::percent,
        .reload = live,
        .default_text = "5%",
        .summary = "How many answers of a generation that is observed may be a 5xx.",
        .detail = "Counted from its promotion on, over all of its workers, once there were at least 50 answers; looked at "
                  "every second. 100% switches it off. Without rollout.observe it means nothing.",
        .example = "rollout: {observe: 1m, max_error_rate: 2%}",
        .minimum = 0,
        .maximum = 100},
};

}  // namespace common::config
