"""The emperor's own death: nothing is lost, and the next one goes on where the former one was killed."""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as another user")


def kill_emperor(emperor):
    emperor.send(signal.SIGKILL)
    emperor.wait(15)


def counters(emperor, name):
    shown = emperor.ctl_json("show", name)
    return {key: shown[key] for key in ("restarts", "reloads", "since_us", "started_us")}


def test_nothing_is_lost_and_nothing_starts_from_zero(idle_emperor, scratch, measured):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    emperor.write("shop", **ledger.app(), workers=2, recycle={"max_requests": 40})
    emperor.write("other")
    emperor.wait_serving("shop", "other")
    emperor.wait_state("shop", "running")
    assert emperor.ctl("reload", "other").returncode == 0
    os.kill(emperor.master_pid("other"), signal.SIGKILL)
    wait_until(lambda: emperor.ctl_json("show", "other")["restarts"] == 1, 15, "a counted restart")
    emperor.wait_state("other", "running")
    before = counters(emperor, "other")
    assert before["reloads"] == 1
    ledger.add("shop", emperor.socket("shop"))
    with ledger:
        ledger.wait_answers(30)
        master = processes.stat_of(ledger.answered()[-1].pid)[1]
        kill_emperor(emperor)
        workers = {entry.pid for entry in ledger.answered()}
        wait_until(lambda: len({entry.pid for entry in ledger.answered()} - workers) >= 2, 30,
                   "masters that recycle without an emperor")
        began = time.monotonic()
        emperor.start()
        emperor.wait_state("shop", "running")
        adopted = time.monotonic() - began
        ledger.wait_answers(50)
        assert counters(emperor, "other") == before, "uninterrupted"
        assert processes.stat_of(ledger.answered()[-1].pid)[1] == master
        # Later ends of what is no child of this emperor are seen all the same.
        os.kill(emperor.master_pid("other"), signal.SIGKILL)
        wait_until(lambda: emperor.ctl_json("show", "other")["restarts"] == 2, 15, "another counted restart")
    measured(f"start to adopted {adopted:.2f} s; {ledger.summary()}")
    assert not ledger.unexplained(), ledger.summary()
    wait_until(lambda: emperor.ctl_json("show", "shop")["requests"] >= len(ledger.answered("shop")), 10,
               "requests are counted on")


def test_what_changed_meanwhile_is_done_by_the_next_emperor(idle_emperor, scratch):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    names = ("edited", "removed", "touched", "same")
    for name in names:
        emperor.write(name, **ledger.app())
    emperor.wait_serving(*names)
    for name in names:
        emperor.wait_state(name, "running")
    pids = {name: emperor.status(name)["pid"] for name in names}
    for name in ("edited", "touched", "same"):
        ledger.add(name, emperor.socket(name), clients=1)
    with ledger:
        kill_emperor(emperor)
        emperor.write("edited", **ledger.app(VERSION="2"))
        emperor.remove("removed")
        os.utime(emperor.path_of("touched"))
        emperor.write("added", **ledger.app())
        ledger.wait_answers(20)
        emperor.start()
        emperor.wait_serving("added")
        wait_until(lambda: emperor.status("removed") is None, 20, "the end of what was removed")
        wait_until(lambda: ledger.answered("edited")[-1].version == "2", 20, "the edit")
        wait_until(lambda: emperor.status("touched")["pid"] != pids["touched"], 20, "the touched one's rollout")
        ledger.wait_answers(20)
    assert not ledger.unexplained(), ledger.summary()
    assert emperor.status("same")["pid"] == pids["same"]
    assert not processes.is_alive(pids["removed"])


def test_an_emperor_that_is_killed_in_the_middle_of_a_reload_costs_no_request(idle_emperor, scratch):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    emperor.write("shop", **ledger.app())
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    ledger.add("shop", emperor.socket("shop"), clients=2)
    with ledger:
        ledger.wait_answers(10)
        emperor.write("shop", **ledger.app(VERSION="2"), before_start="sleep 3")
        emperor.wait_state("shop", "reloading")
        successor = next(one["pid"] for one in emperor.ctl_json("show", "shop")["instances"] if one["role"] == "successor")
        kill_emperor(emperor)
        ledger.wait_answers(10)
        emperor.start()
        wait_until(lambda: ledger.answered("shop")[-1].version == "2", 20, "the new version")
        ledger.wait_answers(10)
    assert not ledger.unexplained(), ledger.summary()
    processes.wait_gone(successor)


def test_a_request_inside_a_draining_generation_is_finished(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("probe", workers=1)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    answers = []
    client = threading.Thread(target=lambda: answers.append(emperor.get("probe", "/sleep?s=4", timeout=30)))
    client.start()
    wait_until(lambda: emperor.status("probe")["workers"]["busy"] == 1, 10, "a busy worker")
    assert emperor.ctl("reload", "probe").returncode == 0
    kill_emperor(emperor)
    emperor.start()
    emperor.wait_state("probe", "running")
    client.join()
    assert answers and answers[0].status == 200
    wait_until(lambda: len(emperor.ctl_json("show", "probe")["instances"]) == 1, 15, "the end of the former generation")


class SlowRequest:
    """One that takes seven seconds is inside `probe`, whose .master is known."""

    def __init__(self, emperor):
        self.emperor, self.answer = emperor, None
        emperor.write("probe")
        emperor.wait_running("probe")
        self.master = emperor.status("probe")["pid"]
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        wait_until(lambda: emperor.status("probe")["workers"]["busy"] == 1, 10, "a busy worker")

    def _ask(self):
        self.answer = self.emperor.get("probe", "/sleep?s=7", timeout=30)

    def check(self):
        self.thread.join()
        assert self.answer and self.answer.status == 200, self.emperor.output()


@contextlib.contextmanager
def stalled(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_request_inside_a_draining_generation_whose_master_does_not_answer_is_finished(idle_emperor):
    emperor = idle_emperor.start()
    request = SlowRequest(emperor)
    assert emperor.ctl("reload", "probe").returncode == 0
    with stalled(request.master):
        kill_emperor(emperor)
        emperor.start()
        emperor.wait_log("it finishes what it accepted")
        emperor.wait_state("probe", "running")
        request.check()
    processes.wait_gone(request.master)
    assert emperor.state("probe") == "running"


def test_a_request_inside_a_vassal_whose_master_and_keeper_are_lost_is_finished(idle_emperor):
    """Nobody hands over its listeners: the master is ended, its worker finishes what it has."""
    emperor = idle_emperor.start()
    request = SlowRequest(emperor)
    with stalled(request.master):
        keeper = emperor.keeper()
        kill_emperor(emperor)
        os.kill(keeper, signal.SIGKILL)
        processes.wait_gone(keeper)
        emperor.start()
        emperor.wait_log("master not adopted")
        emperor.wait_serving("probe")
        request.check()
        processes.wait_gone(request.master)


def test_lines_logged_without_an_emperor_are_kept(idle_emperor, scratch):
    log = scratch / "app.log"
    emperor = idle_emperor.start()
    emperor.write("ring")
    emperor.write("filed", log_file=str(log))
    emperor.wait_serving("ring", "filed")
    emperor.wait_state("ring", "running")
    master = emperor.master_pid("filed")
    kill_emperor(emperor)
    for number in range(30):
        assert emperor.get("ring", f"/log?text=orphaned-{number:02}-").status == 200
        assert emperor.get("filed", f"/log?text=orphaned-{number:02}-").status == 200
    wait_until(lambda: "ORPHANED-29-" in log.read_text(), 10, "the last line in the file")
    # Whoever rotates files may tell the master itself.
    log.rename(scratch / "app.log.1")
    os.kill(master, signal.SIGUSR1)
    wait_until(lambda: (emperor.get("filed", "/log?text=after-").status == 200
                        and log.exists() and "after-" in log.read_text()), 10, "a line in the new file", 0.2)
    kept = (scratch / "app.log.1").read_text()
    assert all(f"orphaned-{number:02}-\n" in kept for number in range(30))
    emperor.start()
    emperor.wait_state("ring", "running")
    shown = emperor.ctl("logs", "--lines", 200, "ring").stdout
    missing = [number for number in range(30) if f"orphaned-{number:02}-\n" not in shown]
    assert not missing, (missing, shown)


# ---- masters that cannot be taken over

class Impostor:
    """Listens where a master's rendezvous socket was, as another user if `uid` is given, and answers with rubbish."""

    def __init__(self, path, scratch, uid=0):
        aside = scratch / "impostor.sock"
        code = ("import os, socket, sys\n"
                f"os.setgid({uid}) if {uid} else None; os.setuid({uid}) if {uid} else None\n"
                "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind(sys.argv[1]); s.listen()\n"
                "print('up', flush=True)\n"
                "while True:\n"
                "    peer, _ = s.accept(); peer.recv(65536)\n"
                "    try: peer.send(b'{\"type\":\"snapshot\",\"version\":1}')\n"
                "    except OSError: pass\n")
        scratch.chmod(0o777)
        self.process = subprocess.Popen([sys.executable, "-c", code, str(aside)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "up\n"
        os.rename(aside, path)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.parametrize("uid", [0, pytest.param(65534, marks=needs_root)])
def test_an_impostor_at_the_rendezvous_socket_is_refused_and_nothing_is_lost(idle_emperor, scratch, uid):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    emperor.write("shop", **ledger.app())
    emperor.write("other")
    emperor.wait_serving("shop", "other")
    emperor.wait_state("shop", "running")
    emperor.wait_state("other", "running")
    other = emperor.master_pid("other")
    ledger.add("shop", emperor.socket("shop"), clients=2)
    with ledger:
        ledger.wait_answers(10)
        master = processes.stat_of(ledger.answered()[-1].pid)[1]
        kill_emperor(emperor)
        rendezvous = next((emperor.runtime / "vassals/shop").glob("rendezvous-*"))
        impostor = Impostor(rendezvous, scratch, uid)
        try:
            emperor.start()
            emperor.wait_log("an impostor")
            processes.wait_gone(master)
            ledger.wait_answers(20)
        finally:
            impostor.end()
    assert not ledger.unexplained(), ledger.summary()
    assert emperor.master_pid("other") == other, "the others are adopted"


# ---- the runtime directory

def damage_record(directory):
    (directory / "record.json").write_bytes(b"\x00{garbage")


def damage_mode(directory):
    directory.chmod(0o777)


def damage_owner(directory):
    os.chown(directory, 65534, 65534)


def damage_kind(directory):
    directory.rename(directory.parents[2] / "aside")
    directory.write_text("no directory\n")


@pytest.mark.parametrize("damage", [damage_record, damage_mode, damage_kind, pytest.param(damage_owner, marks=needs_root)])
def test_a_damaged_record_is_reported_and_left_alone(idle_emperor, scratch, damage):
    emperor = idle_emperor.start()
    emperor.write("shop")
    emperor.write("other")
    emperor.wait_serving("shop", "other")
    emperor.wait_state("shop", "running")
    emperor.wait_state("other", "running")
    master, other = emperor.master_pid("shop"), emperor.master_pid("other")
    kill_emperor(emperor)
    place = emperor.runtime / "vassals/shop"
    damage(place)
    before = place.lstat(), sorted(place.iterdir()) if place.is_dir() else place.read_text()
    emperor.start()
    emperor.wait_state("shop", "invalid")
    emperor.wait_state("other", "running")
    assert emperor.master_pid("other") == other
    assert emperor.serves("shop") and emperor.master_pid("shop") == master, "it serves on, nobody knows of it"
    assert str(place) in emperor.ctl("show", "shop").stdout
    after = place.lstat(), sorted(place.iterdir()) if place.is_dir() else place.read_text()
    assert (before[0].st_mode, before[0].st_uid, before[1]) == (after[0].st_mode, after[0].st_uid, after[1])
    # The way out that is shown: end what runs, remove the directory.
    os.kill(master, signal.SIGTERM)
    processes.wait_gone(master)
    subprocess.run(["rm", "-rf", place, scratch / "aside"], check=True)
    emperor.wait_state("shop", "running")
    emperor.wait_serving("shop")


def test_a_record_that_could_not_be_written_is_written_when_it_can_be(idle_emperor):
    """As on a full disk: without it the next emperor would start the app once more, beside the one that runs."""
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_running("probe")
    in_the_way = emperor.runtime / "vassals" / "probe" / "record.json.new"
    in_the_way.mkdir()
    assert emperor.ctl("reload", "probe").returncode == 0
    emperor.wait_log("record not written")
    in_the_way.rmdir()
    emperor.wait_log("record written")
    master = emperor.master_pid("probe")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    emperor.start()
    emperor.wait_running("probe")
    assert emperor.master_pid("probe") == master


def test_a_runtime_directory_that_is_removed_comes_back(idle_emperor, scratch):
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    port = free_port()
    emperor.write("shop", **ledger.app(), listen=[f"http:127.0.0.1:{port}"])
    emperor.write("other")
    emperor.wait_serving("other")
    emperor.wait_state("shop", "running")
    emperor.wait_state("other", "running")
    ledger.add("shop", port, clients=2)
    with ledger:
        ledger.wait_answers(10)
        subprocess.run(["rm", "-rf", emperor.runtime], check=True)
        emperor.wait_log("runtime directory lost")
        wait_until(lambda: emperor.ctl("status", timeout=10).returncode == 0, 20, "an emperor that answers")
        emperor.wait_serving("other")
        # All is as it should be when the next emperor can adopt.
        wait_until(lambda: len(list((emperor.runtime / "vassals").glob("*/rendezvous-*"))) == 2, 20, "rendezvous sockets")
        wait_until(lambda: len(emperor.ctl_json("show", "shop")["instances"]) == 1, 20)
        emperor.wait_state("shop", "running")
        emperor.wait_state("other", "running")
        master = emperor.master_pid("other")
        kill_emperor(emperor)
        emperor.start()
        emperor.wait_state("other", "running")
        assert emperor.master_pid("other") == master
        ledger.wait_answers(10)
    assert not ledger.unexplained(), ledger.summary()
    second = subprocess.run([emperor.binaries / "emperor", "--vassals", emperor.vassals, "--runtime-dir", emperor.runtime],
                            capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and str(emperor.process.pid) in second.stderr, "the lock is there again"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


# ---- many

def test_sixty_vassals_are_adopted_quickly(idle_emperor, measured):
    emperor, count = idle_emperor.start(), 60
    for number in range(count):
        emperor.write(f"app{number:02}")
    wait_until(lambda: sum(row["state"] == "running" for row in emperor.apps_status().values()) == count, 120,
               lambda: f"{count} running: {emperor.output()[-2000:]}", 0.5)
    before = {name: row["pid"] for name, row in emperor.apps_status().items()}
    kill_emperor(emperor)
    began = time.monotonic()
    emperor.start()
    wait_until(lambda: sum(row["state"] == "running" for row in emperor.apps_status().values()) == count, 30)
    took = time.monotonic() - began
    measured(f"{count} adopted in {took:.2f} s")
    assert took < 10, "ten times the bar"
    assert {name: row["pid"] for name, row in emperor.apps_status().items()} == before
