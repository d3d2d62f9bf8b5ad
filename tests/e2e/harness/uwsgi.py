"""A uwsgi-protocol client as nginx is one: one request per connection, the answer ends with the stream."""
import socket
import struct
from dataclasses import dataclass, field


@dataclass
class Answer:
    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""

    def header(self, name):
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def text(self):
        return self.body.decode()


def variables_for(uri="/", method="GET", body=b"", **extra):
    path, _, query = uri.partition("?")
    variables = {
        "QUERY_STRING": query, "REQUEST_METHOD": method, "CONTENT_TYPE": "", "CONTENT_LENGTH": str(len(body)) if body else "",
        "REQUEST_URI": uri, "PATH_INFO": path, "DOCUMENT_ROOT": "/usr/share/nginx/html", "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "http", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000", "SERVER_PORT": "80",
        "SERVER_NAME": "localhost", "HTTP_HOST": "localhost",
    }
    variables.update(extra)
    return variables


def packet(variables, modifier=0):
    pairs = variables.items() if isinstance(variables, dict) else variables
    block = b"".join(struct.pack("<H", len(part)) + part for pair in pairs
                     for part in (piece.encode("latin-1") for piece in pair))
    return struct.pack("<BHB", modifier, len(block), 0) + block


def parse(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1]) if lines[0].startswith(b"HTTP/") else 0
    headers = [tuple(part.strip().decode("latin-1") for part in line.split(b":", 1)) for line in lines[1:]]
    return Answer(status, headers, body)


def connect(path, timeout=20.0):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(timeout)
    try:
        client.connect(str(path))
    except OSError:
        client.close()
        raise
    return client


def exchange(path, payload, timeout=20.0):
    """Sends bytes, reads to the end of the stream."""
    with connect(path, timeout) as client:
        client.sendall(payload)
        blocks = []
        while block := client.recv(65536):
            blocks.append(block)
        return b"".join(blocks)


def request(path, uri="/", method="GET", body=b"", timeout=20.0, **extra):
    return parse(exchange(path, packet(variables_for(uri, method, body, **extra)) + body, timeout))
