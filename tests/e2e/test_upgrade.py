"""emperorctl upgrade: another program in the same process, and no request knows."""
import os
import shutil

import pytest

from harness import processes
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


def test_an_upgrade_is_for_operators(idle_emperor, own_binaries):
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    emperor = idle_emperor.start()
    done = emperor.ctl("upgrade", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 4, done.stderr
