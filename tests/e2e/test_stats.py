"""The stats sockets: uWSGI's names and integer types, raw and over HTTP."""
import json
import os
import socket
import sys
import time

import pytest

from harness.waiting import wait_until

TOP = {"version": str, "listen_queue": int, "listen_queue_errors": int, "signal_queue": int, "load": int, "pid": int, "uid": int,
       "gid": int, "cwd": str, "locks": list, "sockets": list, "workers": list}
SOCKET = {"name": str, "proto": str, "queue": int, "max_queue": int, "shared": int, "can_offload": int}
WORKER = {"id": int, "pid": int, "accepting": int, "requests": int, "delta_requests": int, "exceptions": int,
          "harakiri_count": int,
          "signals": int, "signal_queue": int, "status": str, "rss": int, "vsz": int, "running_time": int, "last_spawn": int,
          "respawn_count": int, "tx": int, "avg_rt": int, "apps": list, "cores": list}
APP = {"id": int, "modifier1": int, "mountpoint": str, "startup_time": int, "requests": int, "exceptions": int, "chdir": str}
CORE = {"id": int, "requests": int, "static_requests": int, "routed_requests": int, "offloaded_requests": int,
        "write_errors": int, "read_errors": int, "in_request": int, "vars": list, "req_info": dict}
VASSAL = {"id": str, "pid": int, "born": int, "last_mod": int, "last_heartbeat": int, "loyal": int, "ready": int,
          "accepting": int,
          "last_loyal": int, "last_ready": int, "last_accepting": int, "first_run": int, "last_run": int,
          "cursed": int, "zerg": int, "on_demand": str, "uid": int, "gid": int, "monitor": str, "respawns": int}


def raw(path, payload=b"", timeout=10):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(path))
        if payload:
            client.sendall(payload)
        blocks = []
        while block := client.recv(65536):
            blocks.append(block)
        return b"".join(blocks)


def conforms(document, shape, where):
    for key, kind in shape.items():
        assert key in document, f"{where}.{key} is missing"
        assert type(document[key]) is kind, f"{where}.{key} is {document[key]!r}, not {kind.__name__}"


@pytest.fixture
def shop(emperor):
    emperor.write("shop", workers=2, threads=2)
    emperor.wait_serving("shop")
    wait_until((emperor.runtime / "stats" / "shop.sock").exists, 5, "the vassal's stats socket")
    for _ in range(10):
        assert emperor.get("shop", "/pid").status == 200
    return emperor


def test_a_vassal_s_document_keeps_uwsgi_s_contract(shop):
    document = json.loads(raw(shop.runtime / "stats" / "shop.sock"))
    conforms(document, TOP, "stats")
    for entry in document["sockets"]:
        conforms(entry, SOCKET, "sockets")
    assert len(document["workers"]) == 2
    for worker in document["workers"]:
        conforms(worker, WORKER, "worker")
        assert worker["status"] in ("idle", "busy", "cheap", "pause") and worker["rss"] > 0
        assert [conforms(app, APP, "app") for app in worker["apps"]] and len(worker["cores"]) == 2
        for core in worker["cores"]:
            conforms(core, CORE, "core")
    ids = [worker["id"] for worker in document["workers"]]
    assert len(set(ids)) == 2 and min(ids) >= 1
    assert sum(worker["requests"] for worker in document["workers"]) >= 10


def test_the_fleet_s_document_has_vassals_and_unique_workers(shop):
    shop.write("blog", workers=3)
    shop.wait_serving("blog")
    shop.wait_state("blog", "running")

    def document():
        found = json.loads(raw(shop.runtime / "stats.sock"))
        return found if len(found.get("vassals", [])) == 2 else None

    found = wait_until(document, 10)
    assert type(found["version"]) is str and type(found["pid"]) is int and found["emperor_tyrant"] in (0, 1)
    for vassal in found["vassals"]:
        conforms(vassal, VASSAL, "vassal")
    ids = [worker["id"] for worker in found["workers"]]
    assert len(ids) == 5 and len(set(ids)) == 5 and min(ids) >= 1
    assert type(found["blacklist"]) is list


@pytest.mark.parametrize("which", ["stats.sock", "stats/shop.sock"])
def test_over_http_the_type_is_exactly_json(shop, which):
    answer = raw(shop.runtime / which, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.0 200 OK" and b"Content-Type: application/json" in lines
    assert json.loads(body)["version"]
    assert raw(shop.runtime / which, b"GET /no/such/page HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 404")


def test_counters_are_monotonic_over_reloads_and_kills(shop):
    def total():
        return sum(worker["requests"] for worker in json.loads(raw(shop.runtime / "stats" / "shop.sock"))["workers"])

    before = total()
    assert before >= 10
    assert shop.ctl("reload", "shop").returncode == 0
    os.kill(shop.pid("shop"), 9)
    shop.wait_serving("shop")
    time.sleep(0.15)  # documents are rebuilt once per 100 ms at most
    assert total() > before


def test_silent_and_slow_clients_cost_nothing(shop):
    idle = []
    try:
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect(str(shop.runtime / "stats.sock"))
            idle.append(client)
        began = time.monotonic()
        assert json.loads(raw(shop.runtime / "stats" / "shop.sock"))
        assert shop.ctl("status").returncode == 0
        assert time.monotonic() - began < 3
    finally:
        for client in idle:
            client.close()


def test_a_busy_worker_shows_its_request_without_cookies(shop):
    import threading
    client = threading.Thread(target=lambda: shop.get("shop", "/sleep?s=1.5", HTTP_COOKIE="session=hush"))
    client.start()
    try:
        at = shop.runtime / "stats" / "shop.sock"
        text = wait_until(lambda: text if b"/sleep" in (text := raw(at)) else None, 5)
        assert b"hush" not in text
        assert any(worker["status"] == "busy" for worker in json.loads(text)["workers"])
    finally:
        client.join()


def test_an_extra_stats_address(idle_emperor):
    emperor = idle_emperor.start("--stats", f"{idle_emperor.directory}/extra.sock")
    assert json.loads(raw(f"{emperor.directory}/extra.sock"))["pid"] == emperor.process.pid


def test_the_prober_itself_can_fail():
    with pytest.raises(AssertionError):
        conforms({"id": 1.0}, {"id": int}, "x")
    with pytest.raises(AssertionError):
        conforms({"id": True}, {"id": int}, "x")
    assert sys.version_info >= (3, 9)
