"""Each path breaks one rule, or ends badly."""
import os
import signal
import time

TEXT = [("Content-Type", "text/plain")]
closed = []


def raises(environ, start_response):
    raise ValueError("deliberate failure")


def raises_after_start(environ, start_response):
    start_response("200 OK", TEXT)
    raise KeyError("after start_response")


def raises_in_iteration(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"first block"
    raise RuntimeError("in the middle")


def text_body(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text, not bytes"]


def bare_text_body(environ, start_response):
    start_response("200 OK", TEXT)
    return "text"


def no_start_response(environ, start_response):
    return [b"nobody called start_response"]


def returns_none(environ, start_response):
    start_response("200 OK", TEXT)


def status_is_int(environ, start_response):
    start_response(200, TEXT)
    return [b""]


def status_without_reason(environ, start_response):
    start_response("two hundred", TEXT)
    return [b""]


def header_value_is_int(environ, start_response):
    start_response("200 OK", [("Content-Length", 2)])
    return [b"ok"]


def header_with_newline(environ, start_response):
    start_response("200 OK", [("X-Split", "a\r\nSet-Cookie: evil=1")])
    return [b"ok"]


def headers_not_a_list(environ, start_response):
    start_response("200 OK", {"Content-Type": "text/plain"})
    return [b"ok"]


def twice_without_exc_info(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"ok"]


def exits(environ, start_response):
    raise SystemExit(3)


def segfault(environ, start_response):
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(5)


class Slow:
    """Yields for a long time; its close() is counted."""

    def __iter__(self):
        for _ in range(400):
            yield b"x" * 65536
            time.sleep(0.01)

    def close(self):
        closed.append(1)


def slow_stream(environ, start_response):
    start_response("200 OK", TEXT)
    return Slow()


def count_closed(environ, start_response):
    start_response("200 OK", TEXT)
    return [str(len(closed)).encode()]


def pid(environ, start_response):
    start_response("200 OK", TEXT)
    return [str(os.getpid()).encode()]


def application(environ, start_response):
    return globals().get(environ["PATH_INFO"].strip("/"), pid)(environ, start_response)
