#!/usr/bin/python3
"""The same mishaps under the same ledger, once with this emperor and once with Debian's uWSGI Emperor: requests that were
lost, and the longest time in which a vassal answered nobody.

  tests/chaos/compare.py                         every mishap; prints a table (some three minutes)
  tests/chaos/compare.py --only reload,emperor   some of them
  tests/chaos/compare.py --markdown FILE         also writes the table between the marks <!-- compare:begin --> and
                                                 <!-- compare:end -->

Two vassals with two workers each, two clients each at 40 requests a second, as nginx would ask: a connection that is refused is
lost. The app takes 0.3 s to import. Nothing is asserted but that this emperor loses no more than the requests inside the
processes that were killed (exit 1).
"""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import time

import setting
from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until
from rivals import Ours, Uwsgi

PACE = 0.5  # seconds between two mishaps of one kind


def reload(rival, ledger):
    """10 touches of an app that takes 0.3 s to import; uWSGI looks every 3 s."""
    for _ in range(10):
        rival.touch("one")
        time.sleep(3.5 if rival.title == "uWSGI" else PACE)


def broken_deploy(rival, ledger):
    """code that cannot be imported, deployed and touched; mended 6 s later"""
    (rival.directory / "one.broken").touch()
    rival.touch("one")
    time.sleep(6)
    (rival.directory / "one.broken").unlink()
    rival.touch("one")
    wait_until(lambda: rival.version("one"), 60, "the mended app")


def misspelt(rival, ledger):
    """an option misspelt in the file, mended 6 s later"""
    rival.misspell("one")
    time.sleep(6)
    rival.write("one", 3)
    wait_until(lambda: rival.version("one") == "3", 60, "the mended file")


def edit(rival, ledger):
    """5 edits of the environment"""
    for version in range(2, 7):
        rival.write("one", version)
        wait_until(lambda: rival.version("one") == str(version), 30, f"version {version}")


def worker(rival, ledger):
    """kill -9 of a worker, 5 times"""
    for _ in range(5):
        ledger.kill(rival.worker("one"))
        time.sleep(2)


def master(rival, ledger):
    """kill -9 of the vassal's master, 3 times"""
    for _ in range(3):
        ledger.kill(rival.master("one"))
        time.sleep(PACE)
        wait_until(lambda: rival.version("one"), 60, "the vassal after its master was killed")
        time.sleep(2)


def emperor(rival, ledger):
    """kill -9 of the emperor; another one is started 1 s later"""
    rival.process.kill()
    rival.process.wait()
    time.sleep(1)
    rival.start()
    wait_until(lambda: all(rival.version(name) for name in rival.names), 60, "the vassals under the next emperor")
    time.sleep(2)


MISHAPS = {"reload": (reload, 0), "broken": (broken_deploy, 0), "misspelt": (misspelt, 0), "edit": (edit, 0),
           "worker": (worker, 5), "master": (master, 0), "emperor": (emperor, 0)}


def suffer(kind, mishap, directory, apps, *programs):
    """Requests, how many of them were lost, and the longest stall of a vassal."""
    directory.mkdir()
    ledger, names = Ledger(directory), ["one", "two"]
    rival = kind(*programs, directory, apps, ledger.notes, names)
    rival.begin()
    try:
        for name in names:
            ledger.add(name, rival.socket(name), rate=80)
        with ledger:
            ledger.wait_answers(50)
            mishap(rival, ledger)
            ledger.wait_answers(50, seconds=60)
        return ledger.count, ledger.failed, max(ledger.longest_gap_of(name) for name in names)
    finally:
        rival.end()


def table(rows):
    lines = ["| mishap | uWSGI: requests, lost | longest stall | Emperor: requests, lost | longest stall |",
             "|---|---|---|---|---|"]
    for what, theirs, ours in rows:
        cells = [f"{requests}, **{lost}** | {stall:.2f} s" for requests, lost, stall in (theirs, ours)]
        lines.append(f"| {what} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(MISHAPS), help=f"some of {', '.join(MISHAPS)}")
    parser.add_argument("--bin", type=pathlib.Path, default=setting.BUILT, help="where the programs are")
    parser.add_argument("--markdown", type=pathlib.Path, help="a file with the marks, to be rewritten")
    asked = parser.parse_args()
    if not shutil.which("uwsgi"):
        sys.exit("compare: uwsgi is missing: Debian's uwsgi-core and uwsgi-plugin-python3 (scripts/setup.sh)")
    processes.become_subreaper()
    top = setting.new_directory("compare")
    apps = setting.copy_app(top)
    rows, failed = [], False
    try:
        for name in asked.only.split(","):
            mishap, allowed = MISHAPS[name]
            theirs = suffer(Uwsgi, mishap, top / f"{name}-uwsgi", apps)
            ours = suffer(Ours, mishap, top / f"{name}-ours", apps, asked.bin.resolve())
            rows.append(((mishap.__doc__ or name).strip(), theirs, ours))
            failed |= ours[1] > allowed
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(table(rows))
    if asked.markdown:
        begin, end = "<!-- compare:begin -->", "<!-- compare:end -->"
        text = asked.markdown.read_text()
        before, after = text.split(begin)[0], text.split(end)[1]
        asked.markdown.write_text(f"{before}{begin}\n{table(rows)}\n{end}{after}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
