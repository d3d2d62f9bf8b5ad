"""The measured app: two headers, a list of one 12-byte block."""
BODY = [b"Hello world\n"]
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "12")]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return BODY
