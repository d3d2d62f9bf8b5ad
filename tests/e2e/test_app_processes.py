"""What apps do to their process: fork it, install signal handlers, hang at its end."""
import concurrent.futures
import json
import os
import signal
import time

import pytest

from harness import processes
from harness.waiting import wait_until


@pytest.fixture
def forks(emperor, scratch):
    scratch.chmod(0o777)

    def start(**keys):
        keys["env"] = {"FOLDER": str(scratch), **keys.get("env", {})}
        emperor.write("forks", "forks:application", **keys)
        emperor.wait_serving("forks")
        emperor.wait_state("forks", "running")
        return emperor
    return start


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("path, status", [("fork_and_return", 0), ("fork_and_exit", 7), ("fork_in_iteration", 9)])
def test_a_forked_child_that_leaves_the_app_ends_quietly_and_the_client_hears_the_parent_alone(forks, path, status, threads):
    emperor = forks(threads=threads)
    worker = emperor.pid("forks")
    answer = emperor.get("forks", f"/{path}")
    assert answer.status == 200 and answer.text.endswith(f"child {status}") and "from the child" not in answer.text
    assert emperor.pid("forks") == worker
    wait_until(lambda: not processes.children_of(worker), 10, "the end of the child")
    if path == "fork_and_return":
        emperor.wait_log("the child's last line")  # without a newline: flushed at its end
    assert "Traceback" not in emperor.output(), emperor.output()
    figures = json.loads(emperor.ctl("-o", "json", "show", "forks").stdout)
    assert '"exceptions": 1' not in json.dumps(figures)


def test_a_forked_child_s_own_failure_is_printed_and_is_its_exit_status(forks):
    emperor = forks()
    assert emperor.get("forks", "/fork_and_raise").text == "child 1"
    emperor.wait_log("ValueError: the child's own failure")
    assert "Internal Server Error" not in emperor.output()


def test_a_living_child_holds_no_socket_of_the_worker(forks, scratch):
    emperor = forks(threads=2)
    answer = emperor.get("forks", "/fork_and_live?s=3600")  # ends although the child lives
    child = int(answer.text)
    wait_until(lambda: (scratch / "sockets").exists() and (scratch / "sockets").read_text().endswith("\n"), 10)
    assert json.loads((scratch / "sockets").read_text()) == []
    os.kill(child, signal.SIGKILL)


def test_subprocess_and_multiprocessing_work(forks):
    emperor = forks(threads=2)
    assert int(emperor.get("forks", "/with_subprocess").text) <= 4  # standard streams, and the folder that it lists
    assert json.loads(emperor.get("forks", "/with_multiprocessing").text) == [0, 1, 4, 9]


def test_fork_hooks_run_once_for_each_fork_of_the_mold(forks):
    emperor = forks(workers=3, preload=True)
    seen = {}

    def ask(_):
        figures = json.loads(emperor.get("forks", "/show_forks").text)
        seen[figures["pid"]] = (figures["before"], figures["parent"], figures["child"])

    def all_seen():
        with concurrent.futures.ThreadPoolExecutor(6) as clients:
            list(clients.map(ask, range(6)))
        return len(seen) == 3
    wait_until(all_seen, 20, "three workers")
    # The n-th worker was forked after n-1 others: their forks' hooks ran in the mold, which is its past.
    assert sorted(seen.values()) == [(1, 0, 1), (2, 1, 1), (3, 2, 1)]


def test_a_hanging_exit_handler_delays_the_end_by_seconds_only(forks, scratch):
    emperor = forks(env={"HANG_AT_EXIT": "1"}, timeouts_drain="30s", timeouts_kill="30s")
    worker = emperor.pid("forks")
    began = time.monotonic()
    assert emperor.ctl("stop", "forks").returncode == 0
    assert time.monotonic() - began < 20
    assert (scratch / "atexit").exists() and not processes.is_alive(worker)


def test_a_thread_that_nobody_ends_delays_the_end_by_seconds_only(forks):
    emperor = forks(timeouts_drain="30s", timeouts_kill="30s")
    worker = emperor.pid("forks")
    emperor.get("forks", "/start_thread")
    began = time.monotonic()
    assert emperor.ctl("stop", "forks").returncode == 0
    assert time.monotonic() - began < 20
    assert not processes.is_alive(worker)


def test_an_app_with_signal_handlers_of_its_own_is_reloaded_and_stopped_as_any_other(forks, scratch):
    emperor = forks(env={"OWN_HANDLERS": "1"}, workers=2)
    worker = emperor.pid("forks")
    assert emperor.get("forks", "/with_subprocess").status == 200  # its SIGCHLD is the app's
    assert emperor.ctl("reload", "forks").returncode == 0
    emperor.generation_change("forks", worker)
    assert emperor.ctl("stop", "forks").returncode == 0
    assert not (scratch / f"handled-{signal.SIGTERM:d}").exists(), "orders come over the link, not by signals"
