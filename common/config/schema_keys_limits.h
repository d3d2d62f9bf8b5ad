// SPDX-License-Identifier: Apache-2.0
// Rows of the key table: limits, and logs.
#pragma once

#include <array>

#include "common/config/schema_units.h"

namespace common::config {

inline constexpr std::array limits_keys = {
    // ---- limits
    Key{.path = "limits.header_size",
        .kind = ValueKind::size,
        .reload = recycle,
        .default_text = "64KiB",
        .summary = "How large the head of a request may be.",
        .detail = "Over it: 431.",
        .example = "limits: {header_size: 128KiB}",
        .minimum = 1 * kib,
        .maximum = 16 * mib},
    Key{.path = "limits.headers",
        .kind = ValueKind::integer,
        .reload = recycle,
        .default_text = "256",
        .summary = "How many header fields a request may have.",
        .detail = "Over it: 431.",
        .example = "limits: {headers: 100}",
        .minimum = 8,
        .maximum = 10'000},
    Key{.path = "limits.body",
        .kind = ValueKind::size,
        .reload = recycle,
        .default_text = "1GiB",
        .summary = "How large the body of a request may be.",
        .detail = "Over it: 413.",
        .example = "limits: {body: 20MiB}",
        .minimum = 0,
        .maximum = 16 * tib},
    Key{.path = "limits.body_memory",
        .kind = ValueKind::size,
        .reload = recycle,
        .default_text = "1MiB",
        .summary = "Bodies up to this size are held in memory, larger ones in a temporary file.",
        .detail = "",
        .example = "limits: {body_memory: 256KiB}",
        .minimum = 0,
        .maximum = 1 * gib},
    Key{.path = "limits.connections",
        .kind = ValueKind::integer,
        .reload = recycle,
        .default_text = "4096",
        .summary = "How many client connections one worker may hold open.",
        .detail = "A worker raises its soft limit of open files to 512 more than this, if the hard limit allows it.",
        .example = "limits: {connections: 1000}",
        .minimum = 1,
        .maximum = 1'000'000},
    // ---- log
    Key{.path = "log.file",
        .kind = ValueKind::path,
        .reload = live,
        .default_text = "",
        .summary = "A file that receives the application's output as well.",
        .detail = "Opened with the rights of the vassal's user, reopened on request (emperorctl reopen-logs, SIGUSR1). "
                  "Without it the lines go to the emperor's log only. A relative path counts from chdir.",
        .example = "log: {file: /var/log/mysite/app.log}"},
    Key{.path = "log.format",
        .kind = ValueKind::choice,
        .reload = live,
        .default_text = "text",
        .summary = "How the application's lines stand in log.file.",
        .detail = "text: as they were written; json: one object per line with time, level, worker and stream. Control "
                  "characters are escaped in both. Stand-alone, json is for standard output too. docs/logs.md names the keys. "
                  "What the emperor's own stream looks like is said by its --log-format.",
        .example = "log: {file: app.log, format: json}",
        .choices = "text|json"},
    Key{.path = "log.journal",
        .kind = ValueKind::choice,
        .reload = live,
        .default_text = "auto",
        .summary = "Whether the application's lines go to the systemd journal, each with fields of its own.",
        .detail = "EMPEROR_VASSAL, EMPEROR_WORKER, EMPEROR_GENERATION, EMPEROR_STREAM and PRIORITY; journalctl -t NAME "
                  "shows them. auto: where the emperor's own log goes to the journal. Where there is no journal, nothing "
                  "happens.",
        .example = "log: {journal: on}",
        .choices = "auto|on|off"},
    Key{.path = "log.rotate.size",
        .kind = ValueKind::size,
        .reload = live,
        .default_text = "off",
        .summary = "Rotate log.file before it grows larger than this.",
        .detail = "By the vassal's master, whether or not an emperor runs: FILE becomes FILE.1, that FILE.2, and so on; no line "
                  "is lost or split. The vassal's user needs the right to rename files in that directory.",
        .example = "log: {file: app.log, rotate: {size: 50MiB, keep: 5}}",
        .minimum = 16 * kib,
        .maximum = 16 * tib,
        .allows_off = true},
    Key{.path = "log.rotate.keep",
        .kind = ValueKind::integer,
        .reload = live,
        .default_text = "5",
        .summary = "How many rotated files are kept besides log.file.",
        .detail = "",
        .example = "log: {rotate: {size: 50MiB, keep: 5}}",
        .minimum = 1,
        .maximum = 1000},
    Key{.path = "log.access",
        .kind = ValueKind::choice,
        .reload = recycle,
        .default_text = "off",
        .summary = "Whether and how each request is logged.",
        .detail = "text: the combined format of web servers, with the duration in milliseconds and the request id behind it; "
                  "json: one object per line. See log.access_format. The lines go to log.file where that is set, else to the "
                  "emperor's log (stand-alone: to standard output). They are not among the lines of 'emperorctl logs'. What "
                  "comes faster than it can be written is dropped and counted (access_dropped in the stats), never waited for.",
        .example = "log: {access: json}",
        .choices = "off|text|json"},
    Key{.path = "log.access_format",
        .kind = ValueKind::text,
        .reload = recycle,
        .default_text = "",
        .summary = "What a line of the access log says.",
        .detail = "With access: text, a line with fields in braces ({{ and }} stand for braces); with access: json, the list of "
                  "the object's keys. Fields: time, time_common, vassal, generation, worker, thread, pid, remote_addr, user, "
                  "method, uri, path, query, protocol, scheme, host, status, bytes, duration_ms, duration_us, request_id, "
                  "referer, user_agent; header.NAME is a header of the request, field.NAME what the application added "
                  "(emperor.set_log_field). docs/access-log.md explains each. An unknown field is an error.",
        .example = "log: {access: text, access_format: \"{time} {method} {path} {status} {duration_ms}\"}"},
    Key{.path = "log.slow",
        .kind = ValueKind::duration,
        .reload = recycle,
        .default_text = "off",
        .summary = "Log requests that run longer than this, with the Python stack at that moment.",
        .detail = "One line while the request runs, where it is by then, and one with its duration when it has ended. Time that "
                  "a response waits for its client does not count. At most 10 requests a second are shown.",
        .example = "log: {slow: 1s}",
        .minimum = 10 * ms,
        .maximum = 24 * hour,
        .allows_off = true},
};

}  // namespace common::config
