"""A listen queue that fills up: one line an episode that says how full, why, and what to do."""
import contextlib
import json
import re
import socket

from harness.waiting import wait_until


def asking(emperor, clients):
    def ask(uri):
        """A client that has sent its request and waits; uwsgi's packet by hand."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        variables = {"REQUEST_METHOD": "GET", "PATH_INFO": uri.split("?")[0], "REQUEST_URI": uri,
                     "QUERY_STRING": uri.partition("?")[2],
                     "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "x", "SERVER_PORT": "80", "SCRIPT_NAME": ""}
        body = b"".join(len(part).to_bytes(2, "little") + part.encode() for pair in variables.items() for part in pair)
        client.connect(str(emperor.socket("shop")))
        client.sendall(b"\0" + len(body).to_bytes(2, "little") + b"\0" + body)
        clients.append(client)
    return ask


def test_one_line_when_the_queue_fills_up_and_one_when_it_is_over(emperor):
    emperor.write("shop", socket_backlog=8)
    emperor.wait_running("shop")
    clients = []
    ask = asking(emperor, clients)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [client.close() for client in clients])
        ask("/sleep?s=8")
        wait_until(lambda: emperor.status("shop")["workers"]["busy"] == 1, 10)
        for _ in range(8):
            ask("/")
        emperor.wait_log("listen queue full", seconds=12)
        line = next(line for line in emperor.output().splitlines() if "listen queue full" in line)
        assert "depth=" in line and "busy=1" in line and "GET /sleep?s=8" in line and "emperorctl scale shop 2" in line, line
        event = next(json.loads(line) for line in emperor.ctl("-o", "json", "events", "shop").stdout.splitlines()
                     if "queue_full" in line)
        assert re.match(r"\d of 8 clients wait, 1 of 1 threads busy, oldest request GET /sleep\?s=8 for \d+ s; "
                        r"all threads are busy", event["text"])
        assert "queue full: " in emperor.ctl("why", "shop").stdout
        for client in clients:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    emperor.wait_log("listen queue normal", seconds=15)
    assert emperor.output().count("listen queue full") == 1 and emperor.output().count("listen queue normal") == 1


def test_clients_of_an_app_that_starts_for_long_are_told_of_too(emperor, scratch):
    (scratch / "main.py").write_text(
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\nfrom probe import application\n")
    emperor.write("shop", "main:application", chdir=scratch, python_path=str(emperor.apps), socket_backlog=8)
    wait_until(emperor.socket("shop").exists, 10)
    clients = []
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [client.close() for client in clients])
        for _ in range(8):
            asking(emperor, clients)("/")
        emperor.wait_log("listen queue full", seconds=15)
        line = next(line for line in emperor.output().splitlines() if "listen queue full" in line)
        assert "depth=8 limit=8 busy=0 threads=0" in line and "emperorctl why shop" in line, line
        (scratch / "go").touch()
        for client in clients:
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    emperor.wait_log("listen queue normal", seconds=20)
