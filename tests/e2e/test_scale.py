"""A directory of two hundred apps, twenty of which crash at every start: nobody waits for those, and nothing is left. How
long a thousand take is measured by tests/bench/run.py --only scale-1000."""
import re
import time

from harness import processes

FLEET, CRASHING, PARALLELISM = 200, 20, 4

# A start holds its slot at least while the app is imported: the imports under way are counted by the order of these lines.
IMPORTED = """import os, time
lines = os.open({file!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
os.write(lines, b"+")
time.sleep(0.01)
os.write(lines, b"-")
os.close(lines)
"""
PLAIN = IMPORTED + """def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
CRASHES = IMPORTED + "os._exit(3)\n"


def tree_of(pid):
    """The process and its descendants, by one walk over /proc: there are hundreds."""
    children = {}
    for member in processes.everyone():
        stat = processes.stat_of(member)
        if stat:
            children.setdefault(stat[1], []).append(member)
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def most_at_a_time(lines):
    under_way = most = 0
    for mark in lines:
        under_way += 1 if mark == "+" else -1
        most = max(most, under_way)
    return most


def test_a_fleet_starts_past_a_crash_loop_and_leaves_nothing(idle_emperor, scratch, measured):
    lines = scratch / "imports"
    lines.touch()
    (scratch / "plain.py").write_text(PLAIN.format(file=str(lines)))
    (scratch / "crashing.py").write_text(CRASHES.format(file=str(lines)))
    names = [f"app{number:03}" for number in range(FLEET)]
    for number in range(CRASHING):  # first in every order, so that the others would have to wait for them
        idle_emperor.write(f"aaa{number:02}", "crashing:application", chdir=scratch)
    for name in names:
        idle_emperor.write(name, "plain:application", chdir=scratch)

    (scratch / "emperor.yaml").write_text(f"start_parallelism: {PARALLELISM}\n")
    began = time.monotonic()
    emperor = idle_emperor.start("--config", scratch / "emperor.yaml")
    emperor.wait_serving(*names, seconds=90)
    ready = time.monotonic() - began

    began = time.monotonic()
    emperor.write("fresh", "plain:application", chdir=scratch)
    emperor.wait_serving("fresh", seconds=10)
    fresh = time.monotonic() - began

    began = time.monotonic()
    rows = emperor.apps_status()
    asked = time.monotonic() - began
    assert {rows[name]["state"] for name in [*names, "fresh"]} == {"running"}
    assert not [name for name in rows if name.startswith("aaa") and rows[name]["is_serving"]]
    assert 2 <= most_at_a_time(lines.read_text()) <= PARALLELISM
    log = emperor.output()
    attempts = max(len(re.findall(rf"starting vassal=aaa{number:02} ", log)) for number in range(CRASHING))
    assert 2 <= attempts <= 14, "the pause between attempts doubles from 0.1 s to a minute"

    family = tree_of(emperor.process.pid)
    assert len(family) > 2 * FLEET
    began = time.monotonic()
    assert emperor.stop(seconds=60) == 0
    stopped = time.monotonic() - began
    assert not [pid for pid in family if processes.is_alive(pid)]
    assert not list((emperor.runtime / "sockets").glob("*"))
    assert not list((emperor.runtime / "vassals").glob("*"))
    measured(f"{FLEET} vassals beside {CRASHING} that crash: serving after {ready:.2f} s, a new file after {fresh:.2f} s, "
             f"status in {asked:.2f} s, stopped in {stopped:.2f} s")
    assert fresh <= 5.0 and asked <= 2.0  # far above the bars: 0.3 s and 0.1 s for a thousand
    assert stopped <= 50.0
