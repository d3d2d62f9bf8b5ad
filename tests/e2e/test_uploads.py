"""`stream_body` and `static` as curl, nginx and a socket see them."""
import hashlib
import os
import re
import socket
import subprocess
import threading

import pytest

from harness import nginx, processes
from harness.waiting import wait_until


class Vassal:
    def __init__(self, binaries, apps, *options, app="uploads:application"):
        self.lines = []
        self.process = subprocess.Popen([binaries / "vassal", "--chdir", apps, "--env", "PYTHONDONTWRITEBYTECODE=1",
                                         "--listen", "http:127.0.0.1:0", *map(str, options), app],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()
        found = wait_until(lambda: re.search(r"http://127.0.0.1:(\d+)/", self.output()), 20, self.output)
        self.url, self.port = found.group(0), int(found.group(1))

    def output(self):
        return "".join(self.lines)

    def worker(self):
        return processes.children_of(self.process.pid)[0]


@pytest.fixture
def vassal(binaries, apps):
    started = []

    def start(*options, **keywords):
        started.append(Vassal(binaries, apps, *options, **keywords))
        return started[-1]

    yield start
    for one in started:
        processes.kill_tree(one.process.pid)
        one.process.wait()
        one.reader.join(5)
        one.process.stdout.close()


def memory_of(pid):
    """Anonymous memory in KiB; files and the interpreter's code do not count."""
    status = open(f"/proc/{pid}/status").read()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1))


def test_curl_gets_the_first_bytes_answered_before_the_last_were_sent(vassal):
    one = vassal("--set", "stream_body=true")
    curl = subprocess.Popen(["curl", "-sN", "-T", ".", one.url + "early"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        curl.stdin.write(b"hello")
        curl.stdin.flush()
        assert curl.stdout.readline() == b"first: hello\n"
        for _ in range(100):
            curl.stdin.write(b"x" * 100_000)
        curl.stdin.close()
        assert curl.stdout.read() == b"size: 10000005\n"
        assert curl.wait(20) == 0
    finally:
        curl.kill()
        curl.wait()
        curl.stdout.close()


def test_a_large_upload_passes_through_without_memory(vassal, scratch):
    one = vassal("--set", "stream_body=true")
    large = scratch / "large"
    block = os.urandom(1 << 20)
    with open(large, "wb") as file:
        for _ in range(64):
            file.write(block)
    digest = hashlib.sha256(block * 64).hexdigest()
    nginx.fetch(one.url, b"warm up")
    before = memory_of(one.worker())
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
        answer = subprocess.run(["curl", "-s", "-T", large, *extra, one.url], capture_output=True, timeout=60)
        assert answer.stdout.decode() == digest
    assert memory_of(one.worker()) - before < 8 * 1024


def test_lines_and_whole_bodies_are_the_same_as_when_collected(vassal):
    body = b"line\n" * 100_000
    for setting in ("true", "false"):
        one = vassal("--set", f"stream_body={setting}", "--threads", "2")
        assert nginx.fetch(one.url + "lines", body)[2] == b"100000"
        assert nginx.fetch(one.url + "all", body)[2] == b"500000"


def talk(port, *parts):
    """Sends the parts, then ends its side; the answer."""
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        for part in parts:
            client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while block := client.recv(65536):
            answer += block
    return answer


def test_a_body_that_breaks_off_is_the_client_s_fault(vassal):
    one = vassal("--set", "stream_body=true", "--set", "limits.body=1000", "--set", "timeouts.body=1s")
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    assert talk(one.port, head + b"Content-Length: 10\r\n\r\nabc").startswith(b"HTTP/1.1 400 ")
    assert talk(one.port, head + b"Content-Length: 2000\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    assert talk(one.port, chunked, b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert talk(one.port, chunked, b"zz\r\n").startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", one.port), 20) as slow:
        slow.sendall(head + b"Content-Length: 10\r\n\r\nabc")
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
    assert nginx.fetch(one.url, b"abc")[0] == 200
    assert "Traceback" not in one.output()


def test_nginx_streams_uploads_and_static_files_over_every_protocol(vassal, scratch):
    (scratch / "static").mkdir()
    (scratch / "static" / "page.html").write_text("<p>static</p>")
    (scratch / "static" / "large.bin").write_bytes(b"y" * 5_000_000)
    for path in (scratch / "static").iterdir():
        path.chmod(0o644)
    os.chmod(scratch, 0o755)
    protocols = ("uwsgi", "fastcgi", "scgi", "http")
    listens = [item for name in protocols for item in ("--listen", f"{name}:{scratch}/{name}.sock")]
    one = vassal(*listens, "--set", "stream_body=true", "--set", "socket.mode=0666", "--set",
                 f"static={{/static: {scratch}/static}}")
    wait_until(lambda: all((scratch / f"{name}.sock").exists() for name in protocols), 15, one.output)
    locations = {}
    for name in protocols:
        buffering = "on" if name == "scgi" else "off"  # nginx's SCGI tells the length of what it has received so far
        directive = (f"include /etc/nginx/{name}_params; {name}_pass unix:{scratch}/{name}.sock; "
                     f"{name}_request_buffering {buffering}")
        if name == "http":
            directive = (f"proxy_pass http://unix:{scratch}/http.sock:/; proxy_request_buffering off; "
                         "proxy_http_version 1.1")
        locations[f"/{name}/"] = f"rewrite ^/{name}(/.*)$ $1 break; {directive};"
    server = nginx.Nginx(scratch, locations)
    try:
        body = os.urandom(3_000_000)
        for name in protocols:
            assert server.get(f"/{name}/", body)[2].decode() == hashlib.sha256(body).hexdigest(), name
            status, headers, text = server.get(f"/{name}/static/page.html")
            assert (status, text) == (200, b"<p>static</p>"), name
            assert headers["Content-Type"] == "text/html; charset=utf-8"
            etag = {"If-None-Match": headers["ETag"]}
            assert server.get(f"/{name}/static/page.html", headers=etag)[0] == 304
            assert server.get(f"/{name}/static/large.bin")[2] == b"y" * 5_000_000
            status, headers, text = server.get(f"/{name}/static/large.bin", headers={"Range": "bytes=-3"})
            assert (status, text, headers["Content-Range"]) == (206, b"yyy", "bytes 4999997-4999999/5000000")
            assert server.get(f"/{name}/static/none")[0] == 404
    finally:
        server.stop()
