"""The access log: one line for each answered request, on every protocol, over reloads and restarts; nothing that a client
sends can forge a line, and no sink that is full or slow reaches the app."""
import collections
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import processes, uwsgi
from harness.load import Load
from harness.nginx import free_port
from harness.waiting import wait_until

COMBINED = re.compile(r'(?P<addr>\S+) - (?P<user>\S+) \[(?P<time>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] '
                      r'"(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" '
                      r'(?P<ms>\d+\.\d{3}) (?P<id>[0-9a-f]{16})')
KEYS = ["time", "vassal", "generation", "worker", "pid", "remote_addr", "user", "method", "uri", "protocol", "scheme",
        "host", "status", "bytes", "duration_ms", "request_id", "referer", "user_agent", "fields"]


def records(path):
    """The JSON lines of a log; every line that looks like one must be one."""
    lines = pathlib.Path(path).read_text().splitlines() if pathlib.Path(path).exists() else []
    return [json.loads(line) for line in lines if line.startswith("{")]


def wait_records(path, count, seconds=15):
    wait_until(lambda: len(records(path)) >= count, seconds,
               lambda: f"{count} records in {pathlib.Path(path).read_text()[-2000:]}")
    return records(path)


@pytest.fixture
def shop(emperor, scratch):
    """An app on four sockets with a JSON log in a file: (emperor, directory of the sockets, port of HTTP, the file)."""
    directory = scratch / "shop"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "static").mkdir()
    (directory / "static" / "a.txt").write_text("a static file")
    port = free_port()
    listen = [f"uwsgi:{directory}/uwsgi.sock", f"fastcgi:{directory}/fastcgi.sock", f"scgi:{directory}/scgi.sock",
              f"http:127.0.0.1:{port}"]
    emperor.write("shop", listen=listen, static={"/static": str(directory / "static")}, log_access="json",
                  log_file=str(directory / "access.log"))
    emperor.wait_state("shop", "running")
    return emperor, directory, port, directory / "access.log"


def fastcgi(path, uri):
    def record(kind, content=b""):
        return bytes([1, kind, 0, 1, len(content) >> 8, len(content) & 255, 0, 0]) + content
    pairs = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": uri, "REQUEST_URI": uri, "SERVER_PROTOCOL": "HTTP/1.1",
             "REMOTE_ADDR": "192.0.2.7"}
    params = b"".join(bytes([len(key), len(value)]) + key.encode() + value.encode() for key, value in pairs.items())
    return uwsgi.exchange(path, record(1, b"\0\1\0\0\0\0\0\0") + record(4, params) + record(4) + record(5))


def scgi(path, uri):
    block = "".join(f"{key}\0{value}\0" for key, value in
                    {"CONTENT_LENGTH": "0", "SCGI": "1", "REQUEST_METHOD": "GET", "REQUEST_URI": uri,
                     "PATH_INFO": uri}.items()).encode()
    return uwsgi.exchange(path, str(len(block)).encode() + b":" + block + b",")


def test_each_protocol_each_answer_one_line(shop):
    _, directory, port, log = shop
    assert uwsgi.request(directory / "uwsgi.sock", "/by-uwsgi?a=b", HTTP_USER_AGENT="agent", REMOTE_USER="ann").status == 200
    assert b"200" in fastcgi(directory / "fastcgi.sock", "/by-fastcgi")
    assert b"200" in scgi(directory / "scgi.sock", "/by-scgi")
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for method, uri in (("GET", "/by-http"), ("HEAD", "/by-http-head"), ("GET", "/static/a.txt"), ("GET", "/static/none")):
        client.request(method, uri)
        client.getresponse().read()
    client.close()
    for broken in (b"GET /broken HTTP/9.9\r\nHost: a\r\n\r\n", b"nonsense\r\n\r\n",
                   b"GET /twice HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(broken)
            while raw.recv(65536):
                pass
    seen = wait_records(log, 10)
    assert len(seen) == 10
    assert all(list(record) == KEYS for record in seen), seen
    by_uri = {record["uri"]: record for record in seen}
    assert by_uri["/by-uwsgi?a=b"] | {"status": 200, "user": "ann", "user_agent": "agent", "method": "GET", "host": "localhost"} \
        == by_uri["/by-uwsgi?a=b"]
    assert (by_uri["/by-fastcgi"]["remote_addr"], by_uri["/by-scgi"]["status"]) == ("192.0.2.7", 200)
    assert (by_uri["/by-http"]["bytes"], by_uri["/by-http-head"]["bytes"]) == (2, 0)
    assert (by_uri["/static/a.txt"]["status"], by_uri["/static/a.txt"]["bytes"]) == (200, 13)
    assert by_uri["/static/none"]["status"] == 404
    assert by_uri["/broken"]["status"] == 505 and by_uri["/broken"]["remote_addr"] == "127.0.0.1"
    assert by_uri["/twice"]["status"] == 400
    assert [record["status"] for record in seen if record["method"] == "nonsense"] == [400]
    assert len({record["request_id"] for record in seen}) == 10
    assert {record["vassal"] for record in seen} == {"shop"} and {record["worker"] for record in seen} == {1}


def test_a_client_cannot_forge_a_line(shop):
    _, directory, _, log = shop
    evil = 'x"}\r\n{"status":200,"forged":1}\r\n\x1b[2J\x00\\"'
    uwsgi.request(directory / "uwsgi.sock", "/a", HTTP_USER_AGENT=evil, HTTP_REFERER=evil, REMOTE_USER=evil, HTTP_HOST=evil)
    uwsgi.request(directory / "uwsgi.sock", "/" + "u" * 10_000)
    first, second = wait_records(log, 2)
    assert first["user_agent"] == first["referer"] == first["user"] == evil
    assert second["uri"].endswith("u[...]") and len(second["uri"]) < 2100
    assert "\x1b" not in log.read_text() and "\r" not in log.read_text()


def test_every_answered_request_has_its_line_over_reloads_and_killed_workers(emperor, scratch):
    log = scratch / "shop.log"
    log.touch()
    log.chmod(0o666)
    emperor.write("shop", workers=2, threads=4, log_access="json", log_file=str(log))
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    before = len(wait_records(log, 1))
    with Load(emperor.socket("shop"), "/counted", threads=6) as load:
        for _ in range(2):
            more = load.count + 300
            wait_until(lambda: load.count > more, 30)
            assert emperor.ctl("reload", "shop").returncode == 0
        more = load.count + 300
        wait_until(lambda: load.count > more, 30)
    assert load.failed == 0, load.summary()
    wait_until(lambda: sum(r["uri"] == "/counted" for r in records(log)) >= load.count, 15,
               lambda: f"{load.count} lines; there are {len(records(log)) - before}; {dropped(emperor)} dropped")
    counted = [record for record in records(log) if record["uri"] == "/counted"]
    assert len(counted) == load.count
    assert len({record["request_id"] for record in counted}) == load.count
    assert {record["generation"] for record in counted} == {1, 2, 3}
    # What a killed worker had answered is there, too.
    pid, answered = emperor.pid("shop"), len(records(log))
    for _ in range(50):
        assert emperor.get("shop", "/before-the-kill").status == 200
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: sum(r["uri"] == "/before-the-kill" for r in records(log)) == 50, 15, lambda: f"50 lines behind {answered}")
    assert dropped(emperor) == 0


def dropped(emperor):
    return json.loads(uwsgi.exchange(emperor.runtime / "stats" / "shop.sock", b""))["totals"]["access_dropped"]


def test_a_full_disk_reaches_the_log_and_not_the_app(emperor):
    emperor.write("shop", log_access="text", log_file="/dev/full")
    emperor.wait_serving("shop")
    with Load(emperor.socket("shop"), threads=2) as load:
        wait_until(lambda: load.count > 200, 30)
    assert load.failed == 0, load.summary()
    emperor.wait_log("access records were dropped")
    emperor.wait_log("No space left on device")
    wait_until((emperor.runtime / "stats" / "shop.sock").exists, 5, "the stats socket")
    wait_until(lambda: dropped(emperor) >= load.count, 15, lambda: f"{load.count} dropped lines; {dropped(emperor)}")
    assert emperor.output().count("access records were dropped") <= 3


def test_without_a_file_the_lines_are_in_the_emperor_s_log_and_not_in_the_ring(emperor):
    emperor.write("shop", log_access="text")
    emperor.wait_serving("shop")
    for number in range(300):
        assert emperor.get("shop", f"/n-{number}", HTTP_USER_AGENT="seen by the emperor").status == 200
    emperor.wait_log("/n-299")
    lines = [line for line in emperor.output().splitlines() if "seen by the emperor" in line]
    assert len(lines) == 300 and all(" shop | " in line and COMBINED.search(line) for line in lines)
    assert emperor.ctl("reload", "shop").returncode == 0
    assert "/n-" not in emperor.ctl("logs", "shop", "-n", "1000").stdout


def test_a_slip_in_the_format_is_a_finding_with_its_place(emperor):
    emperor.write_text("shop", "app: probe:application\nlog:\n  access: text\n  access_format: '{time} {statsu}'\n")
    emperor.wait_state("shop", "invalid")
    text = emperor.ctl("show", "shop").stdout
    assert "at position 8: unknown field 'statsu' (did you mean 'status'?)" in text and "4:" in text


def start(binaries, apps, *options, stdout=subprocess.PIPE):
    port = free_port()
    process = subprocess.Popen([binaries / "vassal", "--chdir", apps, "--listen", f"http:127.0.0.1:{port}", *options,
                                "probe:application"],
                               stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    def is_up():
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False
    wait_until(is_up, 15)
    return process, port


def get(port, uri, **headers):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", uri, headers=headers)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, body


def test_alone_the_lines_go_to_standard_output(binaries, apps):
    process, port = start(binaries, apps, "--access-log", "text", "--workers", "2", "--threads", "2")
    try:
        threads = [threading.Thread(target=lambda: [get(port, "/seen", **{"User-Agent": "tëst"}) for _ in range(50)])
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
    finally:
        processes.kill_tree(process.pid)
        process.wait()
    found = [COMBINED.fullmatch(line) for line in output.splitlines() if "/seen" in line]
    assert len(found) == 200 and all(found)
    assert collections.Counter(match["request"] for match in found) == {"GET /seen HTTP/1.1": 200}
    assert len({match["id"] for match in found}) == 200


def test_alone_an_output_that_nobody_reads_stops_nobody(binaries, apps):
    reader, writer = os.pipe()
    process, port = start(binaries, apps, "--access-log", "json", stdout=writer)
    os.close(writer)
    try:
        for _ in range(1000):
            assert get(port, "/unread")[0] == 200
    finally:
        os.close(reader)
        processes.kill_tree(process.pid)
        process.wait()


def test_a_format_of_one_s_own(binaries, apps):
    process, port = start(binaries, apps, "--access-log", "text", "--set",
                          "log.access_format={{x}} {method} {path}?{query} {status} {header.X-Trace} {header.none} "
                          "{vassal} {worker}/{thread}")
    try:
        assert get(port, "/path?a=b", **{"X-Trace": "t-1"})[0] == 200
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
    finally:
        processes.kill_tree(process.pid)
        process.wait()
    assert "{x} GET /path?a=b 200 t-1 - probe 1/0\n" in output
