"""The keeper: clients of apps without a master outlive the emperor in their queue, and so do the counters."""
import os
import signal

import pytest

from harness import processes, uwsgi
from harness.waiting import wait_until

CRASHING = "import os, probe\napplication = probe.application\nif os.path.exists('broken'): os._exit(13)\n"


def serve_then_break(emperor, scratch):
    """`shop` served 3 requests and is in backoff now, for long."""
    (scratch / "main.py").write_text(CRASHING)
    emperor.write("shop", "main:application", chdir=scratch, python_path=str(emperor.apps), restart_initial="60s",
                  restart_max="60s", restart_hold="off")
    emperor.wait_serving("shop")
    for _ in range(2):
        emperor.get("shop")
    (scratch / "broken").touch()
    os.kill(emperor.master_pid("shop"), signal.SIGKILL)
    emperor.wait_state("shop", "backoff")


def mend(emperor, scratch):
    (scratch / "broken").unlink()
    os.utime(emperor.path_of("shop"))


def answer_of(client):
    raw = b""
    while piece := client.recv(65536):
        raw += piece
    return uwsgi.parse(raw)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_a_client_that_waits_for_an_app_in_backoff_is_answered_under_the_next_emperor(idle_emperor, scratch, number):
    emperor = idle_emperor.start()
    serve_then_break(emperor, scratch)
    requests = emperor.ctl_json("show", "shop").get("requests")
    with uwsgi.connect(emperor.socket("shop"), 60) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
        emperor.send(number)
        emperor.wait(15)
        emperor.start()
        wait_until(lambda: emperor.state("shop") in ("backoff", "starting"), 15)
        mend(emperor, scratch)
        answer = answer_of(client)
    assert answer.status == 200 and int(answer.text) == emperor.pid("shop")
    assert requests is None or emperor.ctl_json("show", "shop")["requests"] > requests, "counters go on"


def test_another_keeper_takes_over_from_one_that_was_killed(idle_emperor, scratch):
    emperor = idle_emperor.start()
    serve_then_break(emperor, scratch)
    first = emperor.keeper()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: emperor.keeper() not in (None, first), 15, "another keeper")
    with uwsgi.connect(emperor.socket("shop"), 60) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
        # It knows the listener when it has the descriptor: as many as the first one had.
        wait_until(lambda: any("socket:" in os.readlink(f"/proc/{emperor.keeper()}/fd/{fd}")
                               for fd in os.listdir(f"/proc/{emperor.keeper()}/fd") if int(fd) > 4), 10, "a kept socket")
        emperor.send(signal.SIGKILL)
        emperor.wait(15)
        emperor.start()
        mend(emperor, scratch)
        assert answer_of(client).status == 200


def test_a_file_that_went_while_no_emperor_was_there_ends_the_wait(idle_emperor, scratch):
    emperor = idle_emperor.start()
    serve_then_break(emperor, scratch)
    with uwsgi.connect(emperor.socket("shop"), 30) as client:
        emperor.send(signal.SIGKILL)
        emperor.wait(15)
        emperor.remove("shop")
        emperor.start()
        with pytest.raises(ConnectionError):
            client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
            if client.recv(1) == b"":
                raise ConnectionResetError


def test_a_keeper_without_emperor_and_runtime_directory_ends_by_itself(idle_emperor, scratch):
    emperor = idle_emperor.start()
    serve_then_break(emperor, scratch)
    keeper = emperor.keeper()
    emperor.send(signal.SIGKILL)
    emperor.wait(15)
    assert processes.is_alive(keeper)
    emperor.runtime.rename(scratch / "elsewhere")
    processes.wait_gone(keeper)


def test_a_stopped_emperor_takes_its_keeper_along(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    keeper = wait_until(emperor.keeper, 5)
    assert emperor.stop() == 0
    assert not processes.is_alive(keeper)


def test_the_keeper_holds_what_is_there_and_nothing_else(emperor):
    names = [f"app{number}" for number in range(3)]
    for name in names:
        emperor.write(name)
    for name in names:
        emperor.wait_state(name, "running")
    keeper = emperor.keeper()

    def held():
        return sorted(os.readlink(f"/proc/{keeper}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{keeper}/fd"))

    before = held()
    assert sum("scoreboard" in what or "memfd" in what for what in before) == 3, before
    for _ in range(2):
        assert emperor.ctl("reload", *names).returncode == 0
        emperor.remove("app0")
        wait_until(lambda: emperor.status("app0") is None, 15, "the end of app0")
        emperor.write("app0")
        emperor.wait_state("app0", "running")
    wait_until(lambda: held() == before, 5, lambda: f"{before} again; there are {held()}")


# ---- whatever was about to start

SLOW = {"env": {"IMPORT_SECONDS": "2"}}


def start_for_the_first_time(emperor):
    emperor.write("shop", **SLOW)


def wake(emperor):
    emperor.write("shop", on_demand=True, **SLOW)
    emperor.wait_state("shop", "sleeping")


def crash(emperor):
    emperor.write("shop", **SLOW)
    emperor.wait_running("shop")
    os.kill(emperor.status("shop")["pid"], signal.SIGKILL)


def restart(emperor):
    emperor.write("shop", **SLOW)
    emperor.wait_running("shop")
    emperor.ctl("restart", "--no-wait", "shop")


def enable(emperor):
    emperor.write("shop", enabled=False, **SLOW)
    emperor.wait_state("shop", "stopped")
    emperor.write("shop", **SLOW)


@pytest.mark.parametrize("begin", [start_for_the_first_time, wake, crash, restart, enable])
def test_who_waits_for_a_start_when_the_emperor_is_killed_is_served_by_the_next_one(idle_emperor, begin):
    emperor = idle_emperor.start()
    begin(emperor)
    wait_until(emperor.socket("shop").exists, 10, "a socket")
    with uwsgi.connect(emperor.socket("shop"), 60) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
        wait_until(lambda: any(one["state"] == "starting" for one in emperor.ctl_json("show", "shop")["instances"]), 10,
                   lambda: f"a start: {emperor.status('shop')}")
        emperor.send(signal.SIGKILL)
        emperor.wait(15)
        emperor.start()
        assert answer_of(client).status == 200
    emperor.wait_state("shop", "running")
