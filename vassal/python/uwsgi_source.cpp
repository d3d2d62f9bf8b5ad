// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/uwsgi_sources.h"

namespace vassal::python {

const char* const uwsgi_source = R"python(
"""What uWSGI's Python module offers, as far as it has a counterpart in Emperor, so that SDKs which look for uWSGI find
what they check. New code imports `emperor`. What has no counterpart is not there: hasattr() is false, and using it
raises a NotImplementedError that names the alternative."""

import os as _os
import sys as _sys
import threading as _threading
import time as _time

version = b"2.0.30-emperor"
version_info = (2, 0, 30, 0, "emperor")
hostname = _os.uname().nodename.encode()
numproc = _facts["workers"]
cores = _facts["threads"]
buffer_size = _facts["buffer_size"]
started_on = int(_time.time())
unbit = False
SPOOL_OK, SPOOL_RETRY, SPOOL_IGNORE = -2, -1, 0

# As uWSGI has it in Python 3: names are str, values bytes, or True for a switch.
opt = {
    "master": True,
    "enable-threads": True,
    "single-interpreter": True,
    "need-app": True,
    "strict": True,
    "vacuum": True,
    "die-on-term": True,
    "py-call-osafterfork": True,
    "py-call-uwsgi-fork-hooks": True,
    "processes": b"%d" % numproc,
    "workers": b"%d" % numproc,
    "threads": b"%d" % cores,
    "buffer-size": b"%d" % buffer_size,
    "module": _facts["app"].encode(),
}
if not _facts["preload"]:
    opt["lazy-apps"] = True


def worker_id():
    """This worker's number from 1; 0 in the process that `preload: true` imports the app in."""
    return _emperor.worker_id


def mule_id():
    """0: there are no mules."""
    return 0


def masterpid():
    return _facts["master"]


def i_am_the_spooler():
    return False


def is_a_reload():
    return _emperor.generation > 1


def reload():
    """As emperor.reload()."""
    _emperor.reload("uwsgi.reload()")
    return True


def listen_queue(_id=0):
    """Waiting connections of all listeners."""
    return _emperor.listen_queue()


def request_id():
    """How many requests this worker has begun, this one included."""
    return _facts["requests"]()


def _text(value):
    return value.decode("utf-8", "backslashreplace") if isinstance(value, (bytes, bytearray)) else value


_logvars = _threading.local()


def _logvars_of_request():
    request = _emperor.request_id()
    if getattr(_logvars, "request", None) != request:
        _logvars.request, _logvars.values = request, {}
    return _logvars.values


def set_logvar(key, value):
    """A field of the access log's record; str or bytes. As emperor.set_log_field()."""
    _emperor.set_log_field(_text(key), _text(value))
    value = _text(value)
    _logvars_of_request()[_text(key)] = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def get_logvar(key):
    """What set_logvar() set in this request, as bytes; else None."""
    return _logvars_of_request().get(_text(key))


def log(message):
    """A line of the app's log."""
    _sys.stderr.write(_text(message) + "\n")
    return True


def log_this_request():
    """Nothing: the access log has every request, or it is off."""


def accepting():
    """Nothing: a worker accepts when all of its generation are ready."""


def ready():
    return _emperor.worker_id > 0


def is_connected(fd):
    """Whether the socket of this number has no pending error."""
    import socket
    try:
        with socket.socket(fileno=_os.dup(fd)) as peer:
            return peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except OSError:
        return False


def mem():
    """(resident, virtual) size of this process in bytes."""
    with open("/proc/self/statm") as statm:
        size, resident = statm.read().split()[:2]
    page = _os.sysconf("SC_PAGE_SIZE")
    return int(resident) * page, int(size) * page


def micros():
    return int(_time.time() * 1000000)


class UnsupportedByEmperor(NotImplementedError, AttributeError):
    """A uWSGI function without a counterpart. An AttributeError too, so that hasattr() is false."""


_STATS = "read the stats socket (stats/NAME.sock, or vassal --stats)"
_QUEUE = "use a task queue (Celery, RQ, dramatiq, Huey)"
_CACHE = "use Redis or memcached, or a dict per worker"
_CRON = "use cron or a systemd timer (`emperorctl exec` will run commands of an app)"
_SIGNAL = "use a task queue, or cron for what is periodic"
_LOCK = "use a lock of the database or Redis; threading.Lock within a worker"
_MULE = "run it as a program of its own, or use a task queue"
_WEBSOCKET = "serve websockets by an ASGI server beside this one"
_SHARED = "use multiprocessing.shared_memory"
_ASYNC = "use threads: there is no asynchronous mode"
_METRIC = "use prometheus_client or statsd; the server's own figures are on the stats socket"
_RPC = "call the other app over HTTP"
_FILE = "return environ['wsgi.file_wrapper'](file): it is sent by sendfile"

# By the longest prefix. uWSGI's names, as its documentation lists them.
_alternatives = {
    "cache_": _CACHE, "sharedarea_": _SHARED, "websocket_": _WEBSOCKET, "metric_": _METRIC, "queue": _QUEUE,
    "mule_": _MULE, "farm_": _MULE, "install_mule_msg_hook": _MULE, "spool": _QUEUE, "send_to_spooler": _QUEUE,
    "set_spooler_frequency": _QUEUE, "get_spooler_frequency": _QUEUE, "signal": _SIGNAL, "register_signal": _SIGNAL,
    "add_timer": _SIGNAL, "add_rb_timer": _SIGNAL, "add_ms_timer": _SIGNAL, "add_cron": _CRON, "alarm": _METRIC,
    "add_file_monitor": "use `watch:` of the vassal's file, or inotify in a thread", "lock": _LOCK, "unlock": _LOCK,
    "is_locked": _LOCK, "rpc": _RPC, "call": _RPC, "register_rpc": _RPC, "rpc_list": _RPC, "send": _RPC, "recv": _RPC,
    "connect": _RPC, "async_": _ASYNC, "wait_fd_": _ASYNC, "suspend": _ASYNC, "green_schedule": _ASYNC,
    "fcgi": _RPC, "connection_fd": "a vassal's app has no access to the client's socket",
    "disconnect": "return the response, and go on in a thread", "sendfile": _FILE, "offload": _FILE,
    "advanced_sendfile": _FILE, "chunked_read": "read environ['wsgi.input']: chunked bodies are decoded",
    "send_chunk": "yield the blocks of the response", "stop": "use `emperorctl stop NAME`",
    "set_user_harakiri": "use `timeouts: {request: 60s}` of the vassal's file",
    "harakiri": "use `timeouts: {request: 60s}` of the vassal's file",
    "total_requests": _STATS, "workers": _STATS, "applications": _STATS, "requests": _STATS,
    "setprocname": "processes are named `vassal: NAME worker N` already",
    "cl": "use environ['CONTENT_LENGTH']", "env": "use the environ of the request", "add_var": "use environ",
    "set_warning_message": "use `emperorctl show` and the log", "route": "use the front end's rules",
    "snmp_": _METRIC, "embedded_data": "ship the file with the app", "extract": "open the file",
    "parsefile": "open the file", "lord_scroll": "there is no legion mode", "i_am_the_lord": "there is no legion mode",
    "scrolls": "there is no legion mode", "logsize": "logs are lines of the emperor, see docs/operations.md",
    "grunt": "use threads, or a task queue", "ptrace": "use faulthandler", "micros_": "use time",
}


def __getattr__(name):
    matching = [prefix for prefix in _alternatives if name == prefix or (prefix[-1:] == "_" and name.startswith(prefix))
                or (prefix in ("spool", "signal", "queue", "rpc", "alarm") and name.startswith(prefix + "_"))]
    if matching:
        raise UnsupportedByEmperor(
            "uwsgi.%s has no counterpart in Emperor: %s" % (name, _alternatives[max(matching, key=len)]))
    raise AttributeError("module 'uwsgi' has no attribute %r" % name)
)python";

}  // namespace vassal::python
