"""Evaluates what it is sent, with the server's modules at hand: POST an expression to /eval, or statements to /exec that
leave their answer in `answer`. What it saw at import, and what its hooks saw, it remembers."""
import json
import os
import sys
import threading
import time

import emperor
import uwsgi
import uwsgidecorators


def tried(function, *arguments):
    """The result, or the exception as text."""
    try:
        return function(*arguments)
    except Exception as error:  # the tests look at any
        return f"{type(error).__name__}: {error}"


AT_IMPORT = {"worker_id": emperor.worker_id, "generation": emperor.generation, "vassal": emperor.vassal,
             "version": emperor.version, "uwsgi_worker_id": uwsgi.worker_id(), "masterpid": uwsgi.masterpid(),
             "pid": os.getpid(), "reload": tried(emperor.reload, "at import"), "listen_queue": tried(emperor.listen_queue),
             "set_log_field": tried(emperor.set_log_field, "a", "b"), "request_id": emperor.request_id()}
HOOKS = []


@emperor.postfork
def first():
    HOOKS.append(["first", emperor.worker_id, os.getpid()])
    emperor.postfork(lambda: HOOKS.append(["from a hook", emperor.worker_id, os.getpid()]))
    HOOKS.append(["reload", tried(emperor.reload)])


@uwsgidecorators.postfork
def second():
    HOOKS.append(["second", uwsgi.worker_id(), os.getpid()])


@uwsgidecorators.postfork(2)
def in_two_only():
    HOOKS.append(["two", uwsgi.worker_id(), os.getpid()])


if os.environ.get("POST_FORK_HOOK"):
    uwsgi.post_fork_hook = lambda: HOOKS.append(["attribute", uwsgi.worker_id(), os.getpid()])
if os.environ.get("ATEXIT"):
    uwsgi.atexit = lambda: print("uwsgi.atexit ran in worker", uwsgi.worker_id(), flush=True)
if os.environ.get("FAILING_HOOK"):
    @emperor.postfork
    def fails():
        raise OSError("the database of " + emperor.vassal + " is away")

TICKS = 0


def tick():
    global TICKS
    while True:
        time.sleep(0.01)
        TICKS += 1


if os.environ.get("THREAD_AT_IMPORT"):
    threading.Thread(target=tick, daemon=True).start()
if os.environ.get("THREAD_IN_HOOK"):
    emperor.postfork(lambda: threading.Thread(target=tick, daemon=True).start())

LOCAL = threading.local()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("as asked")
    space = globals() | {"environ": environ}
    code = environ["wsgi.input"].read().decode() or "'ok'"
    if path == "/exec":
        exec(code, space)
        answer = space["answer"]
    else:
        answer = eval(code, space)
    body = json.dumps(answer, default=repr).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Worker", str(emperor.worker_id))])
    return [body]


assert sys.modules["emperor"] is emperor
