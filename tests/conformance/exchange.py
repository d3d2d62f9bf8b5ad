"""Talking to a server in raw bytes: what a case says as bytes, one request in any protocol, and what came back."""
import re
import socket
import struct
import time
from dataclasses import dataclass, field

FOLLOW_UP = "/wsgi/plain"


@dataclass
class Reply:
    """What came back on a connection. `raw` is everything; status 0: no answer that can be read as one."""
    raw: bytes = b""
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False   # the answer ended where its framing says
    is_closed: bool = False  # the server closed the connection

    @property
    def is_from_app(self):
        return "x-conformance" in self.headers


def raw_of(case):
    """The bytes of a case of any suite."""
    if "raw" in case:
        parts = [case["raw"]] if isinstance(case["raw"], str) else case["raw"]
        return b"".join(latin(part) if isinstance(part, str) else latin(part["repeat"]) * part["times"] for part in parts)
    if "block" in case:
        return netstring(latin(case["block"])) + latin(case.get("tail", ""))
    if "pairs" in case:
        return uwsgi_packet(expand(case["pairs"]), case.get("modifier", 0)) + latin(case.get("tail", ""))
    return b"".join(record_of(record, case.get("padding", 0)) for record in case["records"])


def latin(text):
    return text.encode("latin-1")


def netstring(block):
    return b"%d:%b," % (len(block), block)


def expand(pairs):
    for pair in pairs:
        if isinstance(pair, list):
            yield pair
        else:
            for number in range(pair["times"]):
                yield [part.replace("%", str(number)) for part in pair["repeat"]]


def uwsgi_packet(pairs, modifier=0):
    block = b"".join(struct.pack("<H", len(part)) + part for pair in pairs for part in map(latin, pair))
    return struct.pack("<BHB", modifier, len(block), 0) + block


RECORD_TYPES = {"begin": 1, "abort": 2, "params": 4, "stdin": 5}


def record(number, identity, content=b"", padding=0):
    return struct.pack(">BBHHBB", 1, number, identity, len(content), padding, 0) + content + bytes(padding)


def record_of(entry, padding):
    kind, identity, *rest = entry
    if kind == "begin":
        content = struct.pack(">HB5x", rest[1] if len(rest) > 1 else 1, 1 if rest else 0)
    elif rest and isinstance(rest[0], dict):
        content = fastcgi_pairs(rest[0])
    else:
        content = latin(rest[0]) if rest else b""
    return record(RECORD_TYPES.get(kind) or int(kind), identity, content, padding)


def fastcgi_pairs(pairs):
    parts = [(latin(key), latin(value)) for key, value in pairs.items()]
    return b"".join(bytes([len(key), len(value)]) + key + value for key, value in parts)


def request(protocol, method, path, body=b"", keep=False):
    """One plain request in a protocol."""
    path, _, query = path.partition("?")
    length = str(len(body)) if body else ""
    if protocol == "http":
        target = path + (f"?{query}" if query else "")
        lines = [f"{method} {target} HTTP/1.1", "Host: a", *([f"Content-Length: {length}"] if body else []),
                 *([] if keep else ["Connection: close"])]
        return latin("\r\n".join(lines) + "\r\n\r\n") + body
    variables = {"CONTENT_LENGTH": length or "0", "SCGI": "1", "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
                 "REQUEST_URI": path, "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "a", "SERVER_PORT": "80", "HTTP_HOST": "a",
                 "SCRIPT_NAME": ""}
    if protocol == "scgi":
        return netstring(latin("".join(f"{key}\0{value}\0" for key, value in variables.items()))) + body
    del variables["SCGI"]
    if protocol == "uwsgi":
        return uwsgi_packet(variables.items()) + body
    end = [record(5, 1, body), record(5, 1)] if body else [record(5, 1)]
    return b"".join([record_of(["begin", 1, *(["keep"] if keep else [])], 0), record(4, 1, fastcgi_pairs(variables)),
                     record(4, 1), *end])


class Connection:
    def __init__(self, server, timeout=2.0):
        self.protocol, address = server.split(":", 1)
        self.timeout, self.received, self.is_closed = timeout, b"", False
        self.socket = socket.socket(socket.AF_UNIX if address.startswith("/") else socket.AF_INET)
        self.socket.settimeout(timeout)
        host, _, port = address.rpartition(":")
        self.socket.connect(address if address.startswith("/") else (host or "127.0.0.1", int(port)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:  # refused before all was sent
            pass

    def receive(self, seconds):
        """More bytes within the time; False when none came."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            block = self.socket.recv(1 << 16)
        except TimeoutError:
            return False
        except OSError:
            block = b""
        self.is_closed = not block
        self.received += block
        return bool(block)

    def answer(self, method="GET"):
        """The answer to one request, whole or as far as it comes within the time."""
        deadline = time.monotonic() + self.timeout
        while True:
            reply, used = parse(self.protocol, self.received, method, self.is_closed)
            if reply.is_whole or self.is_closed or time.monotonic() > deadline:
                self.received = self.received[used:]
                reply.is_closed = self.is_closed
                return reply
            self.receive(deadline - time.monotonic())

    def is_closed_within(self, seconds=0.5):
        deadline = time.monotonic() + seconds
        while not self.is_closed and time.monotonic() < deadline:
            self.receive(deadline - time.monotonic())
        return self.is_closed


def parse(protocol, data, method, is_end):
    """(reply, bytes used) of what has been received so far."""
    if protocol == "fastcgi":
        return parse_fastcgi(data, method)
    reply, used = parse_http(data, method, is_end, is_framed=protocol == "http")
    reply.raw = data
    return reply, used


def parse_head(text):
    lines = text.decode("latin-1").split("\r\n")
    headers, status = {}, 200
    if lines[0].startswith("HTTP/"):
        found = re.match(r"HTTP/1\.[01] (\d{3})", lines.pop(0))
        status = int(found.group(1)) if found else 0
    for line in lines:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}|{value.strip()}" if key in headers else value.strip()
    return int(headers.pop("status", str(status)).split()[0]), headers


def parse_http(data, method, is_end, is_framed):
    start = 0
    while True:  # interim answers are skipped
        end = data.find(b"\r\n\r\n", start)
        if end < 0:
            return Reply(), len(data) if is_end else 0
        status, headers = parse_head(data[start:end])
        start = end + 4
        if status >= 200 or status == 0:
            break
    rest = data[start:]
    reply = Reply(status=status, headers=headers)
    if method == "HEAD" or status in (204, 304):
        reply.is_whole = is_framed or is_end
        reply.body = b"" if is_framed else rest
        return reply, start
    if is_framed and "chunked" in headers.get("transfer-encoding", ""):
        reply.body, reply.is_whole, used = parse_chunks(rest)
        return reply, start + used
    length = headers.get("content-length", "")
    if length.isdigit():
        reply.body = rest[:int(length)] if is_framed else rest
        reply.is_whole = len(rest) >= int(length) and (is_framed or is_end)
        return reply, start + min(len(rest), int(length))
    reply.body, reply.is_whole = rest, is_end
    return reply, len(data)


def parse_chunks(data):
    body, at = b"", 0
    while True:
        end = data.find(b"\r\n", at)
        size_text = data[at:end].split(b";")[0] if end >= 0 else b""
        if not re.fullmatch(rb"[0-9a-fA-F]+", size_text):
            return body, False, len(data)
        size = int(size_text, 16)
        if len(data) < end + 2 + size + 2:
            return body, False, len(data)
        body += data[end + 2:end + 2 + size]
        at = end + 2 + size + 2
        if size == 0:
            return body, True, at


def parse_fastcgi(data, method):
    output, at, is_whole = b"", 0, False
    while len(data) - at >= 8 and not is_whole:
        _, kind, identity, size, padding = struct.unpack(">BBHHB", data[at:at + 7])
        if len(data) - at < 8 + size + padding:
            break
        if kind == 6:
            output += data[at + 8:at + 8 + size]
        is_whole = kind == 3 and identity == 1
        at += 8 + size + padding
    reply, _ = parse_http(output, method, True, is_framed=False)
    if not is_whole:  # not FastCGI at all, as to a client that is none
        plain, _ = parse_http(data, method, True, is_framed=False)
        reply = plain if plain.status and data.startswith((b"HTTP/", b"Status:")) else reply
    reply.raw = data
    reply.is_whole = is_whole and (reply.is_whole or not output)
    return reply, at
