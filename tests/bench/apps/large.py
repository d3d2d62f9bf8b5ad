"""10 MB out (GET), or as many in (POST), read in blocks as frameworks do."""
LARGE = bytes(range(256)) * 40_000


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        read, size = environ["wsgi.input"].read, 0
        while block := read(65536):
            size += len(block)
        body = b"%d" % size
    else:
        body = LARGE
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]
