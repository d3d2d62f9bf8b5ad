"""Small WSGI apps under wsgiref's validator, which fails a request when either side breaks PEP 3333."""
import io
import os
import sys
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain")]


def _read_all(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    stream = environ["wsgi.input"]
    first = stream.readline(5) if size else b""
    rest = stream.readlines() if size else []
    body = first + b"".join(rest)
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def _iterate_input(environ, start_response):
    lines = [line for line in environ["wsgi.input"]]
    start_response("200 OK", list(TEXT))
    return [b"%d lines, " % len(lines), b"%d bytes" % sum(map(len, lines))]


def _generator(environ, start_response):
    start_response("200 OK", list(TEXT))
    yield b""
    for number in range(3):
        yield b"block %d\n" % number


def _write(environ, start_response):
    write = start_response("200 OK", list(TEXT))
    write(b"written, ")
    write(b"twice, ")
    return [b"then returned"]


def _exc_info(environ, start_response):
    start_response("200 OK", list(TEXT))
    try:
        raise ValueError("changed its mind")
    except ValueError:
        start_response("503 Service Unavailable", list(TEXT), sys.exc_info())
    return [b"replaced head"]


class _Closing:
    closed = 0

    def __init__(self, blocks):
        self.blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        _Closing.closed += 1


def _closing(environ, start_response):
    start_response("200 OK", list(TEXT))
    return _Closing([b"closed %d times before" % _Closing.closed])


def _errors(environ, start_response):
    environ["wsgi.errors"].write("said to wsgi.errors\n")
    environ["wsgi.errors"].writelines(["one\n", "two\n"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", list(TEXT))
    return [b"said"]


VALIDATED = {"/read": validator(_read_all), "/iterate": validator(_iterate_input), "/generator": validator(_generator),
             "/write": validator(_write), "/exc_info": validator(_exc_info), "/close": validator(_closing),
             "/errors": validator(_errors)}


# What the validator itself does not let through, or what needs no validation.
def _file(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"), 4096)


def _bytes_io(environ, start_response):
    start_response("200 OK", list(TEXT))
    return environ["wsgi.file_wrapper"](io.BytesIO(b"from memory " * 1000), 100)


def _no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


def _not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return [b"must not be sent"]


def _cookies(environ, start_response):
    start_response("200 OK", [*TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9")])
    return (b"tuple", b" body")


def _large(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [b"x" * 65536] * 160


def _pid(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [str(os.getpid()).encode()]


PLAIN = {"/file": _file, "/bytes_io": _bytes_io, "/no_content": _no_content, "/not_modified": _not_modified,
         "/cookies": _cookies, "/large": _large, "/pid": _pid, "/": _pid}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    return (VALIDATED.get(path) or PLAIN[path])(environ, start_response)
