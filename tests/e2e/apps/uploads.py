"""What an app may do with a body that is still coming (`stream_body: true`)."""
import hashlib


def application(environ, start_response):
    body = environ["wsgi.input"]
    path = environ["PATH_INFO"]
    if path == "/early":  # answers the first bytes before the rest was sent
        first = body.read(5)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return early(first, body)
    if path == "/lines":
        start_response("200 OK", [])
        return [b"%d" % sum(1 for _ in body)]
    if path == "/all":
        text = body.read()
        start_response("200 OK", [])
        return [b"%d" % len(text)]
    digest, size = hashlib.sha256(), 0
    while block := body.read(65536):
        digest.update(block)
        size += len(block)
    start_response("200 OK", [("X-Size", str(size))])
    return [digest.hexdigest().encode()]


def early(first, body):
    yield b"first: " + first + b"\n"
    size = len(first)
    while block := body.read(65536):
        size += len(block)
    yield b"size: %d\n" % size
