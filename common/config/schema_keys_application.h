// SPDX-License-Identifier: Apache-2.0
// Rows of the key table: the application, and where it listens.
#pragma once

#include <array>

#include "common/config/schema_units.h"

namespace common::config {

inline constexpr std::array application_keys = {
    // ---- the application
    Key{.path = "app",
        .kind = ValueKind::text,
        .reload = rollout,
        .default_text = "",
        .summary = "The WSGI application to host.",
        .detail = "One of 'package.module:callable', 'path/file.py:callable' or 'module:factory()' (called once, its "
                  "result is the application). Without ':callable' the names 'application' and 'app' are tried. "
                  "A relative file is looked up in chdir.",
        .example = "app: mysite.wsgi:application",
        .required = true},
    Key{.path = "chdir",
        .kind = ValueKind::path,
        .reload = rollout,
        .default_text = "",
        .summary = "The directory the application runs in; it is also put on the Python path.",
        .detail = "A relative path counts from the directory of the vassal's file. Unset: the home directory of the "
                  "vassal's user. It is resolved once per generation, so that a link such as 'current -> "
                  "releases/42' may be switched at any time and takes effect with the next reload.",
        .example = "chdir: /srv/mysite/current"},
    Key{.path = "venv",
        .kind = ValueKind::path,
        .reload = rollout,
        .default_text = "",
        .summary = "The virtual environment whose packages the application uses.",
        .detail = "It must have been made for Python 3.11. A relative path counts from chdir.",
        .example = "venv: /srv/mysite/venv"},
    Key{.path = "python_path",
        .kind = ValueKind::text_list,
        .reload = rollout,
        .default_text = "[]",
        .summary = "Further directories for Python's module search path, after chdir and before all others.",
        .detail = "Relative paths count from chdir.",
        .example = "python_path: [lib, /srv/shared/python]"},
    Key{.path = "env",
        .kind = ValueKind::text_map,
        .reload = rollout,
        .default_text = "{}",
        .summary = "Environment variables of the application.",
        .detail = "Applications start with a clean environment: PATH, LANG, LC_*, TZ, HOME, USER and LOGNAME, then "
                  "env_file, then these. Numbers and booleans are taken as they are written. Merged key by key with "
                  "'env' of _defaults.yaml.",
        .example = "env: {DJANGO_SETTINGS_MODULE: mysite.settings, DEBUG: 0}"},
    Key{.path = "env_file",
        .kind = ValueKind::text_list,
        .reload = rollout,
        .default_text = "[]",
        .summary = "Files with further environment variables, one KEY=value per line.",
        .detail = "Read with the rights of the vassal's user; later files win over earlier ones, 'env' wins over all. "
                  "'#' begins a comment, 'export ' is allowed in front, values may be quoted. Relative paths count "
                  "from chdir.",
        .example = "env_file: /etc/mysite/secrets.env"},
    Key{.path = "mount",
        .kind = ValueKind::text,
        .reload = recycle,
        .default_text = "",
        .summary = "The URL prefix under which the application lives; it becomes SCRIPT_NAME.",
        .detail = "It is taken off PATH_INFO, unless the front end has set SCRIPT_NAME already.",
        .example = "mount: /blog"},
    Key{.path = "before_start",
        .kind = ValueKind::text,
        .reload = rollout,
        .default_text = "",
        .summary = "A shell command that is run once per generation, before the application is imported.",
        .detail = "It runs in chdir with the application's user and environment, under timeouts.start. If it fails, "
                  "the generation does not start and the previous one keeps serving.",
        .example = "before_start: python manage.py migrate --noinput"},
    Key{.path = "watch",
        .kind = ValueKind::text_list,
        .reload = live,
        .default_text = "[]",
        .summary = "Files and links: when one of them changes, the vassal is reloaded.",
        .detail = "A link counts by where it leads, a file by its contents' time and size, a directory by which one it is "
                  "(not by what lies in it). A path that is not there counts when it appears. Looked at with the rights "
                  "of the vassal's user. Relative paths count from chdir.",
        .example = "watch: [/srv/mysite/current, venv/pyvenv.cfg]"},
    Key{.path = "autoreload",
        .kind = ValueKind::boolean,
        .reload = rollout,
        .default_text = "false",
        .summary = "Reload the application when one of the files changes that its Python modules were loaded from.",
        .detail = "For development. Modules that a request imports later count, those of the standard library and of "
                  "site-packages do not. If the new code does not load, the old one serves on and the traceback is shown; the "
                  "next save tries again. Templates and data files are not code: see watch.",
        .example = "autoreload: true"},
    Key{.path = "enabled",
        .kind = ValueKind::boolean,
        .reload = live,
        .default_text = "true",
        .summary = "Whether the vassal runs at all; false stops it and keeps its file.",
        .detail = "",
        .example = "enabled: false"},
    Key{.path = "on_demand",
        .kind = ValueKind::boolean,
        .reload = live,
        .default_text = "false",
        .summary = "Whether the vassal is started by its first connection only.",
        .detail = "Its sockets are open from the beginning; the connection that wakes it waits in the queue and is served. "
                  "With timeouts.idle it goes back to sleep, without it stays up once it was woken. 'emperorctl start' wakes "
                  "it too. For an emperor's vassals; 'vassal' run by hand starts at once.",
        .example = "on_demand: true"},
    // ---- where it listens
    Key{.path = "listen",
        .kind = ValueKind::listen_list,
        .reload = listeners,
        .default_text = "",
        .summary = "The addresses to serve on, each PROTO:ADDRESS.",
        .detail = "PROTO is uwsgi, http, fastcgi or scgi. ADDRESS is /path.sock, @abstract, host:port, [::1]:port or "
                  ":port (every interface). Unset: uwsgi:SOCKETS/NAME.sock, where SOCKETS is the directory 'sockets' "
                  "of the runtime directory (/run/emperor/sockets for root).",
        .example = "listen: [uwsgi:/run/emperor/sockets/mysite.sock, \"http:127.0.0.1:8000\"]"},
    Key{.path = "hosts",
        .kind = ValueKind::text_list,
        .reload = live,
        .default_text = "[]",
        .summary = "Host names under which web servers in front reach the application.",
        .detail = "Each becomes a link by-host/HOST.sock in the runtime directory, to the first unix socket in 'listen' that "
                  "speaks uwsgi, for as long as that socket is open: configs/nginx/emperor.conf routes by it, and a new "
                  "name is served from the next request on. 'emperorctl nginx print' makes server blocks of them. Names "
                  "only, without port or wildcard; one name belongs to one vassal. The first one is also the Host of "
                  "health.path, unless health.host is set.",
        .example = "hosts: [www.example.com, example.com]"},
    Key{.path = "socket.mode",
        .kind = ValueKind::mode,
        .reload = listeners,
        .default_text = "0660",
        .summary = "Permissions of unix sockets, in octal.",
        .detail = "",
        .example = "socket: {mode: 0660}",
        .maximum = 0777},
    Key{.path = "socket.owner",
        .kind = ValueKind::text,
        .reload = listeners,
        .default_text = "",
        .summary = "Owner of unix sockets, a name or a number.",
        .detail = "Unset: the vassal's user.",
        .example = "socket: {owner: mysite}"},
    Key{.path = "socket.group",
        .kind = ValueKind::text,
        .reload = listeners,
        .default_text = "",
        .summary = "Group of unix sockets, a name or a number.",
        .detail = "Unset: www-data where that group exists and may be given, else the vassal's group.",
        .example = "socket: {group: nginx}"},
    Key{.path = "socket.backlog",
        .kind = ValueKind::integer,
        .reload = listeners,
        .default_text = "",
        .summary = "How many connections may wait to be accepted.",
        .detail = "Unset: net.core.somaxconn.",
        .example = "socket: {backlog: 1024}",
        .minimum = 1,
        .maximum = 1'000'000},
    Key{.path = "trusted_proxies",
        .kind = ValueKind::text_list,
        .reload = recycle,
        .default_text = "[]",
        .summary = "Addresses or networks whose X-Forwarded-* headers and PROXY protocol are believed.",
        .detail = "'unix' stands for peers on a unix socket. An http listener takes a PROXY header (version 1 or 2) from "
                  "these peers where they send one, and refuses it from others; the client it names then counts as the "
                  "peer, also for X-Forwarded-*. The other protocols carry the client in their variables.",
        .example = "trusted_proxies: [127.0.0.1, 10.0.0.0/8]"},
};

}  // namespace common::config
