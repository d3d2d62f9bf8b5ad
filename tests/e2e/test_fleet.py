"""Many vassals, new ones, removed ones, and what a stop leaves behind."""
import os
import signal
import time

from harness import processes
from harness.waiting import wait_until


def test_fifty_vassals_start_and_leave_nothing(idle_emperor, measured):
    names = [f"app{number:02}" for number in range(50)]
    for name in names:
        idle_emperor.write(name)
    began = time.monotonic()
    emperor = idle_emperor.start()
    emperor.wait_serving(*names, seconds=60)
    measured(f"50 vassals serving after {time.monotonic() - began:.2f} s")
    wait_until(lambda: all(row["state"] == "running" for row in emperor.apps_status().values()), 20, "50 running vassals")
    assert len(emperor.apps_status()) == 50
    family = processes.descendants_of(emperor.process.pid)
    assert emperor.stop(seconds=60) == 0
    assert not [pid for pid in family if processes.is_alive(pid)]
    assert not list((emperor.runtime / "sockets").glob("*"))


def test_a_new_file_is_served_within_the_bar(emperor, measured):
    emperor.write("warm")
    emperor.wait_serving("warm")
    times = []
    for number in range(5):
        began = time.monotonic()
        emperor.write(f"fresh{number}")
        emperor.wait_serving(f"fresh{number}")
        times.append(time.monotonic() - began)
    measured(f"new file to first request: {', '.join(f'{one:.2f}' for one in times)} s (bar 0.5 s)")
    assert max(times) <= 5.0


def test_a_removed_file_drains_and_removes_everything(emperor):
    emperor.write("probe", threads=2)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    worker, master = emperor.pid("probe"), emperor.master_pid("probe")
    emperor.remove("probe")
    wait_until(lambda: "probe" not in emperor.apps_status(), 20, "the end of probe")
    processes.wait_gone(worker)
    processes.wait_gone(master)
    assert not emperor.socket("probe").exists()
    wait_until(lambda: not (emperor.runtime / "stats" / "probe.sock").exists(), 10, "the end of its stats socket, a look later")
    assert not (emperor.runtime / "vassals" / "probe").exists()


def test_a_removed_file_lets_a_running_request_finish(emperor):
    import threading
    emperor.write("probe")
    emperor.wait_serving("probe")
    answers = []
    client = threading.Thread(target=lambda: answers.append(emperor.get("probe", "/sleep?s=3")))
    client.start()
    wait_until(lambda: emperor.status("probe")["workers"]["busy"] == 1, 10, "the request inside; removal must not cut it")
    emperor.remove("probe")
    client.join()
    assert answers and answers[0].status == 200 and answers[0].text.startswith("slept")


def test_a_disabled_vassal_is_shown_and_not_started(emperor):
    emperor.write("probe", enabled=False)
    row = emperor.wait_state("probe", "stopped")
    assert "disabled" in row["reason"]
    emperor.write("probe", enabled=True)
    emperor.wait_serving("probe")
    emperor.write("probe", enabled=False)
    emperor.wait_state("probe", "stopped")


def test_several_directories_make_one_fleet(idle_emperor, scratch):
    second = scratch / "second"
    second.mkdir()
    idle_emperor.write("one")
    (second / "two.yml").write_text(idle_emperor.path_of("one").read_text())
    emperor = idle_emperor.start("--vassals", second)
    emperor.wait_serving("one", "two")
    (second / "one.yaml").write_text(emperor.path_of("one").read_text())
    row = emperor.wait_state("one", "invalid")
    assert str(second / "one.yaml") in str(row) and str(emperor.path_of("one")) in str(row)
    assert emperor.serves("one"), "the first one keeps running"
    checked = emperor.ctl("check")
    assert checked.returncode == 2 and "the vassal 'one' is also defined by" in checked.stdout, checked.stdout
    (second / "one.yaml").unlink()
    emperor.wait_state("one", "running")


def test_other_names_are_ignored(emperor):
    good = f"app: probe:application\nchdir: {emperor.apps}\n"
    for name in ("notes.txt", ".hidden.yaml", "backup.yaml~", "part.yaml.swp"):
        (emperor.vassals / name).write_text(good)
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert list(emperor.apps_status()) == ["probe"]
    assert "files ignored" not in emperor.output()


def test_files_that_uwsgi_s_emperor_would_take_are_named(emperor):
    (emperor.vassals / "shop.ini").write_text("[uwsgi]\nmodule = shop.wsgi\n")
    emperor.wait_log("files ignored")
    assert "shop.ini" in emperor.output()
    done = emperor.ctl("check")
    assert done.returncode == 0 and "shop.ini: warning: is ignored" in done.stdout, done.stdout
    (emperor.vassals / "shop.ini").rename(emperor.path_of("shop"))
    emperor.wait_state("shop", "invalid")
    told = emperor.ctl("check").stdout
    assert "this is an ini file" in told and "use app: package.module:callable" in told


def test_a_stop_ends_even_an_app_that_ignores_signals(emperor, scratch):
    (scratch / "stubborn.py").write_text(
        "import signal, time\nfor number in (1, 2, 3, 10, 12, 15):\n    signal.signal(number, signal.SIG_IGN)\n"
        "from probe import application\n")
    emperor.write("probe", "stubborn:application", chdir=scratch, python_path=str(emperor.apps),
                  timeouts_drain="1s", timeouts_kill="1s")
    emperor.wait_serving("probe")
    worker = emperor.pid("probe")
    import threading
    client = threading.Thread(target=lambda: emperor.serves("probe", "/sleep?s=30"), daemon=True)
    client.start()
    wait_until(lambda: emperor.status("probe")["workers"]["busy"] == 1, 10, "the request inside")
    began = time.monotonic()
    assert emperor.stop(signal.SIGTERM, 15) == 0
    assert time.monotonic() - began < 10
    assert not processes.is_alive(worker)
    assert not os.path.exists(emperor.runtime / "control.sock")
