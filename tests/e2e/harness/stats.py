"""A client of stats sockets: raw, over HTTP, parsed."""
import json
import socket


def connect(address, timeout=10):
    """`address`: a unix socket's path, or (host, port)."""
    is_tcp = isinstance(address, tuple)
    client = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
    client.settimeout(timeout)
    client.connect(address if is_tcp else str(address))
    return client


def raw(address, payload=b"", timeout=10):
    with connect(address, timeout) as client:
        if payload:
            client.sendall(payload)
        blocks = []
        while block := client.recv(65536):
            blocks.append(block)
        return b"".join(blocks)


def get(address, target="/", headers=()):
    """(status, headers in lower case, body)"""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head, _, body = raw(address, f"GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()).partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return int(status.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in fields)}, body


def document(address, target="/"):
    status, headers, body = get(address, target)
    assert status == 200 and headers["content-type"] == "application/json", (status, headers, body[:300])
    return json.loads(body)
