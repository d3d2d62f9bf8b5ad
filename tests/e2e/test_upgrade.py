"""emperorctl upgrade: another program in the same process, and no request knows."""
import os
import pathlib
import shutil
import signal
import struct
import threading

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.load import Load
from harness.waiting import wait_until


@pytest.fixture
def own_binaries(binaries, idle_emperor):
    """Programs that this test may replace."""
    place = idle_emperor.directory / "bin"
    shutil.copytree(binaries, place)
    idle_emperor.binaries = place
    return place


def replace(path, text):
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    aside.chmod(0o755)
    os.replace(aside, path)


def test_the_emperor_is_replaced_in_place_and_no_request_is_lost(idle_emperor, own_binaries, measured):
    emperor = idle_emperor.start()
    emperor.write("probe", workers=2)
    emperor.write("other")
    emperor.wait_serving("probe", "other")
    emperor.wait_state("probe", "running")
    master, pid = emperor.master_pid("probe"), emperor.process.pid
    with Load(emperor.socket("probe"), "/pid", threads=4) as load:
        for _ in range(3):
            done = emperor.ctl("upgrade")
            assert done.returncode == 0 and f"pid {pid}" in done.stdout, done.stderr + emperor.output()
            assert emperor.process.poll() is None
            emperor.wait_state("probe", "running")
            emperor.wait_state("other", "running")
            before = load.count
            wait_until(lambda: load.count > before + 50, 10)
    measured(load.summary())
    assert load.failed == 0, load.summary()
    assert emperor.master_pid("probe") == master
    # The masters are children of the process still: their ends are seen, with their status.
    os.kill(master, 9)
    wait_until(lambda: emperor.serves("probe") and emperor.master_pid("probe") != master, 15)
    assert "SIGKILL" in emperor.ctl("show", "probe").stdout


def test_every_app_is_known_when_an_upgrade_is_answered(idle_emperor, own_binaries):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.write("asleep", on_demand=True)
    emperor.write_text("invalid", "app: [\n")
    emperor.wait_running("probe")
    emperor.wait_state("asleep", "sleeping")
    for _ in range(5):
        assert emperor.ctl("upgrade").returncode == 0, emperor.output()
        assert emperor.ctl("status", "probe", "asleep", "invalid").returncode in (0, 3)
        assert set(emperor.apps_status()) == {"probe", "asleep", "invalid"}


def test_signals_for_log_files_and_rescans_in_the_middle_of_an_upgrade_end_nobody(idle_emperor, own_binaries):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    pid, ended = emperor.process.pid, threading.Event()

    def storm():
        while not ended.wait(0.0005):
            for number in (signal.SIGUSR1, signal.SIGHUP):
                os.kill(pid, number)

    sender = threading.Thread(target=storm)
    sender.start()
    try:
        for _ in range(4):
            wait_until(lambda: emperor.ctl("upgrade").returncode == 0, 20, emperor.output)
            assert emperor.process.poll() is None
    finally:
        ended.set()
        sender.join()
    emperor.wait_state("probe", "running")


@pytest.mark.parametrize("program, why", [("#!/bin/sh\nexit 1\n", "cannot take over"), ("no program at all\n", "exec")])
def test_a_program_that_cannot_start_leaves_the_running_one_as_it_is(idle_emperor, own_binaries, program, why):
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    master = emperor.master_pid("probe")
    replace(own_binaries / "emperor", program)
    done = emperor.ctl("upgrade")
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert emperor.state("probe") == "running" and emperor.master_pid("probe") == master
    assert emperor.ctl("reload", "probe").returncode == 0


def test_a_program_that_breaks_behind_its_trial_is_answered_by_the_former_one(idle_emperor, own_binaries):
    """The trial says yes, the kernel says no: the former program goes on in the same process."""
    emperor = idle_emperor.start()
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    master, pid = emperor.master_pid("probe"), emperor.process.pid
    # Its trial takes itself off the disk.
    replace(own_binaries / "emperor", "#!/bin/sh\nrm -f \"$0\"\nexit 0\n")
    emperor.ctl("upgrade")
    assert processes.is_alive(pid)
    emperor.wait_state("probe", "running")
    assert emperor.master_pid("probe") == master
    emperor.wait_log("going on with the former program")


def age_scoreboard(master):
    """What a master of another release has mapped: the same memory, whose header names another layout."""
    links = pathlib.Path(f"/proc/{master}/fd").iterdir()
    board = next(path for path in links if os.readlink(path).startswith("/memfd:scoreboard of "))
    with open(board, "r+b", buffering=0) as memory:
        memory.seek(4)  # behind the magic number
        version, = struct.unpack("=I", memory.read(4))
        memory.seek(4)
        memory.write(struct.pack("=I", version - 1))


def test_masters_with_a_scoreboard_of_another_release_are_replaced_by_a_rollout(idle_emperor, own_binaries, scratch):
    """Neither what the master hands over nor what the keeper has can be read: it serves until its successor is ready."""
    emperor, ledger = idle_emperor.start(), Ledger(scratch)
    emperor.write("shop", **ledger.app(), workers=2)
    emperor.write("other")
    emperor.wait_serving("shop", "other")
    emperor.wait_state("shop", "running")
    emperor.wait_state("other", "running")
    former, other = emperor.status("shop")["pid"], emperor.master_pid("other")
    ledger.add("shop", emperor.socket("shop"), clients=2)
    with ledger:
        ledger.wait_answers(20)
        age_scoreboard(former)
        done = emperor.ctl("upgrade")
        assert done.returncode == 0, done.stderr + emperor.output()
        emperor.wait_log("it has another version's layout")
        wait_until(lambda: (emperor.status("shop") or {}).get("pid") not in (None, 0, former), 20, "the successor")
        emperor.wait_state("shop", "running")
        processes.wait_gone(former)
        ledger.wait_answers(20)
    assert not ledger.unexplained(), ledger.summary()
    assert emperor.master_pid("other") == other, "whose scoreboard can be read is taken over as it is"
    # Its counters begin anew, and are counted.
    before = emperor.ctl_json("show", "shop")["requests"]
    assert before > 0
    assert emperor.get("shop").status == 200
    wait_until(lambda: emperor.ctl_json("show", "shop")["requests"] > before, 10, "a counted request")


def test_an_upgrade_is_for_operators(idle_emperor, own_binaries):
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    emperor = idle_emperor.start()
    done = emperor.ctl("upgrade", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 4, done.stderr
