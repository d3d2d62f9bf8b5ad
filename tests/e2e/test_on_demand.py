"""On demand: nothing runs until a client comes; the client is served; nobody is lost on the way to sleep and back."""
import concurrent.futures
import json
import os
import signal
import socket
import threading
import time

import pytest

from harness import processes, uwsgi
from harness.nginx import free_port
from harness.waiting import wait_until

IDLE = {"on_demand": True, "timeouts_idle": "1s"}


def vassals_of(emperor):
    """Masters that live, by their names in the process list."""
    return [pid for pid in processes.children_of(emperor.process.pid) if processes.command_line(pid).startswith("vassal")]


def stats_of(emperor, name):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(emperor.runtime / "stats" / f"{name}.sock"))
        raw = b""
        while piece := client.recv(65536):
            raw += piece
    return json.loads(raw)


def ask_later(emperor, name, uri="/pid"):
    """A client that is in the queue now, and its answer at some time."""
    client = uwsgi.connect(emperor.socket(name), 60)
    client.sendall(uwsgi.packet(uwsgi.variables_for(uri)))

    def answer():
        with client:
            raw = b""
            while piece := client.recv(65536):
                raw += piece
        return uwsgi.parse(raw)

    return answer


def test_the_first_connection_wakes_it_and_is_served(emperor, measured):
    emperor.write("shop", on_demand=True)
    row = emperor.wait_state("shop", "sleeping")
    assert row["reason"] == "waits for a connection"
    assert vassals_of(emperor) == []
    assert emperor.ctl("status", "shop").returncode == 0, "asleep is as it should be"
    since = time.monotonic()
    assert emperor.get("shop", "/pid").status == 200
    took = time.monotonic() - since
    measured(f"woken and answered in {took * 1000:.0f} ms")
    assert took < 0.6, "ten times the bar"
    assert emperor.wait_state("shop", "running")
    assert len(vassals_of(emperor)) == 1


def test_every_client_of_a_burst_is_served_by_one_start(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    with concurrent.futures.ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: emperor.get("shop", "/pid"), range(100)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


def test_two_edits_while_asleep_do_not_start_it_and_the_newest_wakes(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    for version in ("2", "3"):
        start = len(emperor.output())
        emperor.write("shop", on_demand=True, env={"VERSION": version})
        emperor.send(signal.SIGHUP)
        wait_until(lambda: emperor.ctl_json("config", "shop")["values"]["env"].get("VERSION") == version, 10)
        assert "starting" not in emperor.output()[start:]
    assert emperor.state("shop") == "sleeping" and vassals_of(emperor) == []
    assert emperor.get("shop", "/version").text == "3"


def test_idle_puts_it_to_sleep_and_the_next_client_wakes_it(emperor):
    emperor.write("shop", **IDLE)
    emperor.wait_state("shop", "sleeping")
    first = emperor.pid("shop")
    emperor.wait_state("shop", "sleeping", seconds=15)
    processes.wait_gone(first)
    assert emperor.pid("shop") != first
    wait_until(lambda: stats_of(emperor, "shop")["workers"][0]["requests"] == 2, 10, "counters go on")


def test_a_request_that_takes_longer_than_idle_is_not_cut(emperor):
    emperor.write("shop", **IDLE)
    emperor.wait_state("shop", "sleeping")
    answer = ask_later(emperor, "shop", "/sleep?s=3")
    emperor.wait_state("shop", "running")
    assert answer().text.startswith("slept")


@pytest.mark.parametrize("size", [100, 300_000], ids=["beside its head", "collected"])
def test_a_slow_upload_keeps_it_awake(emperor, size):
    """Nothing of the app runs while the body is on its way; cut by the drain it would be, if that began."""
    emperor.write("shop", timeouts_drain="300ms", timeouts_kill="300ms", **IDLE)
    emperor.wait_state("shop", "sleeping")
    body = b"x" * size
    with uwsgi.connect(emperor.socket("shop"), 20) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/echo", "POST", body)) + body[:10])
        emperor.wait_state("shop", "running")
        client.sendall(body[10:20])
        time.sleep(3)  # the pause of this client
        client.sendall(body[20:])
        raw = b""
        while piece := client.recv(65536):
            raw += piece
    assert uwsgi.parse(raw).body == body
    assert " stopping " not in emperor.output()
    emperor.wait_state("shop", "sleeping")


def test_a_slow_download_keeps_it_awake(emperor, scratch):
    size = 8_000_000
    (scratch / "main.py").write_text("def application(environ, start_response):\n    start_response('200 OK', [])\n"
                                     f"    return [b'x' * {size}]\n")
    emperor.write("shop", "main:application", chdir=scratch, timeouts_drain="300ms", timeouts_kill="300ms", **IDLE)
    emperor.wait_state("shop", "sleeping")
    with uwsgi.connect(emperor.socket("shop"), 20) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/")))
        emperor.wait_state("shop", "running")
        time.sleep(3)  # the pause of this client
        got = 0
        while piece := client.recv(65536):
            got += len(piece)
    assert got > size and " stopping " not in emperor.output()
    emperor.wait_state("shop", "sleeping")


def test_a_kept_alive_connection_without_a_request_keeps_nobody_awake(emperor):
    port = free_port()
    emperor.write("shop", listen=[f"http:127.0.0.1:{port}"], timeouts_keepalive="60s", **IDLE)
    emperor.wait_state("shop", "sleeping")
    with socket.create_connection(("127.0.0.1", port), 20) as client, socket.create_connection(("127.0.0.1", port), 20):
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        emperor.wait_state("shop", "running")
        client.sendall(b"cd")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        emperor.wait_state("shop", "sleeping")


def test_nothing_is_lost_on_the_way_to_sleep_and_back(emperor):
    """Clients that come just when it falls asleep, again and again."""
    emperor.write("shop", **IDLE)
    emperor.wait_state("shop", "sleeping")
    ending, answers, sleeps = threading.Event(), [], []

    def come_at_the_worst_moment():
        while not ending.is_set():
            answers.append(emperor.get("shop", "/pid", timeout=30))
            # The drain begins with this line; the next client meets it. One that leaves may still have answered the last
            # client: then no further drain comes before the next client.
            wait_until(lambda: emperor.output().count(" stopping ") > len(sleeps) or is_asleep(), 15, "it falls asleep",
                       every=0.002)
            sleeps.extend([1] * (emperor.output().count(" stopping ") - len(sleeps)))

    def is_asleep():
        said = emperor.output()
        return said.rfind(" sleeping ") > said.rfind(" running ")

    thread = threading.Thread(target=come_at_the_worst_moment)
    thread.start()
    wait_until(lambda: len(sleeps) >= 4 or not thread.is_alive(), 60)
    ending.set()
    thread.join(30)
    assert len(sleeps) >= 4 and {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) >= len(sleeps), "it was woken anew after each sleep"


def test_a_hundred_clients_that_wake_it_while_it_is_edited_are_all_served(emperor):
    """The edit overtakes the start that the first of them caused, or replaces what it brought."""
    def keys(version):
        return {**IDLE, "env": {"VERSION": str(version), "IMPORT_SECONDS": "0.2"}}

    emperor.write("shop", **keys(0))
    emperor.wait_state("shop", "sleeping")
    with concurrent.futures.ThreadPoolExecutor(100) as clients:
        for version in range(1, 4):
            waiting = [clients.submit(emperor.get, "shop", "/version", timeout=30) for _ in range(100)]
            emperor.write("shop", **keys(version))
            emperor.wait_state("shop", "starting", "reloading", "running")
            emperor.write("shop", **keys(version + 0.5))
            assert {one.result().status for one in waiting} == {200}
            wait_until(lambda: emperor.get("shop", "/version").text == str(version + 0.5), 20, emperor.output)
            emperor.wait_state("shop", "sleeping")


def test_start_wakes_stop_holds_reload_leaves_asleep(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    done = emperor.ctl("reload", "shop")
    assert done.returncode == 0 and "asleep" in done.stdout, done
    assert emperor.state("shop") == "sleeping"
    assert emperor.ctl("stop", "shop").returncode == 0
    assert emperor.state("shop") == "stopped"
    with pytest.raises(OSError):
        emperor.get("shop", timeout=5)
    assert emperor.ctl("start", "shop").returncode == 0
    assert emperor.state("shop") == "running"


def test_stats_are_served_while_it_sleeps(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    wait_until((emperor.runtime / "stats" / "shop.sock").exists, 10, "a stats socket")
    document = stats_of(emperor, "shop")
    assert document["state"] == "sleeping"
    assert emperor.state("shop") == "sleeping", "reading wakes nobody"


def test_a_wake_that_fails_keeps_its_client_until_the_file_is_mended(emperor, scratch):
    (scratch / "main.py").write_text("raise RuntimeError('not today')\n")
    keys = {"on_demand": True, "chdir": scratch, "python_path": str(emperor.apps), "restart_hold": "off"}
    emperor.write("shop", "main:application", **keys)
    emperor.wait_state("shop", "sleeping")
    answer = ask_later(emperor, "shop")
    assert "not today" in emperor.wait_state("shop", "backoff")["reason"]
    (scratch / "main.py").write_text("from probe import application\n")
    os.utime(emperor.path_of("shop"))
    assert answer().status == 200


def test_addresses_change_while_asleep(emperor):
    first, second = free_port(), free_port()
    emperor.write("shop", on_demand=True, listen=[f"http:127.0.0.1:{first}"])
    emperor.wait_state("shop", "sleeping")
    emperor.write("shop", on_demand=True, listen=[f"http:127.0.0.1:{second}"])

    def is_open(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(lambda: not is_open(first), 10, "the former address closed")
    with socket.create_connection(("127.0.0.1", second), 30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_removed_socket_file_comes_back_while_asleep(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    emperor.socket("shop").unlink()
    emperor.send(signal.SIGHUP)
    wait_until(emperor.socket("shop").exists, 10, "its socket again")
    assert emperor.get("shop").status == 200


def test_removed_and_disabled_while_asleep(emperor):
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    emperor.write("shop", on_demand=True, enabled=False)
    emperor.wait_state("shop", "stopped")
    wait_until(lambda: not emperor.socket("shop").exists(), 10, "its socket gone")
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    assert emperor.get("shop").status == 200
    emperor.write("other", on_demand=True)
    emperor.wait_state("other", "sleeping")
    emperor.remove("other")
    wait_until(lambda: emperor.status("other") is None, 10, "forgotten")
    assert not emperor.socket("other").exists()


def test_clients_of_a_sleeping_one_outlive_the_emperor(idle_emperor):
    """Killed while it sleeps: who comes before the next emperor waits in the queue, and wakes it then."""
    emperor = idle_emperor.start()
    emperor.write("shop", on_demand=True)
    emperor.wait_state("shop", "sleeping")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    answer = ask_later(emperor, "shop")
    emperor.start()
    assert answer().status == 200


def test_what_was_under_way_in_killed_processes_keeps_nobody_awake(emperor):
    emperor.write("shop", **IDLE)
    emperor.wait_state("shop", "sleeping")
    worker = emperor.pid("shop")
    master = processes.stat_of(worker)[1]
    with uwsgi.connect(emperor.socket("shop"), 30) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/sleep?s=60")))
        wait_until(lambda: emperor.status("shop")["workers"]["busy"] == 1, 10)
        for pid in (master, worker):
            os.kill(pid, signal.SIGKILL)
        assert client.recv(1) == b""
    emperor.wait_running("shop")
    emperor.wait_state("shop", "sleeping")


def test_an_adopted_one_goes_to_sleep_too(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("shop", on_demand=True, timeouts_idle="2s")
    emperor.wait_state("shop", "sleeping")
    pid = emperor.pid("shop")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    emperor.start()
    emperor.wait_state("shop", "sleeping", seconds=15)
    processes.wait_gone(pid)
    assert emperor.get("shop").status == 200
