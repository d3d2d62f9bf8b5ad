"""The app behind the conformance cases: it tells what it was given, and does to the server what PEP 3333 allows or forbids.
Every answer of it carries X-Conformance, so that the server's own answers are known from the app's."""
import io
import json
import pathlib
import sys
import tempfile
from wsgiref.validate import validator

MARK = ("X-Conformance", "app")
PLAIN = [("Content-Type", "text/plain"), MARK]
STATE = {"closed": 0, "raised": ""}
CASES = {}


def case(function):
    CASES["/wsgi/" + function.__name__] = function
    return function


def answer(start, text, status="200 OK", headers=PLAIN):
    body = text if isinstance(text, bytes) else text.encode()
    start(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


class Closing:
    """An iterable whose close() is counted."""

    def __init__(self, blocks, fails=False):
        STATE["closed"] = 0
        self.blocks, self.fails = iter(blocks), fails

    def __iter__(self):
        yield from self.blocks
        if self.fails:
            raise RuntimeError("on purpose")

    def close(self):
        STATE["closed"] += 1


def echo(environ, start):
    """What arrived: variables, scheme and body."""
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(length)) if length and length.isdigit() else environ["wsgi.input"].read() \
        if environ.get("wsgi.input_terminated") else b""
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    return answer(start, json.dumps({"environ": seen, "scheme": environ["wsgi.url_scheme"], "body": body.decode("latin-1")}))


@case
def plain(environ, start):
    return answer(start, "plain", headers=[*PLAIN, ("X-A", "b")])


@case
def cookies(environ, start):
    return answer(start, "", headers=[*PLAIN, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])


@case
def teapot(environ, start):
    return answer(start, "short", "418 I'm a teapot")


@case
def environ_types(environ, start):
    good = type(environ) is dict and all(type(key) is str for key in environ)
    cgi = [key for key in environ if key.isupper()]
    good = good and all(type(environ[key]) is str and max(environ[key], default=" ") <= "\xff" for key in cgi)
    good = good and environ["wsgi.version"] == (1, 0) and environ["wsgi.url_scheme"] in ("http", "https")
    good = good and all(environ[f"wsgi.{key}"] in (True, False) for key in ("multithread", "multiprocess", "run_once"))
    return answer(start, "ok" if good else repr(environ))


@case
def environ_keys(environ, start):
    required = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
                "wsgi.input", "wsgi.errors"]
    missing = [key for key in required if key not in environ]
    empty = [key for key in ("REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL") if not environ.get(key)]
    return answer(start, "ok" if not missing + empty and environ["QUERY_STRING"] == "q" else f"{missing} {empty}")


@case
def environ_changed(environ, start):
    environ["REQUEST_METHOD"] = "CHANGED"
    environ["my.key"] = 1
    del environ["SERVER_NAME"]
    return answer(start, "ok")


@case
def write(environ, start):
    start("200 OK", PLAIN)(b"written ")
    return [b"and returned"]


@case
def empty(environ, start):
    start("200 OK", PLAIN)
    return []


@case
def empty_blocks(environ, start):
    start("200 OK", PLAIN)
    return [b"", b"", b"la", b"", b"te"]


@case
def late_start(environ, start):
    def blocks():
        start("202 Accepted", PLAIN)
        yield b"la"
        yield b"te"
    return blocks()


@case
def object(environ, start):  # noqa: A001  the case's name
    start("200 OK", PLAIN)
    return Closing(b"%d" % number for number in range(10))


@case
def one_block(environ, start):
    start("200 OK", PLAIN)
    return [b"block"]


@case
def too_long(environ, start):
    start("200 OK", [*PLAIN, ("Content-Length", "4")])
    return [b"12", b"34", b"56"]


@case
def too_short(environ, start):
    start("200 OK", [*PLAIN, ("Content-Length", "10")])
    return [b"1234"]


@case
def closing(environ, start):
    start("200 OK", PLAIN)
    return Closing([b"block"])


@case
def closing_failure(environ, start):
    start("200 OK", [*PLAIN, ("Content-Length", "100")])
    return Closing([b"block"], fails=True)


@case
def closed(environ, start):
    return answer(start, str(STATE["closed"]))


@case
def raised(environ, start):
    return answer(start, STATE["raised"])


@case
def raises(environ, start):
    raise RuntimeError("on purpose")


@case
def raises_after_start(environ, start):
    start("200 OK", PLAIN)
    raise RuntimeError("on purpose")


@case
def raises_late(environ, start):
    start("200 OK", [*PLAIN, ("Content-Length", "100")])
    yield b"block"
    raise RuntimeError("on purpose")


def fail():
    try:
        raise ValueError("on purpose")
    except ValueError:
        return sys.exc_info()


@case
def exc_info_early(environ, start):
    start("200 OK", [*PLAIN, ("X-First", "1")])
    start("503 Service Unavailable", PLAIN, fail())
    return [b"replaced"]


@case
def exc_info_late(environ, start):
    STATE["raised"] = ""
    start("200 OK", [*PLAIN, ("Content-Length", "100")])
    yield b"block"
    try:
        start("503 Service Unavailable", PLAIN, fail())
    except BaseException as error:
        STATE["raised"] = type(error).__name__
        raise


@case
def start_twice(environ, start):
    start("200 OK", PLAIN)
    try:
        start("200 OK", PLAIN)
    except Exception:
        return [b"raised"]
    return [b"accepted"]


@case
def no_start(environ, start):
    return [b"block"]


@case
def text_body(environ, start):
    start("200 OK", PLAIN)
    return ["text"]


@case
def bytes_status(environ, start):
    start(b"200 OK", PLAIN)
    return [b"block"]


@case
def odd_status(environ, start):
    start("OK", PLAIN)
    return [b"block"]


@case
def header_injection(environ, start):
    start("200 OK", [*PLAIN, ("X-A", "b\r\nX-Injected: c")])
    return [b"block"]


@case
def header_number(environ, start):
    start("200 OK", [*PLAIN, ("X-A", 5)])
    return [b"block"]


@case
def hop_by_hop(environ, start):
    start("200 OK", [*PLAIN, ("Transfer-Encoding", "chunked")])
    return [b"block"]


@case
def no_content(environ, start):
    start("204 No Content", [MARK])
    return []


@case
def not_modified(environ, start):
    start("304 Not Modified", [MARK, ("ETag", '"a"')])
    return []


@case
def input_read(environ, start):
    read = environ["wsgi.input"].read
    return answer(start, f"{len(read())} {len(read())}")


@case
def input_sized(environ, start):
    read = environ["wsgi.input"].read
    return answer(start, "|".join(read(size).decode() for size in (4, 2, 3, 3, 5, 5)) + "|")


@case
def input_lines(environ, start):
    line = environ["wsgi.input"].readline
    return answer(start, "|".join(part.decode() for part in (line(), line(2), line(9), line(), line())))


@case
def input_readlines(environ, start):
    return answer(start, b"|".join(environ["wsgi.input"].readlines()))


@case
def input_iteration(environ, start):
    return answer(start, b"|".join(environ["wsgi.input"]))


@case
def errors(environ, start):
    stream = environ["wsgi.errors"]
    stream.write("a line for the log, on purpose\n")
    stream.writelines(["another\n", "and another\n"])
    stream.flush()
    return answer(start, "ok")


@case
def file(environ, start):
    path = pathlib.Path(tempfile.gettempdir()) / f"conformance-{id(environ)}"
    path.write_bytes(b"from a file")
    opened = open(path, "rb")
    path.unlink()
    start("200 OK", PLAIN)
    return environ.get("wsgi.file_wrapper", lambda source: source)(opened)


@case
def file_like(environ, start):
    class Counted(io.BytesIO):
        def close(self):
            STATE["closed"] = 1
            super().close()

    STATE["closed"] = 0
    start("200 OK", PLAIN)
    return environ.get("wsgi.file_wrapper", lambda source: source)(Counted(b"not a file"))


def valid_app(environ, start):
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(length)) if length else b""
    start("200 OK", PLAIN)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [b"valid " + body]


valid = validator(valid_app)


def application(environ, start_response):
    path = environ.get("PATH_INFO", "")
    if path.startswith("/valid/"):
        return valid(environ, start_response)
    return CASES.get(path, echo)(environ, start_response)
