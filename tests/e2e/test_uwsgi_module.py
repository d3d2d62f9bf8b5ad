"""`import uwsgi` and `import uwsgidecorators`: what SDKs look for and find, what is not there and says what to use. The
probes are what released versions of the SDKs do at start, shortened."""
import json

import pytest

from test_emperor_module import all_workers, curious  # noqa: F401 (a fixture)

# Each leaves in `answer` what the SDK concludes.
PROBES = {
    "sentry_sdk.utils.check_uwsgi_thread_support": ("""
def enabled(option):
    value = opt.get(option, False)
    if isinstance(value, bool):
        return value
    if isinstance(value, bytes):
        value = value.decode()
    return value and str(value).lower() not in ("false", "no", "off", "n", "0")
from uwsgi import opt
threads_enabled = "threads" in opt or enabled("enable-threads")
fork_hooks_on = enabled("py-call-uwsgi-fork-hooks")
lazy_mode = enabled("lazy-apps") or enabled("lazy")
answer = not (lazy_mode and not threads_enabled) and not (not lazy_mode and (not threads_enabled or not fork_hooks_on))
""", True),
    "ddtrace.internal.uwsgi.check_uwsgi": ("""
import uwsgi
answer = hasattr(uwsgi, "version_info") and hasattr(uwsgi, "opt") and bool(
    uwsgi.opt.get("enable-threads") or int(uwsgi.opt.get("threads") or 0))
if int(uwsgi.numproc) > 1 and not uwsgi.opt.get("lazy-apps") and uwsgi.worker_id() == 0:
    answer = bool(uwsgi.opt.get("master"))
answer = answer and not uwsgi.version_info < (2, 0, 30)
""", True),
    "newrelic.core.environment": ("""
uwsgi = sys.modules["uwsgi"]
answer = uwsgi.version.decode() if hasattr(uwsgi, "version") else None
""", "2.0.30-emperor"),
    "newrelic.core.agent": ("""
import uwsgi
before = getattr(uwsgi, "atexit", None)
def callback():
    print("agent shut down", flush=True)
    if before: before()
uwsgi.atexit = callback
answer = before is None and uwsgi.atexit is callback
""", True),
    "ldclient.client.check_uwsgi": ("""
import uwsgi
answer = hasattr(uwsgi, "opt") and (bool(uwsgi.opt.get("enable-threads")) or
                                    (uwsgi.opt.get("threads") is not None and int(uwsgi.opt.get("threads")) > 1))
""", True),
    "prometheus_client multiprocess identifier": ("""
import uwsgi
identifier = uwsgi.worker_id
answer = f"counter_{identifier()}.db"
""", "counter_1.db"),
    "opentelemetry's documented start": ("""
from uwsgidecorators import postfork
started = []
@postfork
def init_tracing():
    started.append(1)
answer = [callable(init_tracing), started]
""", [True, [1]]),
    "engineio.async_drivers.gevent_uwsgi": ("""
import uwsgi
answer = hasattr(uwsgi, "websocket_handshake")
""", False),
    "hasattr of what nobody has": ("answer = [hasattr(uwsgi, n) for n in ('cache_get', 'spool', 'lock', 'zzz', 'worker_id')]",
                                   [False, False, False, False, True]),
}

UNSUPPORTED = {
    "uwsgi.cache_get('k')": "uwsgi.cache_get has no counterpart in Emperor: use Redis or memcached",
    "uwsgi.lock()": "uwsgi.lock has no counterpart in Emperor: use a lock of the database",
    "uwsgi.spool({})": "use a task queue",
    "uwsgi.send_to_spooler({})": "use a task queue",
    "uwsgi.mule_msg('x')": "run it as a program of its own",
    "uwsgi.websocket_recv()": "ASGI",
    "uwsgi.sharedarea_read(0, 0)": "multiprocessing.shared_memory",
    "uwsgi.register_signal(1, '', print)": "use a task queue, or cron",
    "uwsgi.add_cron(1, 0, 0, -1, -1, -1)": "use cron or a systemd timer",
    "uwsgi.add_timer(1, 10)": "cron",
    "uwsgi.set_user_harakiri(30)": "timeouts: {request: 60s}",
    "uwsgi.metric_inc('x')": "prometheus_client",
    "uwsgi.rpc('a', 'b')": "HTTP",
    "uwsgi.stop()": "emperorctl stop NAME",
    "uwsgi.workers()": "stats socket",
    "uwsgidecorators.spool(print)": "uwsgidecorators.spool has no counterpart in Emperor: use a task queue",
    "uwsgidecorators.timer(3)": "uwsgidecorators.timer has no counterpart",
    "uwsgidecorators.cron(1, 0, -1, -1, -1)": "cron",
    "uwsgidecorators.lock(print)": "lock",
    "uwsgidecorators.mulefunc(print)": "program of its own",
    "uwsgidecorators.harakiri(3)": "timeouts",
}


@pytest.mark.parametrize("keys", [{}, {"preload": True, "workers": 2}, {"threads": 4}], ids=["plain", "preload", "threads"])
def test_sdks_that_look_for_uwsgi_find_what_they_check(curious, keys):
    ask = curious(**keys)
    for name, (probe, expected) in PROBES.items():
        if "counter" in str(expected):
            expected = f"counter_{ask('emperor.worker_id')}.db" if keys.get("workers", 1) == 1 else None
        answer = ask(probe, path="/exec")
        assert expected is None or answer == expected, name


def test_options_are_those_of_the_vassal(curious):
    ask = curious(workers=2, threads=3)
    assert ask("{k: v if v is True else v.decode() for k, v in uwsgi.opt.items()}") == {
        "master": True, "enable-threads": True, "single-interpreter": True, "need-app": True, "strict": True, "vacuum": True,
        "die-on-term": True, "py-call-osafterfork": True, "py-call-uwsgi-fork-hooks": True, "processes": "2", "workers": "2",
        "threads": "3", "buffer-size": "65536", "module": "curious:application", "lazy-apps": True}
    assert ask("[uwsgi.numproc, uwsgi.cores, uwsgi.mule_id(), uwsgi.i_am_the_spooler(), uwsgi.is_a_reload()]") == [
        2, 3, 0, False, False]


def test_with_preload_apps_are_not_lazy(curious):
    ask = curious(preload=True)
    assert ask("'lazy-apps' in uwsgi.opt") is False


def test_what_has_no_counterpart_says_what_to_use(curious):
    ask = curious()
    for call, text in UNSUPPORTED.items():
        answer = ask(f"tried(lambda: {call})")
        assert answer.startswith("UnsupportedByEmperor: ") and text in answer, f"{call}: {answer}"
        assert ask(f"""
try:
    {call}
except NotImplementedError:
    answer = "caught"
""", path="/exec") == "caught"
    assert ask("tried(lambda: uwsgi.nonsense)") == "AttributeError: module 'uwsgi' has no attribute 'nonsense'"
    assert ask("tried(lambda: uwsgidecorators.nonsense)") == (
        "AttributeError: module 'uwsgidecorators' has no attribute 'nonsense'")
    assert ask("answer = None\ntry:\n    from uwsgi import cache_get\nexcept ImportError:\n    answer = 'missing'",
               path="/exec") == "missing"


def test_small_functions_do_what_they_say(curious):
    ask = curious()
    first, second = ask("uwsgi.request_id()"), ask("uwsgi.request_id()")
    assert second == first + 1
    assert ask("[uwsgi.listen_queue(), uwsgi.listen_queue(0), uwsgi.ready(), uwsgi.accepting(), "
               "uwsgi.log_this_request()]") == [0, 0, True, None, None]
    assert ask("[uwsgi.set_logvar('a', 'b'), uwsgi.set_logvar(b'c', b'd'), repr(uwsgi.get_logvar('a')), "
               "repr(uwsgi.get_logvar('c'))]") == [None, None, "b'b'", "b'd'"]
    assert ask("uwsgi.get_logvar('a')") is None, "of another request"
    resident, virtual = ask("uwsgi.mem()")
    assert 1 << 20 < resident < virtual
    assert abs(ask("uwsgi.micros() - int(time.time() * 1e6)")) < 1_000_000
    assert ask("""
import socket
one, two = socket.socketpair()
answer = [uwsgi.is_connected(one.fileno()), one.fileno() >= 0, uwsgi.is_connected(99999)]
""", path="/exec") == [True, True, False]


def test_log_is_a_line_of_the_apps_log(emperor, curious):
    ask = curious()
    assert ask("uwsgi.log('said by uwsgi.log')") is True
    emperor.wait_log("said by uwsgi.log")


def test_threads_of_the_decorator_run(curious):
    ask = curious()
    code = """
done = threading.Event()
@uwsgidecorators.thread
def run(text):
    results.append(text)
    done.set()
results = []
run("in a thread")
answer = [done.wait(10), results]
"""
    assert ask(code, path="/exec") == [True, ["in a thread"]]


def test_reload_is_the_emperors(emperor, curious):
    from harness.waiting import wait_until
    ask = curious()
    assert ask("uwsgi.reload()") is True
    wait_until(lambda: ask("[emperor.generation, uwsgi.is_a_reload()]") == [2, True], 20, "the second generation", 0.01)
    assert "requested by the app: uwsgi.reload()" in json.dumps(emperor.ctl_json("show", "shop"))


def test_decorated_hooks_know_their_worker(curious):
    ask = curious(workers=2)
    hooks = all_workers(ask, "[h[0] for h in HOOKS]", 2)
    assert "two" in hooks[2] and "two" not in hooks[1]
