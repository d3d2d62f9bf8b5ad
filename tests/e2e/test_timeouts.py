"""timeouts.request: who hears what when a request is over its time, on every protocol and in every kind of hang."""
import concurrent.futures
import http.client
import pathlib
import re
import socket
import threading
import time

import pytest

from harness.load import Load
from harness.nginx import fetch, free_port
from harness.waiting import wait_until

PASSES = {name: f"include /etc/nginx/{name}_params; {name}_pass" for name in ("uwsgi", "fastcgi", "scgi")}


@pytest.fixture
def hosted(emperor, scratch, nginx):
    """An app on all four protocols; returns (emperor, protocol -> base URL). The gateways' are nginx locations."""
    def start(**keys):
        port = free_port()
        sockets = {protocol: f"{scratch}/{protocol}.sock" for protocol in PASSES}
        listen = [*(f"{protocol}:{path}" for protocol, path in sockets.items()), f"http:127.0.0.1:{port}"]
        emperor.write("forks", "forks:application", listen=listen, socket_mode="0666", **keys)
        emperor.wait_state("forks", "running")
        front = nginx({f"/{name}/": f"rewrite ^/{name}(/.*)$ $1 break; {directive} unix:{sockets[name]};"
                       for name, directive in PASSES.items()})
        urls = {name: f"{front.url}/{name}" for name in PASSES}
        return emperor, {**urls, "http": f"http://127.0.0.1:{port}"}
    return start


@pytest.mark.parametrize("protocol", ["uwsgi", "http", "fastcgi", "scgi"])
def test_a_stuck_request_gets_504_and_its_neighbours_are_all_answered(hosted, protocol):
    emperor, urls = hosted(threads=4, timeouts_request="4s")
    url = urls[protocol]
    before = fetch(f"{url}/pid")[2]
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        stuck = clients.submit(fetch, f"{url}/stuck?s=3600")
        emperor.wait_state("forks", "running")
        time.sleep(2.5)  # their end lies behind that of the stuck one, and within their own time
        neighbours = [clients.submit(fetch, f"{url}/slept?s=2.5") for _ in range(3)]
        status, headers, body = stuck.result(30)
        assert status == 504 and body == b"504 Gateway Timeout\n", (status, body)
        identity = headers["X-Request-ID"]
        assert [neighbour.result(30)[::2] for neighbour in neighbours] == [(200, b"slept")] * 3
    status, _, after = fetch(f"{url}/pid")
    assert status == 200 and after != before
    emperor.wait_log("request timeout: GET /")
    emperor.wait_log(f"request {identity} GET ")
    emperor.wait_log("in stuck")
    wait_until(lambda: emperor.ctl_json("show", "forks")["timeouts"] == 1, 10, "the count of timeouts")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("uri, frame",
                         [("/stuck?s=3600", "in stuck"), ("/stuck?s=3600&hold=1", "in stuck"), ("/spin", "in spin")],
                         ids=["in C", "in C with the lock", "in Python"])
def test_every_kind_of_hang_is_answered_and_has_its_traceback(emperor, uri, frame, threads):
    emperor.write("forks", "forks:application", threads=threads, timeouts_request="1s", timeouts_drain="3s")
    emperor.wait_serving("forks")
    assert emperor.get("forks", uri, timeout=30).status == 504
    emperor.wait_log(frame)
    emperor.wait_log("request timeout: GET /")
    emperor.wait_serving("forks")
    emperor.wait_state("forks", "running")


def test_a_response_that_has_begun_is_cut(hosted):
    emperor, urls = hosted(timeouts_request="1s")
    host = urls["http"].removeprefix("http://")
    client = http.client.HTTPConnection(host, timeout=30)
    client.request("GET", "/half")
    response = client.getresponse()
    assert response.status == 200
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    client.close()
    emperor.wait_log("in half")


def test_who_shares_a_worker_with_a_held_lock_is_answered_too(emperor):
    """The lock never comes back: no neighbour can be finished, but each hears of it."""
    emperor.write("forks", "forks:application", threads=3, timeouts_request="6s", timeouts_drain="3s")
    emperor.wait_serving("forks")
    with concurrent.futures.ThreadPoolExecutor(2) as clients:
        neighbour = clients.submit(emperor.get, "forks", "/slept?s=5", timeout=60)
        wait_until(lambda: emperor.status("forks")["workers"]["busy"] == 1, 10, "the neighbour")
        stuck = clients.submit(emperor.get, "forks", "/stuck?s=3600&hold=1", timeout=60)
        assert stuck.result(60).status == 504
        assert neighbour.result(60).status == 504
    emperor.wait_serving("forks")


def test_a_stuck_worker_of_one_thread_costs_no_other_client_anything(emperor, measured):
    emperor.write("forks", "forks:application", timeouts_request="1s", workers=2)
    emperor.wait_serving("forks")
    with Load(emperor.socket("forks"), "/pid", threads=4) as load:
        for _ in range(3):
            assert emperor.get("forks", "/stuck?s=3600", timeout=30).status == 504
        before = load.count
        wait_until(lambda: load.count > before + 100, 10, "requests after the worker was replaced")
    measured(load.summary())
    assert load.failed == 0, load.summary()


def test_a_connection_that_a_stuck_worker_has_not_read_is_served_by_another(emperor):
    port = free_port()
    emperor.write("forks", "forks:application", listen=f"http:127.0.0.1:{port}", timeouts_request="1s")
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 15)
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    kept.request("GET", "/pid")
    before = kept.getresponse().read()
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        stuck = clients.submit(fetch, f"http://127.0.0.1:{port}/stuck?s=3600")
        wait_until(lambda: emperor.status("forks")["workers"]["busy"] == 1, 10, "the stuck request")
        kept.request("GET", "/pid")  # into a connection that its worker will not read again
        after = kept.getresponse()
        assert after.status == 200 and after.read() != before
        assert stuck.result(30)[0] == 504
    kept.close()


def test_a_connection_that_a_stuck_worker_has_not_read_is_refused_politely_by_a_generation_that_leaves(emperor):
    port = free_port()
    emperor.write("forks", "forks:application", listen=f"http:127.0.0.1:{port}", timeouts_request="4s")
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 15)
    kept, idle = (http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2))
    for client in (kept, idle):
        client.request("GET", "/pid")
        assert client.getresponse().read()
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        stuck = clients.submit(fetch, f"http://127.0.0.1:{port}/stuck?s=3600")
        wait_until(lambda: emperor.status("forks")["workers"]["busy"] == 1, 10, "the stuck request")
        kept.request("GET", "/pid")  # into a connection that its worker will not read again
        assert emperor.ctl("reload", "forks").returncode == 0
        refusal = kept.getresponse()
        assert (refusal.status, refusal.headers["Retry-After"]) == (503, "1")
        assert refusal.read() == b"503 Service Unavailable\n"
        assert idle.sock.recv(1) == b"", "who asked nothing hears nothing"
        assert stuck.result(30)[0] == 504
    assert fetch(f"http://127.0.0.1:{port}/pid")[0] == 200


def test_a_slow_client_is_not_held_against_the_app(emperor):
    emperor.write("forks", "forks:application", timeouts_request="1s", timeouts_write="30s")
    emperor.wait_serving("forks")
    from harness import uwsgi
    with uwsgi.connect(emperor.socket("forks"), 60) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/long_stream")))
        time.sleep(3)  # three times its time, spent in waiting for this client
        received = 0
        while block := client.recv(1 << 20):
            received += len(block)
    assert received > 8 << 20
    assert "request timeout" not in emperor.output()


def test_a_worker_whose_lock_is_held_does_not_hold_up_whom_it_was_woken_for(emperor, measured):
    emperor.write("forks", "forks:application", workers=2, threads=2)
    emperor.wait_serving("forks")
    emperor.wait_state("forks", "running")
    slowest = 0.0
    for _ in range(3):
        holder = threading.Thread(target=emperor.get, args=("forks", "/stuck?s=6&hold=1"), kwargs={"timeout": 60})
        holder.start()
        wait_until(lambda: emperor.status("forks")["workers"]["busy"] >= 1, 10, "the one that holds the lock")
        for _ in range(10):
            began = time.monotonic()
            assert emperor.get("forks", "/pid", timeout=60).status == 200
            slowest = max(slowest, time.monotonic() - began)
        holder.join()
    measured(f"slowest of 30 requests beside a held lock: {slowest * 1000:.0f} ms")
    assert slowest < 3, slowest


def context_switches(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE).group(1))


def test_the_master_of_an_idle_app_is_not_woken_and_still_ends_what_takes_too_long(emperor):
    port = free_port()
    emperor.write("forks", "forks:application", listen=f"http:127.0.0.1:{port}", timeouts_request="200ms")
    emperor.wait_state("forks", "running")
    assert fetch(f"http://127.0.0.1:{port}/pid")[0] == 200
    master = emperor.ctl_json("show", "forks")["instances"][0]["pid"]
    seen = [context_switches(master)]

    def slept_for_five_timeouts():
        time.sleep(1)  # what does not happen can only be waited for
        seen.append(context_switches(master))
        return seen[-1] == seen[-2]
    wait_until(slept_for_five_timeouts, 20, "the master to sleep")
    assert fetch(f"http://127.0.0.1:{port}/stuck?s=3600")[0] == 504
    emperor.wait_log("in stuck")
