"""The app that most tests host: each path does one thing, and says what it saw."""
import json
import os
import sys
import threading
import time
from urllib.parse import parse_qs

STARTED = time.time()


def plain(start_response, text, status="200 OK", headers=()):
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *headers])
    return [body]


def show_environ(environ, start_response):
    shown = {key: value if isinstance(value, (str, bool, int, tuple)) else type(value).__name__ for key, value in environ.items()}
    return plain(start_response, json.dumps(shown))


def show_process(environ, start_response):
    mask = os.umask(0)
    os.umask(mask)
    return plain(start_response, json.dumps({
        "pid": os.getpid(), "ppid": os.getppid(), "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
        "umask": mask, "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path, "executable": sys.executable,
        "prefix": sys.prefix, "threads": threading.active_count(), "utf8": sys.flags.utf8_mode}))


def sleep(environ, start_response):
    seconds = float(parse_qs(environ["QUERY_STRING"]).get("s", ["1"])[0])
    time.sleep(seconds)
    return plain(start_response, f"slept {seconds} in {os.getpid()}")


def echo(environ, start_response):
    return plain(start_response, environ["wsgi.input"].read().decode())


def log(environ, start_response):
    text = parse_qs(environ["QUERY_STRING"]).get("text", ["a line"])[0]
    print(text, flush=True)
    print(text.upper(), file=sys.stderr, flush=True)
    environ["wsgi.errors"].write(text + " to wsgi.errors\n")
    return plain(start_response, "logged")


def flood(environ, start_response):
    for number in range(20000):
        print(f"flood {number} " + "x" * 200)
    return plain(start_response, "flooded")


ROUTES = {"/environ": show_environ, "/process": show_process, "/sleep": sleep, "/echo": echo, "/log": log, "/flood": flood,
          "/pid": lambda environ, start_response: plain(start_response, str(os.getpid())),
          "/version": lambda environ, start_response: plain(start_response, os.environ.get("VERSION", "1"))}


def application(environ, start_response):
    route = ROUTES.get(environ["PATH_INFO"])
    return route(environ, start_response) if route else plain(start_response, "ok")


class Callable:
    def __call__(self, environ, start_response):
        return plain(start_response, "an object")


instance = Callable()
app = application


def factory(greeting="made"):
    return lambda environ, start_response: plain(start_response, greeting)


# Apps that need a while to import, as large frameworks do.
time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))
