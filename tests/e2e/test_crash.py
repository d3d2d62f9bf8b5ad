"""Killed workers, killed masters, crash loops."""
import json
import os
import signal

import pytest

from harness import processes
from harness.load import Load
from harness.waiting import wait_until


@pytest.mark.parametrize("preload", [False, True], ids=["import per worker", "preload"])
def test_a_killed_worker_is_replaced_at_once_and_only_its_own_requests_fail(emperor, measured, preload):
    emperor.write("probe", workers=2, preload=preload)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    clients, kills = 4, 3
    with Load(emperor.socket("probe"), "/pid", threads=clients) as load:
        for _ in range(kills):
            victim = emperor.pid("probe")
            os.kill(victim, signal.SIGKILL)
            processes.wait_gone(victim)
            before = load.count
            wait_until(lambda: load.count > before + 50, 10)
            wait_until(lambda: emperor.state("probe") == "running", 10)
    measured(load.summary())
    # What it had accepted ends with it: the request that it serves, and connections on which none had come yet, of a busy
    # machine's clients between connect and send. Each has one connection.
    assert load.failed <= clients * kills, load.summary()
    assert load.slowest < 5.0, load.summary()


def test_a_killed_master_is_started_again_while_its_listener_queues(emperor, measured):
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    with Load(emperor.socket("probe"), "/pid", threads=4) as load:
        master = emperor.master_pid("probe")
        assert master != emperor.process.pid
        os.kill(master, signal.SIGKILL)
        processes.wait_gone(master)
        wait_until(lambda: emperor.serves("probe") and emperor.master_pid("probe") not in (master, emperor.process.pid), 15,
                   "a new master")
        before = load.count
        wait_until(lambda: load.count > before + 50, 10)
    measured(load.summary())
    assert load.failed == 0, f"the workers of a dead master finish what they accepted: {load.summary()}"
    row = emperor.wait_state("probe", "running")
    assert row["restarts"] >= 1 and "SIGKILL" in json.dumps(emperor.ctl_json("show", "probe"))


def test_a_crash_loop_backs_off_shows_it_and_a_fixed_file_resets_it(emperor, scratch):
    (scratch / "main.py").write_text(
        "import os, probe\napplication = probe.application\nif os.environ.get('CRASH'): os._exit(13)\n")
    emperor.write("shop", "main:application", chdir=scratch, python_path=str(emperor.apps), env={"CRASH": "1"},
                  restart_initial="30s", restart_max="60s")
    row = emperor.wait_state("shop", "backoff")
    assert "13" in row["reason"], row
    assert "backoff" in emperor.ctl("status").stdout
    emperor.write("shop", "main:application", chdir=scratch, python_path=str(emperor.apps), restart_initial="30s")
    emperor.wait_serving("shop", seconds=8)  # far below the backoff of 30 s


def test_a_crashing_app_does_not_delay_a_new_one(emperor, scratch):
    (scratch / "main.py").write_text("raise SystemExit(1)\n")
    for number in range(8):
        emperor.write(f"bad{number}", "main:application", chdir=scratch)
    emperor.write("good")
    emperor.wait_serving("good", seconds=10)


def test_a_worker_that_dies_of_a_signal_leaves_its_name_in_the_log(emperor):
    emperor.write("faulty", "faulty:application")
    emperor.wait_serving("faulty")
    with pytest.raises((OSError, ValueError, IndexError, AssertionError)):
        assert emperor.get("faulty", "/segfault", timeout=10).status
    emperor.wait_log("SIGSEGV")
    emperor.wait_serving("faulty")


def test_a_request_over_its_time_is_ended_with_a_traceback(emperor):
    emperor.write("probe", timeouts_request="1s", workers=2)
    emperor.wait_serving("probe")
    with Load(emperor.socket("probe"), "/pid", threads=2) as load:
        assert emperor.get("probe", "/sleep?s=60", timeout=15).status == 504
        emperor.wait_log("request timeout")
        emperor.wait_log("in sleep")
        before = load.count
        wait_until(lambda: load.count > before + 100, 10, "requests after the worker was replaced")
    assert load.failed == 0, load.summary()
