"""Hold: clients of an app that cannot be started wait for `restart.hold`, then each is told 503 with Retry-After."""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import processes, uwsgi
from harness.nginx import fetch, free_port
from harness.waiting import wait_until

BREAKABLE = """
import os, probe

if os.path.exists(f"{HERE}/broken"):
    raise RuntimeError("broken on purpose")


def application(environ, start_response):
    if environ["PATH_INFO"] == "/die":
        os._exit(3)
    return probe.application(environ, start_response)
"""


class Shop:
    """A vassal on all four protocols that can be broken and mended."""

    def __init__(self, emperor, scratch):
        self.emperor, self.scratch, self.port = emperor, scratch, free_port()
        (scratch / "main.py").write_text(f"HERE = {str(scratch)!r}\n{BREAKABLE}")
        self.paths = {name: scratch / f"{name}.sock" for name in ("fastcgi", "scgi")}

    def write(self, hold="500ms", **keys):
        listen = [f"uwsgi:{self.emperor.socket('shop')}", f"http:127.0.0.1:{self.port}",
                  *(f"{name}:{path}" for name, path in self.paths.items())]
        self.emperor.write("shop", "main:application", chdir=self.scratch, python_path=str(self.emperor.apps), listen=listen,
                           restart_hold=hold, restart_initial="200ms", restart_max="5s", **keys)
        return self

    def break_it(self):
        (self.scratch / "broken").touch()

    def mend(self):
        (self.scratch / "broken").unlink()

    def start_broken(self, **keys):
        self.break_it()
        self.write(**keys)
        return self.wait_holding()

    def wait_holding(self):
        wait_until(lambda: "clients get 503" in (self.emperor.status("shop") or {}).get("reason", ""), 20,
                   lambda: f"held clients: {self.emperor.status('shop')}")
        return self

    def hold_process(self):
        return next((pid for pid in processes.children_of(self.emperor.process.pid)
                     if processes.command_line(pid) == "vassal: shop hold"), None)


@pytest.fixture
def shop(emperor, scratch):
    scratch.chmod(0o777)
    return Shop(emperor, scratch)


def raw(address, payload, timeout=20):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as client:
        client.settimeout(timeout)
        client.connect(address if family == socket.AF_INET else str(address))
        client.sendall(payload)
        seen = b""
        while piece := client.recv(65536):
            seen += piece
        return seen


def http(port, head, body=b""):
    return raw(("127.0.0.1", port), head.encode() + b"\r\nHost: localhost\r\n\r\n" + body)


def scgi_packet():
    head = b"CONTENT_LENGTH\x000\x00SCGI\x001\x00REQUEST_METHOD\x00GET\x00REQUEST_URI\x00/\x00"
    return str(len(head)).encode() + b":" + head + b","


def test_all_protocols_get_503_and_retry_after_at_once(shop):
    shop.start_broken()
    assert "broken on purpose" in shop.emperor.status("shop")["reason"]
    since = time.monotonic()
    answer = shop.emperor.get("shop")
    assert answer.status == 503 and 1 <= int(answer.header("Retry-After")) <= 6
    assert b"Traceback" not in answer.body and len(answer.body) < 100
    seen = http(shop.port, "GET / HTTP/1.1")
    assert seen.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in seen and b"\r\nConnection: close\r\n" in seen
    assert seen.endswith(b"503 Service Unavailable\n")
    assert http(shop.port, "HEAD / HTTP/1.1").endswith(b"\r\n\r\n")
    proxied = raw(("127.0.0.1", shop.port), b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert proxied.startswith(b"HTTP/1.1 503 ")
    assert raw(shop.paths["scgi"], scgi_packet()).startswith(b"Status: 503 ")
    program = shutil.which("cgi-fcgi") or pytest.skip("no cgi-fcgi")
    done = subprocess.run([program, "-bind", "-connect", shop.paths["fastcgi"]], capture_output=True, timeout=20,
                          env={"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/", "QUERY_STRING": ""}, stdin=subprocess.DEVNULL)
    assert done.stdout.startswith(b"Status: 503 ") and b"Retry-After: " in done.stdout, done
    assert time.monotonic() - since < 10, "nobody waited"


def test_who_waited_before_is_answered_too(shop):
    shop.break_it()
    shop.write(hold="2s")
    wait_until(shop.emperor.socket("shop").exists, 10)
    since = time.monotonic()
    assert shop.emperor.get("shop", timeout=30).status == 503
    assert time.monotonic() - since > 0.5, "it waited first"


def test_nginx_passes_it_on(shop, nginx):
    shop.start_broken()
    front = nginx({"/": f"uwsgi_pass unix:{shop.emperor.socket('shop')};"})
    status, headers, body = front.get("/")
    assert status == 503 and int(headers["Retry-After"]) >= 1 and b"503" in body
    status, _, _ = front.get("/upload", data=b"x" * 3_000_000)
    assert status == 503, "also to who still sends"


def test_a_start_that_succeeds_ends_it_and_nobody_is_lost(shop):
    shop.start_broken()
    holder = wait_until(shop.hold_process, 10)
    ending, statuses, errors = threading.Event(), [], []

    def ask():
        while not ending.is_set():
            begun = time.monotonic()
            try:
                statuses.append((begun, shop.emperor.get("shop", timeout=30).status))
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(statuses) > 50, 20)
        shop.mend()
        shop.emperor.wait_state("shop", "running")
        processes.wait_gone(holder)
        since, count = time.monotonic(), len(statuses)
        wait_until(lambda: len(statuses) > count + 50, 20)
    finally:
        ending.set()
        for thread in threads:
            thread.join(40)
    assert errors == []
    assert {status for _, status in statuses} == {200, 503}
    assert {status for begun, status in statuses if begun > since} == {200}


def test_stop_and_removal_end_it_at_once(shop):
    shop.start_broken()
    holder = wait_until(shop.hold_process, 10)
    assert shop.emperor.ctl("stop", "shop").returncode == 0
    processes.wait_gone(holder)
    wait_until(lambda: not shop.emperor.socket("shop").exists(), 10, "closed sockets")
    assert shop.emperor.state("shop") == "stopped"
    shop.emperor.ctl("start", "--no-wait", "shop")
    shop.wait_holding()
    holder = wait_until(shop.hold_process, 10)
    shop.emperor.remove("shop")
    processes.wait_gone(holder)
    wait_until(lambda: shop.emperor.status("shop") is None, 10, "forgotten")


def test_a_client_that_says_nothing_holds_nobody_up(shop):
    shop.start_broken()
    with socket.create_connection(("127.0.0.1", shop.port), 20) as silent:
        assert http(shop.port, "GET / HTTP/1.1").startswith(b"HTTP/1.1 503 ")
        assert silent.recv(1) == b"", "its time is limited"


def test_workers_that_keep_dying_leave_the_answer_to_the_master(shop):
    """The generation lives, none of its workers does."""
    shop.write()
    shop.emperor.wait_state("shop", "running")
    master = shop.emperor.master_pid("shop")
    shop.break_it()
    assert shop.emperor.get("shop", "/die").status == 0, "cut off"
    shop.wait_holding()
    assert shop.emperor.state("shop") == "backoff" and processes.is_alive(master) and shop.hold_process() is None
    answer = shop.emperor.get("shop")
    assert answer.status == 503 and int(answer.header("Retry-After")) >= 1
    assert http(shop.port, "GET / HTTP/1.1").startswith(b"HTTP/1.1 503 ")
    shop.mend()
    shop.emperor.wait_state("shop", "running")
    assert {shop.emperor.get("shop").status for _ in range(50)} == {200}
    assert processes.is_alive(master)


def test_a_crashed_generation_that_cannot_start_again_is_answered_for(shop):
    shop.write()
    shop.emperor.wait_state("shop", "running")
    shop.break_it()
    os.kill(shop.emperor.master_pid("shop"), signal.SIGKILL)
    shop.wait_holding()
    assert shop.emperor.get("shop").status == 503


def test_a_hold_process_ends_with_its_emperor_and_clients_wait_for_the_next(idle_emperor, scratch):
    scratch.chmod(0o777)
    shop = Shop(idle_emperor.start(), scratch)
    shop.start_broken()
    holder = wait_until(shop.hold_process, 10)
    idle_emperor.send(signal.SIGKILL)
    idle_emperor.wait()
    processes.wait_gone(holder)
    with uwsgi.connect(idle_emperor.socket("shop"), 60) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
        shop.mend()
        idle_emperor.start()
        seen = b""
        while piece := client.recv(65536):
            seen += piece
    assert uwsgi.parse(seen).status == 200


def test_clients_do_not_wait_anew_when_the_emperor_dies(idle_emperor, scratch):
    scratch.chmod(0o777)
    shop = Shop(idle_emperor.start(), scratch)
    shop.write(hold="60s")
    idle_emperor.wait_serving("shop")
    shop.break_it()
    os.kill(idle_emperor.master_pid("shop"), signal.SIGKILL)
    idle_emperor.wait_state("shop", "backoff")
    counts = idle_emperor.runtime / "vassals" / "shop" / "counts.json"
    since = wait_until(lambda: json.loads(counts.read_text())["failing_since_us"], 10)
    assert abs(since / 1e6 - time.time()) < 30
    for _ in range(3):
        idle_emperor.send(signal.SIGKILL)
        idle_emperor.wait()
        assert json.loads(counts.read_text())["failing_since_us"] in range(since - 1000, since + 1000)
        idle_emperor.start()
    idle_emperor.send(signal.SIGKILL)
    idle_emperor.wait()
    # As if a minute had gone by.
    counts.write_text(json.dumps({**json.loads(counts.read_text()), "failing_since_us": since - 60_000_000}))
    idle_emperor.start()
    shop.wait_holding()
    assert shop.emperor.get("shop").status == 503
    shop.mend()
    wait_until(lambda: json.loads(counts.read_text())["failing_since_us"] == 0, 20, "it serves")


def test_a_killed_hold_process_comes_again(shop):
    shop.start_broken()
    holder = wait_until(shop.hold_process, 10)
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: shop.hold_process() not in (None, holder), 20, "another one")
    assert shop.emperor.get("shop", timeout=30).status == 503


def test_off_lets_clients_wait(shop):
    shop.break_it()
    shop.write(hold="off")
    shop.emperor.wait_state("shop", "backoff")
    with pytest.raises(TimeoutError):
        shop.emperor.get("shop", timeout=2)
    assert shop.hold_process() is None


def test_a_failed_wake_is_held_too(shop):
    shop.break_it()
    shop.write(on_demand=True)
    shop.emperor.wait_state("shop", "sleeping")
    assert shop.emperor.get("shop", timeout=30).status == 503
    shop.mend()
    shop.emperor.wait_state("shop", "running")
    assert shop.emperor.get("shop").status == 200
