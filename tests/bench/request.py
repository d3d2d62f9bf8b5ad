"""The measured requests: 21 variables as nginx sends them for a browser's GET, in uwsgi framing, and the browser's GET
itself."""
import struct

HEADERS = {
    "Host": "www.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "keep-alive",
    "Cookie": "sessionid=3f1c9a7be0d24f2c8a5f1e6b7d904c21; csrftoken=Zk3vQx8LwYt1RnHs",
    "Upgrade-Insecure-Requests": "1",
}
PATH, QUERY = "/articles/latest", "page=2&order=date"


def variables(method="GET", length=""):
    return {
        "QUERY_STRING": QUERY,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": str(length),
        "REQUEST_URI": f"{PATH}?{QUERY}",
        "PATH_INFO": PATH,
        "DOCUMENT_ROOT": "/usr/share/nginx/html",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "192.0.2.17",
        "REMOTE_PORT": "51234",
        "SERVER_PORT": "80",
        "SERVER_NAME": "www.example.com",
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in HEADERS.items()},
    }


assert len(variables()) == 21


def packet(method="GET", body=b""):
    """In uwsgi framing."""
    pairs = variables(method, len(body) or "").items()
    block = b"".join(struct.pack("<H", len(part)) + part.encode() for pair in pairs for part in pair)
    return struct.pack("<BHB", 0, len(block), 0) + block + body


def http(path=PATH):
    lines = [f"GET {path}?{QUERY} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
