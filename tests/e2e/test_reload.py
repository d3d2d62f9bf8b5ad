"""Reloads under continuous load: no request fails, nobody waits for an import."""
import os
import subprocess

from harness import processes
from harness.load import Load
from harness.waiting import wait_until


def test_twenty_reloads_under_load_fail_no_request(emperor, measured):
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    with Load(emperor.socket("probe"), "/pid") as load:
        for _ in range(20):
            before = load.count
            done = emperor.ctl("reload", "probe")
            assert done.returncode == 0, done.stderr
            wait_until(lambda: load.count > before + 20, 10, "load between two reloads")
    measured(load.summary())
    assert load.failed == 0, load.summary()
    assert emperor.status("probe")["generation"] == 21 and len(load.bodies) >= 40, "every reload brings two new workers"


def test_a_reload_with_a_two_second_import_stalls_nobody(emperor, measured):
    emperor.write("probe", env={"IMPORT_SECONDS": "2"})
    emperor.wait_serving("probe", seconds=20)
    pid = emperor.pid("probe")
    with Load(emperor.socket("probe"), "/pid") as load:
        wait_until(lambda: load.count > 100, 10)
        assert emperor.ctl("reload", "probe").returncode == 0
        before = load.count
        wait_until(lambda: load.count > before + 100, 10)
    measured(load.summary() + " (bar 0.1 s)")
    assert load.failed == 0, load.summary()
    assert load.slowest < 1.0 and load.longest_gap < 1.0, load.summary()
    assert emperor.pid("probe") != pid


def test_a_request_in_flight_survives_the_reload(emperor):
    emperor.write("probe", threads=2)
    emperor.wait_serving("probe")
    with Load(emperor.socket("probe"), "/sleep?s=1.5", threads=2) as load:
        wait_until(lambda: load.count >= 1, 10)
        assert emperor.ctl("reload", "probe").returncode == 0
        before = load.count
        wait_until(lambda: load.count >= before + 2, 10)
    assert load.failed == 0, load.summary()


def test_an_edit_rolls_out_by_itself(emperor):
    emperor.write("probe", env={"VERSION": "1"})
    emperor.wait_serving("probe")
    with Load(emperor.socket("probe"), "/version") as load:
        for version in ("2", "3"):
            emperor.write("probe", env={"VERSION": version})
            wait_until(lambda: emperor.get("probe", "/version").text == version, 15, f"version {version}")
    assert load.failed == 0, load.summary()


def test_a_touch_rolls_out_even_when_the_time_goes_backwards(emperor):
    path = emperor.write("probe")
    emperor.wait_serving("probe")
    pid = emperor.pid("probe")
    path.touch()
    emperor.generation_change("probe", pid)
    pid = emperor.pid("probe")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    emperor.generation_change("probe", pid)


def test_touch_h_on_a_symlinked_file_rolls_out(emperor, scratch):
    target = scratch / "real.yaml"
    emperor.write("probe")
    os.replace(emperor.path_of("probe"), target)
    emperor.path_of("probe").symlink_to(target)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    pid = emperor.pid("probe")
    subprocess.run(["touch", "-h", emperor.path_of("probe")], check=True)
    emperor.generation_change("probe", pid)


def test_a_target_of_a_symlink_that_changes_elsewhere_is_noticed_by_a_rescan(emperor, scratch):
    target = scratch / "real.yaml"
    emperor.write("probe")
    os.replace(emperor.path_of("probe"), target)
    emperor.path_of("probe").symlink_to(target)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    pid = emperor.pid("probe")
    target.touch()
    emperor.send(1)  # SIGHUP: rescan now
    emperor.generation_change("probe", pid)


def test_a_half_written_file_is_not_taken_for_its_end(emperor):
    """Written in pieces within the settle time, as editors and `cp` do: one generation, no `invalid` on the way."""
    whole = f"app: probe:application\nchdir: {emperor.apps}\nenv:\n  VERSION: '7'\n"
    with open(emperor.path_of("probe"), "w") as file:
        for start in range(0, len(whole), 20):
            file.write(whole[start:start + 20])
            file.flush()
    emperor.wait_serving("probe")
    assert emperor.get("probe", "/version").text == "7"
    assert "invalid" not in emperor.output()


def test_a_replaced_directory_is_read_again(emperor, scratch):
    emperor.write("probe")
    emperor.wait_serving("probe")
    other = scratch / "other"
    other.mkdir()
    (other / "second.yaml").write_text(f"app: probe:application\nchdir: {emperor.apps}\n")
    os.rename(emperor.vassals, scratch / "away")
    os.rename(other, emperor.vassals)
    emperor.wait_serving("second")
    wait_until(lambda: "probe" not in emperor.apps_status(), 20, "the end of the vassal whose file is gone")


def test_changed_defaults_roll_out_where_they_count(emperor):
    emperor.write("one", env={"VERSION": "fixed"})
    emperor.write("two")
    emperor.wait_serving("one", "two")
    pid = emperor.pid("one")
    emperor.write_text("_defaults", "env: {VERSION: from defaults}\n")
    wait_until(lambda: emperor.get("two", "/version").text == "from defaults", 15, "the new default")
    assert emperor.pid("one") == pid, "a vassal whose effective values are the same must not be touched"
    emperor.path_of("_defaults").touch()
    two = emperor.pid("two")
    emperor.write("three")  # a later change that is seen proves that the touch was looked at too
    emperor.wait_serving("three")
    assert emperor.pid("two") == two


def test_restart_stop_and_start(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    pid = emperor.pid("probe")
    assert emperor.ctl("restart", "probe").returncode == 0
    assert emperor.pid("probe") != pid
    assert emperor.ctl("stop", "probe").returncode == 0
    assert emperor.state("probe") == "stopped"
    emperor.path_of("probe").touch()
    emperor.write("other")
    emperor.wait_serving("other")
    assert emperor.state("probe") == "stopped", "stop holds over touches"
    assert emperor.ctl("start", "probe").returncode == 0
    assert emperor.serves("probe")


def test_a_lone_client_is_not_left_waiting_by_a_reload(emperor, measured):
    """One connection at a time: no later one comes to wake the worker that should have taken an earlier one."""
    emperor.write("probe", workers=2, threads=2)
    emperor.wait_serving("probe")
    with Load(emperor.socket("probe"), "/pid", threads=1, timeout=5) as load:
        for _ in range(25):
            before = load.count
            assert emperor.ctl("reload", "probe").returncode == 0
            wait_until(lambda: load.count > before + 20, 10, "answers after the reload")
    measured(load.summary())
    assert load.failed == 0 and load.slowest < 1.0, load.summary()


def test_after_a_reload_only_the_new_generation_answers(emperor):
    """`emperorctl reload shop && curl …` must not reach the old code."""
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    for _ in range(20):
        old = {str(pid) for pid in processes.children_of(emperor.master_pid("probe"))}
        assert emperor.ctl("reload", "probe").returncode == 0
        answered = {emperor.get("probe", "/pid").text for _ in range(4)}
        assert not answered & old, "the old generation accepted after the reload was reported"
