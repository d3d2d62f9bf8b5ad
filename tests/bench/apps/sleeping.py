"""Waits 10 ms without the interpreter lock, as for a database."""
import time

BODY = [b"Hello world\n"]
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "12")]


def application(environ, start_response):
    time.sleep(0.01)
    start_response("200 OK", HEADERS)
    return BODY
