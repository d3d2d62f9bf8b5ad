"""Signals to the emperor, the second emperor, and the law that nothing dies with the first."""
import os
import signal
import stat
import subprocess

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_stop_everything_gracefully(emperor, number):
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    family = processes.descendants_of(emperor.process.pid)
    assert len(family) >= 3
    assert emperor.stop(number) == 0
    assert not [pid for pid in family if processes.is_alive(pid)]
    left = [path for path in emperor.runtime.rglob("*") if not path.is_dir() and path.name != "emperor.lock"
            and path.parent.name != "history"]
    assert not left, left


def test_a_second_term_hurries(emperor):
    emperor.write("probe", timeouts_drain="60s", timeouts_kill="1s")
    emperor.wait_serving("probe")
    import threading
    client = threading.Thread(target=lambda: emperor.serves("probe", "/sleep?s=50"), daemon=True)
    client.start()
    wait_until(lambda: emperor.status("probe")["workers"]["busy"] == 1, 10, "a busy worker")
    emperor.send(signal.SIGTERM)
    emperor.wait_log("stopping")
    emperor.send(signal.SIGTERM)
    assert emperor.wait(10) == 0


def test_hup_rescans(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.send(signal.SIGHUP)
    emperor.write("other")
    emperor.wait_serving("other")
    assert emperor.process.poll() is None


def test_usr1_reopens_log_files(idle_emperor, scratch):
    log = scratch / "app.log"
    emperor = idle_emperor.start()
    emperor.write("probe", log_file=str(log))
    emperor.wait_serving("probe")
    emperor.get("probe", "/log?text=before")
    wait_until(lambda: log.exists() and "before" in log.read_text(), 10, "the first line")
    os.rename(log, scratch / "app.log.1")
    emperor.send(signal.SIGUSR1)

    def said_after():
        emperor.get("probe", "/log?text=after")
        return log.exists() and "after" in log.read_text()

    wait_until(said_after, 10, "a line in the new file", 0.2)


def test_a_second_emperor_names_the_first(emperor):
    done = subprocess.run([emperor.binaries / "emperor", "--vassals", emperor.vassals, "--runtime-dir", emperor.runtime],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and str(emperor.process.pid) in done.stderr, done.stderr
    assert emperor.ctl("status").returncode == 0


def test_bad_usage_is_exit_2(binaries, scratch):
    for arguments in ([], ["--vassals"], ["--no-such-flag"], ["--vassals", scratch, "--log-level", "loud"]):
        done = subprocess.run([binaries / "emperor", *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2, (arguments, done.stderr)
    done = subprocess.run([binaries / "emperor", "--version"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "0.1.0" in done.stdout


def test_the_runtime_directory_is_guarded(emperor):
    assert stat.S_IMODE(emperor.runtime.stat().st_mode) == (0o755 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE((emperor.runtime / "vassals").stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make another user's directory")
def test_a_runtime_directory_of_another_owner_is_refused(idle_emperor):
    idle_emperor.runtime.mkdir()
    os.chown(idle_emperor.runtime, 65534, 65534)
    emperor = idle_emperor.start(wait=False)
    assert emperor.wait(15) == 1 and str(emperor.runtime) in emperor.output()


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL])
def test_vassals_outlive_the_emperor_and_the_next_one_adopts_them(idle_emperor, scratch, number, measured):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    emperor.write("shop", **ledger.app(), workers=2)
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    master = emperor.status("shop")["pid"]
    ledger.add("shop", emperor.socket("shop"), clients=4)
    with ledger:
        first = emperor.process
        emperor.send(number)
        emperor.wait(15)
        ledger.wait_answers(100)
        # Meanwhile a worker may die: its master replaces it. Each client may have been at its door: accepted, and put
        # aside until the request is there.
        death = ledger.kill(ledger.answered()[-1].pid, at_the_door=4)
        emperor.start()
        emperor.wait_state("shop", "running")
        assert emperor.process.pid != first.pid and emperor.status("shop")["pid"] == master, "adopted, not started anew"
        assert emperor.ctl("reload", "shop").returncode == 0
        ledger.wait_answers(50)
    measured(f"{ledger.summary()}; begun by the killed worker: {len(ledger.during(death))}")
    assert set(ledger.failures) <= {"reset", "empty answer", "cut answer"}, "the socket is open all the time"
    assert not ledger.unexplained(), f"only requests inside the killed worker may fail: {ledger.summary()}"
    processes.wait_gone(master)


def test_an_app_that_logs_without_an_emperor_never_blocks(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    emperor.send(signal.SIGKILL)
    emperor.wait(15)
    for _ in range(3):
        assert emperor.get("probe", "/flood", timeout=20).text == "flooded"
    emperor.start()
    emperor.wait_state("probe", "running")


def test_a_stopped_vassal_stays_stopped_under_the_next_emperor(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert emperor.ctl("stop", "probe").returncode == 0
    assert emperor.stop() == 0
    emperor.start()
    emperor.wait_state("probe", "stopped")
    assert emperor.ctl("start", "probe").returncode == 0 and emperor.serves("probe")
