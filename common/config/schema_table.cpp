// SPDX-License-Identifier: Apache-2.0
// The key table of schema.h. Order is the order of the documentation. Upper bounds are generous on purpose: they catch
// slips of the finger, they do not govern.
#include <array>

#include "common/config/schema.h"

namespace common::config {

namespace {

constexpr std::int64_t ms = 1, second = 1000 * ms, hour = 3600 * second, day = 24 * hour;
constexpr std::int64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib, tib = 1024 * gib;
using enum ReloadClass;

constexpr std::array table = {
    // ---- the application
    Key{.path = "app", .kind = ValueKind::text, .reload = rollout, .default_text = "",
        .summary = "The WSGI application to host.",
        .detail = "One of 'package.module:callable', 'path/file.py:callable' or 'module:factory()' (called once, its "
                  "result is the application). Without ':callable' the names 'application' and 'app' are tried. "
                  "A relative file is looked up in chdir.",
        .example = "app: mysite.wsgi:application", .required = true},
    Key{.path = "chdir", .kind = ValueKind::path, .reload = rollout, .default_text = "",
        .summary = "The directory the application runs in; it is also put on the Python path.",
        .detail = "A relative path counts from the directory of the vassal's file. Unset: the home directory of the "
                  "vassal's user. It is resolved once per generation, so that a link such as 'current -> "
                  "releases/42' may be switched at any time and takes effect with the next reload.",
        .example = "chdir: /srv/mysite/current"},
    Key{.path = "venv", .kind = ValueKind::path, .reload = rollout, .default_text = "",
        .summary = "The virtual environment whose packages the application uses.",
        .detail = "It must have been made for Python 3.11. A relative path counts from chdir.",
        .example = "venv: /srv/mysite/venv"},
    Key{.path = "python_path", .kind = ValueKind::text_list, .reload = rollout, .default_text = "[]",
        .summary = "Further directories for Python's module search path, after chdir and before all others.",
        .detail = "Relative paths count from chdir.", .example = "python_path: [lib, /srv/shared/python]"},
    Key{.path = "env", .kind = ValueKind::text_map, .reload = rollout, .default_text = "{}",
        .summary = "Environment variables of the application.",
        .detail = "Applications start with a clean environment: PATH, LANG, LC_*, TZ, HOME, USER and LOGNAME, then "
                  "env_file, then these. Numbers and booleans are taken as they are written. Merged key by key with "
                  "'env' of _defaults.yaml.",
        .example = "env: {DJANGO_SETTINGS_MODULE: mysite.settings, DEBUG: 0}"},
    Key{.path = "env_file", .kind = ValueKind::text_list, .reload = rollout, .default_text = "[]",
        .summary = "Files with further environment variables, one KEY=value per line.",
        .detail = "Read with the rights of the vassal's user; later files win over earlier ones, 'env' wins over all. "
                  "'#' begins a comment, 'export ' is allowed in front, values may be quoted. Relative paths count "
                  "from chdir.",
        .example = "env_file: /etc/mysite/secrets.env"},
    Key{.path = "mount", .kind = ValueKind::text, .reload = recycle, .default_text = "",
        .summary = "The URL prefix under which the application lives; it becomes SCRIPT_NAME.",
        .detail = "It is taken off PATH_INFO, unless the front end has set SCRIPT_NAME already.", .example = "mount: /blog"},
    Key{.path = "before_start", .kind = ValueKind::text, .reload = rollout, .default_text = "",
        .summary = "A shell command that is run once per generation, before the application is imported.",
        .detail = "It runs in chdir with the application's user and environment, under timeouts.start. If it fails, "
                  "the generation does not start and the previous one keeps serving.",
        .example = "before_start: python manage.py migrate --noinput"},
    Key{.path = "enabled", .kind = ValueKind::boolean, .reload = live, .default_text = "true",
        .summary = "Whether the vassal runs at all; false stops it and keeps its file.", .detail = "",
        .example = "enabled: false"},
    // ---- where it listens
    Key{.path = "listen", .kind = ValueKind::listen_list, .reload = listeners, .default_text = "",
        .summary = "The addresses to serve on, each PROTO:ADDRESS.",
        .detail = "PROTO is uwsgi or http. ADDRESS is /path.sock, @abstract, host:port, [::1]:port or "
                  ":port (every interface). Unset: uwsgi:SOCKETS/NAME.sock, where SOCKETS is the directory 'sockets' "
                  "of the runtime directory (/run/emperor/sockets for root).",
        .example = "listen: [uwsgi:/run/emperor/sockets/mysite.sock, \"http:127.0.0.1:8000\"]"},
    Key{.path = "socket.mode", .kind = ValueKind::mode, .reload = listeners, .default_text = "0660",
        .summary = "Permissions of unix sockets, in octal.", .detail = "", .example = "socket: {mode: 0660}",
        .maximum = 0777},
    Key{.path = "socket.owner", .kind = ValueKind::text, .reload = listeners, .default_text = "",
        .summary = "Owner of unix sockets, a name or a number.", .detail = "Unset: the vassal's user.",
        .example = "socket: {owner: mysite}"},
    Key{.path = "socket.group", .kind = ValueKind::text, .reload = listeners, .default_text = "",
        .summary = "Group of unix sockets, a name or a number.",
        .detail = "Unset: www-data where that group exists and may be given, else the vassal's group.",
        .example = "socket: {group: nginx}"},
    Key{.path = "socket.backlog", .kind = ValueKind::integer, .reload = listeners, .default_text = "",
        .summary = "How many connections may wait to be accepted.", .detail = "Unset: net.core.somaxconn.",
        .example = "socket: {backlog: 1024}", .minimum = 1, .maximum = 1'000'000},
    Key{.path = "trusted_proxies", .kind = ValueKind::text_list, .reload = recycle, .default_text = "[]",
        .summary = "Addresses or networks whose X-Forwarded-* headers are believed on http listeners.", .detail = "",
        .example = "trusted_proxies: [127.0.0.1, 10.0.0.0/8]"},
    // ---- processes
    Key{.path = "workers", .kind = ValueKind::workers, .reload = live, .default_text = "1",
        .summary = "How many worker processes serve requests.",
        .detail = "'auto' is one per processor that the emperor may use.", .example = "workers: 4", .minimum = 1,
        .maximum = 256},
    Key{.path = "threads", .kind = ValueKind::integer, .reload = recycle, .default_text = "1",
        .summary = "How many threads of each worker serve requests.", .detail = "", .example = "threads: 2",
        .minimum = 1, .maximum = 64},
    Key{.path = "preload", .kind = ValueKind::boolean, .reload = rollout, .default_text = "false",
        .summary = "Import the application once and fork the workers from there.",
        .detail = "Saves memory and start-up time. The application must be able to live with fork: connections that "
                  "it opens while being imported are shared by all workers.",
        .example = "preload: true"},
    Key{.path = "user", .kind = ValueKind::text, .reload = rollout, .default_text = "",
        .summary = "The user the vassal runs as, a name or a number.",
        .detail = "Only for an emperor that runs as root. A file that root does not own runs as its owner, whatever "
                  "_defaults.yaml says; naming another user in it is an error.",
        .example = "user: mysite"},
    Key{.path = "group", .kind = ValueKind::text, .reload = rollout, .default_text = "",
        .summary = "The group the vassal runs as, a name or a number.",
        .detail = "Unset: the user's own group. Supplementary groups of the user are set too.",
        .example = "group: www-data"},
    Key{.path = "umask", .kind = ValueKind::mode, .reload = rollout, .default_text = "",
        .summary = "The file mode creation mask of the application, in octal.", .detail = "Unset: the emperor's.",
        .example = "umask: 027", .maximum = 0777},
    // ---- times
    Key{.path = "timeouts.start", .kind = ValueKind::duration, .reload = live, .default_text = "60s",
        .summary = "How long before_start and the import of the application may take together.",
        .detail = "A generation that is not ready by then is ended; the previous one keeps serving.",
        .example = "timeouts: {start: 2m}", .minimum = 100 * ms, .maximum = day},
    Key{.path = "timeouts.request", .kind = ValueKind::duration, .reload = recycle, .default_text = "60s",
        .summary = "How long a request may run in Python.",
        .detail = "Waiting for a slow client does not count. When it is over, the Python traceback is logged and the "
                  "worker is replaced.",
        .example = "timeouts: {request: 30s}", .minimum = 100 * ms, .maximum = day, .allows_off = true},
    Key{.path = "timeouts.drain", .kind = ValueKind::duration, .reload = live, .default_text = "30s",
        .summary = "How long a stopping worker may take to finish the requests it has accepted.", .detail = "",
        .example = "timeouts: {drain: 10s}", .minimum = 0, .maximum = day},
    Key{.path = "timeouts.kill", .kind = ValueKind::duration, .reload = live, .default_text = "5s",
        .summary = "How long a process that was told to end may take before it is killed.", .detail = "",
        .example = "timeouts: {kill: 2s}", .minimum = 10 * ms, .maximum = hour},
    Key{.path = "timeouts.header", .kind = ValueKind::duration, .reload = recycle, .default_text = "10s",
        .summary = "How long a client may take to send the head of a request.", .detail = "Over it: 408.",
        .example = "timeouts: {header: 5s}", .minimum = 100 * ms, .maximum = hour},
    Key{.path = "timeouts.body", .kind = ValueKind::duration, .reload = recycle, .default_text = "60s",
        .summary = "How long a client may pause while it sends the body of a request.", .detail = "",
        .example = "timeouts: {body: 5m}", .minimum = 100 * ms, .maximum = day, .allows_off = true},
    Key{.path = "timeouts.write", .kind = ValueKind::duration, .reload = recycle, .default_text = "60s",
        .summary = "How long a client may pause while it receives a response.", .detail = "",
        .example = "timeouts: {write: 5m}", .minimum = 100 * ms, .maximum = day, .allows_off = true},
    Key{.path = "timeouts.keepalive", .kind = ValueKind::duration, .reload = recycle, .default_text = "5s",
        .summary = "How long an idle http connection is kept open for the next request.",
        .detail = "'off' closes every connection after its response.", .example = "timeouts: {keepalive: 15s}",
        .minimum = 10 * ms, .maximum = hour, .allows_off = true},
    // ---- restarts
    Key{.path = "restart.initial", .kind = ValueKind::duration, .reload = live, .default_text = "100ms",
        .summary = "The first pause after repeated crashes; it doubles with each further one.",
        .detail = "The first crash is repaired at once. Pauses are jittered. A change of the file and every command "
                  "of an operator begin anew.",
        .example = "restart: {initial: 500ms}", .minimum = 10 * ms, .maximum = hour},
    Key{.path = "restart.max", .kind = ValueKind::duration, .reload = live, .default_text = "60s",
        .summary = "The longest pause between restarts.", .detail = "It never gives up.",
        .example = "restart: {max: 5m}", .minimum = 10 * ms, .maximum = day},
    Key{.path = "restart.stable", .kind = ValueKind::duration, .reload = live, .default_text = "10s",
        .summary = "Serving for this long counts as success: the next crash is a first one again.", .detail = "",
        .example = "restart: {stable: 1m}", .minimum = 10 * ms, .maximum = day},
    // ---- limits
    Key{.path = "limits.header_size", .kind = ValueKind::size, .reload = recycle, .default_text = "64KiB",
        .summary = "How large the head of a request may be.", .detail = "Over it: 431.",
        .example = "limits: {header_size: 128KiB}", .minimum = 1 * kib, .maximum = 16 * mib},
    Key{.path = "limits.headers", .kind = ValueKind::integer, .reload = recycle, .default_text = "256",
        .summary = "How many header fields a request may have.", .detail = "Over it: 431.",
        .example = "limits: {headers: 100}", .minimum = 8, .maximum = 10'000},
    Key{.path = "limits.body", .kind = ValueKind::size, .reload = recycle, .default_text = "1GiB",
        .summary = "How large the body of a request may be.", .detail = "Over it: 413.",
        .example = "limits: {body: 20MiB}", .minimum = 0, .maximum = 16 * tib},
    Key{.path = "limits.body_memory", .kind = ValueKind::size, .reload = recycle, .default_text = "1MiB",
        .summary = "Bodies up to this size are held in memory, larger ones in a temporary file.", .detail = "",
        .example = "limits: {body_memory: 256KiB}", .minimum = 0, .maximum = 1 * gib},
    Key{.path = "limits.connections", .kind = ValueKind::integer, .reload = recycle, .default_text = "4096",
        .summary = "How many client connections one worker may hold open.", .detail = "",
        .example = "limits: {connections: 1000}", .minimum = 1, .maximum = 1'000'000},
    // ---- log
    Key{.path = "log.file", .kind = ValueKind::path, .reload = live, .default_text = "",
        .summary = "A file that receives the application's output as well.",
        .detail = "Opened with the rights of the vassal's user, reopened on request (emperorctl reopen-logs, SIGUSR1). "
                  "Without it the lines go to the emperor's log only. A relative path counts from chdir.",
        .example = "log: {file: /var/log/mysite/app.log}"},
};

}  // namespace

std::span<const Key> keys() noexcept { return table; }

}  // namespace common::config
