"""The documents' richer half: their schema, durations, queue times, what changed, and many clients that do nothing."""
import json
import pathlib
import re
import resource
import socket
import time

import jsonschema
import pytest

from harness import processes, stats
from harness.nginx import free_port
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def schema(source):
    loaded = json.loads((source / "docs/stats.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(loaded)
    return jsonschema.Draft7Validator(loaded)


def conforms(schema, document):
    found = sorted(schema.iter_errors(document), key=lambda error: list(error.path))
    deepest = [min(error.context, key=lambda inner: -len(inner.path)) if error.context else error for error in found[:5]]
    assert not found, [(list(error.path), error.message[:300]) for error in deepest]


@pytest.fixture
def shop(emperor):
    emperor.write("shop", workers=2, threads=2)
    emperor.wait_state("shop", "running")
    wait_until((emperor.runtime / "stats" / "shop.sock").exists, 5, "the vassal's stats socket")
    return emperor


def vassal_of(emperor, name="shop"):
    return stats.document(emperor.runtime / "stats" / f"{name}.sock")


def keys_of(schema):
    """All names of properties, however deep."""
    if isinstance(schema, list):
        return set().union(*map(keys_of, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    return set(own if isinstance(own, dict) else ()).union(*map(keys_of, schema.values()))


def test_every_key_of_the_schema_is_in_the_document(source):
    text = (source / "docs/stats.md").read_text()
    keys = keys_of(json.loads((source / "docs/stats.schema.json").read_text()))
    assert len(keys) > 100
    assert [key for key in sorted(keys) if not re.search(rf"`[^`]*\b{re.escape(key)}\b[^`]*`", text)] == []


def test_documents_conform_to_the_schema_in_every_state(shop, schema):
    shop.write("broken", app="nowhere:application", restart_initial="60s")
    shop.write_text("typo", "app: probe:application\nworker: 2\n")
    shop.write("off", enabled=False)
    shop.wait_state("broken", "backoff")
    shop.wait_state("typo", "invalid")
    for _ in range(5):
        shop.get("shop", "/pid")
    wait_until(lambda: (vassal_of(shop)["memory"]["pss"] or 0) > 0, 20, "samples of memory, which are taken in turn", 0.2)
    for target in ("/", "/?per_worker=1"):
        document = stats.document(shop.runtime / "stats.sock", target)
        assert [vassal["name"] for vassal in document["vassals"]] == ["broken", "off", "shop", "typo"]
        conforms(schema, document)
    for name in ("broken", "off", "shop"):
        conforms(schema, stats.document(shop.runtime / "stats.sock", f"/?vassal={name}&per_worker=1"))
    states = {vassal["name"]: vassal for vassal in document["vassals"]}
    assert states["broken"]["next_retry"] > time.time() and states["broken"]["reason"] and states["broken"]["weight"] == 0
    assert states["shop"]["memory"]["rss"] > 0 and states["shop"]["fds"] > 0 and states["shop"]["cpu_us"] > 0
    assert states["shop"]["memory"]["sample_age_ms"] >= 0


def test_the_schema_finds_what_is_wrong(shop, schema):
    document = vassal_of(shop)
    for key, value in (("listen_queue", 1.5), ("weight", 101), ("state", "fine"), ("since", "today")):
        assert not schema.is_valid({**document, key: value}), key
    del document["restarts_by_cause"]["signal"]
    assert not schema.is_valid(document)


def test_durations_are_seen_at_once_and_right(shop):
    for _ in range(9):
        shop.get("shop", "/pid")
    shop.get("shop", "/sleep?s=0.4")

    def slow():
        service = vassal_of(shop)["latency"]["service"]
        return service if service["10s"]["count"] >= 10 else None

    service = wait_until(slow, 5)
    for window in ("10s", "1m", "5m", "start"):
        assert 0.4e6 * 0.97 <= service[window]["p99_us"] <= 3e6
        assert 0 < service[window]["p50_us"] < 0.3e6
    assert service["sum_us"] >= 400_000


def test_queue_time_counts_from_what_the_front_end_says(shop, nginx):
    front = nginx({"/": f'include /etc/nginx/uwsgi_params; uwsgi_pass unix:{shop.socket("shop")}; '
                        'uwsgi_param HTTP_X_REQUEST_START "t=$msec";'})
    shop.get("shop", "/pid")  # from its first bytes: no header
    before = wait_until(lambda: queue if (queue := vassal_of(shop)["latency"]["queue"])["start"]["count"] else None, 5)
    assert before["start"]["p99_us"] < 2e6
    # What a client claims is overridden by nginx.
    assert front.get("/pid", headers={"X-Request-Start": f"t={time.time() - 1800:.3f}"})[0] == 200
    shop.get("shop", "/pid", HTTP_X_REQUEST_START=f"t={time.time() - 90:.3f}")

    def both():
        queue = vassal_of(shop)["latency"]["queue"]
        return queue if queue["start"]["count"] >= before["start"]["count"] + 2 else None

    queue = wait_until(both, 5)
    assert 90e6 * 0.97 <= queue["start"]["p99_us"] <= 120e6
    assert queue["sum_us"] - before["sum_us"] < 150e6, "nginx's own header counts"


def test_what_has_changed_is_told_by_revision_and_entity_tag(shop):
    shop.write("blog")
    shop.wait_state("blog", "running")
    path = shop.runtime / "stats.sock"

    def quiet():
        """Two looks apart see the same: starts, samples and processor time have settled."""
        first = stats.document(path)["revision"]
        time.sleep(0.3)
        return first if stats.document(path)["revision"] == first else None

    wait_until(quiet, 30)
    shop.get("blog", "/pid")

    def changed():
        revision = stats.document(path)["revision"]
        shop.get("blog", "/pid")
        time.sleep(0.12)
        document = stats.document(path, f"/?since={revision}")
        return document if [vassal["name"] for vassal in document["vassals"]] == ["blog"] else None

    document = wait_until(changed, 30)
    assert document["names"] == ["blog", "shop"] and document["since_revision"] > 0
    assert {worker["vassal"] for worker in document["workers"]} == {"blog"}
    status, headers, body = stats.get(path)
    tag = headers["etag"]
    assert json.loads(body)["revision"] == int(tag.strip('W/"'))
    assert stats.get(path, "/", [("If-None-Match", tag)])[0] in (200, 304)
    wait_until(lambda: stats.get(path, "/", [("If-None-Match", stats.get(path)[1]["etag"])])[0] == 304, 20)
    everything = stats.document(path, "/?since=7")
    assert everything["since_revision"] == 0 and len(everything["vassals"]) == 2 and "names" not in everything


def test_parameters_that_make_no_sense_are_refused(shop):
    path = shop.runtime / "stats.sock"
    for target, status in (("/?vassal=nobody", 404), ("/?vassal=", 400), ("/?per_worker=x", 400), ("/?since=x", 400),
                           ("/?other=1", 200), ("/metrics?vassal=shop", 200), ("/metrics?vassal=nobody", 404)):
        assert stats.get(path, target)[0] == status, target
    own = shop.runtime / "stats" / "shop.sock"
    assert stats.get(own, "/?vassal=shop")[0] == 200 and stats.get(own, "/?vassal=blog")[0] == 404


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_three_hundred_clients_that_do_nothing_cost_nothing(idle_emperor, measured):
    port = free_port()
    emperor = idle_emperor.start("--stats", f"127.0.0.1:{port}")
    emperor.write("shop")
    emperor.wait_serving("shop")
    pid = emperor.process.pid
    stats.document(emperor.runtime / "stats.sock")
    memory, spent = rss(pid), cpu_seconds(pid)
    clients = []
    try:
        for number in range(300):
            client = stats.connect(("127.0.0.1", port) if number % 2 else emperor.runtime / "stats.sock")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            if number % 3 == 0:
                try:
                    client.sendall(b"GET / HTTP/1.1\r\nHost:")  # and no more
                except OSError:
                    pass  # others came, and took its place
            clients.append(client)
        took = []
        for _ in range(10):
            began = time.monotonic()
            assert emperor.ctl("status").returncode == 0
            assert emperor.get("shop", "/pid").status == 200
            assert stats.document(emperor.runtime / "stats.sock")["vassals"]
            took.append(time.monotonic() - began)
        growth, burnt = rss(pid) - memory, cpu_seconds(pid) - spent
    finally:
        for client in clients:
            client.close()
    measured(f"300 idle clients: {growth / 1024:.0f} KiB and {burnt * 1000:.0f} ms of the emperor; "
             f"a command and a document beside them {min(took) * 1000:.0f} ms")
    assert growth < 8 << 20
    assert burnt < 3
    assert min(took) < 5
    assert processes.stat_of(pid)
