#!/usr/bin/python3
"""Chaos: a fleet of vassals under load while a seeded storm edits, breaks, removes, reloads, kills, fills, starves and stalls
everything, the emperor and its keeper included; and a judge.

  tests/chaos/run.py                      60 seconds, 20 vassals, a new seed
  tests/chaos/run.py --seed 7             the same schedule again (processes still race)
  tests/chaos/run.py --seconds 1800       the long run that docs/reliability.md quotes
  tests/chaos/run.py --bin build/asan/bin other programs than build/release/bin

What must hold: requests are lost only inside a worker that was killed or with a vassal whose file was removed; no vassal ever has
more than two masters; within 25 s after the storm (aimed at 5) every file serves its newest version and nothing else is
known; descriptors, memory (over the last quarter, in which the emperor is spared), processes and files are as before, within 5 %;
nothing is left after SIGTERM. Exit 0, or 1 with what
was broken and what the storm did around then. As root, the vassals' log files are on a small disk of their own that runs full.
"""
import argparse
import pathlib
import random
import shutil
import sys
import time

import setting
from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until
import judge
from storm import Storm
from town import Town, wait_for_all

CONVERGENCE_BAR, CONVERGENCE_LIMIT = 5.0, 25.0  # seconds
PATIENCE = 60.0  # seconds that a client waits in the queue of a vassal that is down
LONG = 12.0      # seconds: a wait that is told of; `restart.hold` is 10
RATE = 20.0      # requests a second to each vassal, by two clients


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long the storm blows (60)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000),
                        help="of the schedule; random unless given")
    parser.add_argument("--vassals", type=int, default=20, help="how many (20, at most 99)")
    parser.add_argument("--bin", type=pathlib.Path, default=setting.BUILT, help="where the programs are")
    parser.add_argument("--keep", action="store_true", help="leave the directory with the emperor's log")
    return parser.parse_args()


def storm_over(town, ledger, asked):
    """Begins calm, blows, calms down; the findings."""
    town.start()
    for name in town.names:
        town.write(name)
        ledger.add(name, town.socket(name), rate=RATE)
    wait_for_all(town, 60)
    storm, watch = Storm(town, ledger, asked.seed), judge.Watch(town)
    findings = []
    with ledger:
        ledger.wait_answers(10 * len(town.names), seconds=30)
        before = rehearse(town, storm)
        began = time.monotonic()
        blow(storm, town, asked.seconds / 2, findings)
        # The emperor of the second half lives: once it has seen what there is, it must not grow any more.
        storm.spares_emperor = True
        blow(storm, town, asked.seconds / 4, findings)
        put_back(town)
        survivor, before[judge.MEMORY] = town.process.pid, town.figures()[judge.MEMORY]
        blow(storm, town, asked.seconds / 4, findings)
        blew = time.monotonic() - began
        if town.process.pid != survivor:
            findings.append("the emperor ended, and nobody had killed it")
    findings += [f"{name} had {len(pids)} masters at a time: {pids}" for name, pids in watch.finish().items()]
    print(f"{len(storm.deeds)} deeds in {blew:.0f} s, {town.emperors} emperors, {watch.samples} looks at the masters")
    findings += losses(storm, ledger, began)
    return findings + leaks(town, before, asked.seconds)


def blow(storm, town, seconds, findings):
    """Storms, and calms down."""
    storm.run(seconds)
    try:
        took = wait_for_all(town, CONVERGENCE_LIMIT)
        print(f"converged within {took:.1f} s after the storm (bar {CONVERGENCE_BAR:g} s)", flush=True)
    except AssertionError as error:
        findings.append(f"not converged {error}")


def put_back(town):
    """Every vassal as it was in the beginning, by a generation of its own."""
    for name in town.names:
        town.settings[name] = {}
        town.versions[name] += 1
        town.write(name)
    wait_for_all(town, 60)


def rehearse(town, storm):
    """What a fleet has after its first edits, reloads and restarts (history, the last good configuration): what must not
    grow any more afterwards."""
    for _ in range(3):
        for name in town.names:
            town.versions[name] += 1
            town.write(name)
        wait_for_all(town, 60)
    storm.kill_emperor()
    wait_for_all(town, 60)
    storm.reload_all()
    wait_until(lambda: all(row["state"] == "running" for row in town.status().values()), 60, "the reload of all")
    wait_until(town.has_stats_sockets, 20, "a stats socket of each")  # of the new emperor, which opens them once a second
    return town.figures()


def losses(storm, ledger, began):
    verdict = judge.Judge(storm.deeds, ledger)
    unexplained = verdict.unexplained()
    print(f"{ledger.count} requests, {ledger.failed} lost {dict(ledger.failures)}, slowest {ledger.slowest:.1f} s")
    for why, count in verdict.explained.most_common():
        print(f"  {count} had to be: {why}")
    for entry in firsts(entry for entry in ledger.select() if entry.seconds > LONG)[:10]:
        why = "its vassal could not start" if verdict.was_broken(entry) else "; ".join(judge.story(storm.deeds, entry))
        print(f"  slow: {entry}, {entry.begun - began:.3f} s into the storm; {why}")
    shown = [f"lost: {entry}, {entry.ended - began:.3f} s into the storm; " + "; ".join(judge.story(storm.deeds, entry))
             for entry in firsts(unexplained)[:20]]
    return shown + ([f"… {len(unexplained)} requests in all"] if len(unexplained) > len(shown) else [])


def firsts(entries):
    """One of each vassal and way of being lost within five seconds: an episode is told once."""
    seen = {}
    for entry in sorted(entries, key=lambda entry: entry.ended):
        key = (entry.target, entry.lost)
        if key not in seen or entry.ended - seen[key][-1].ended > 5:
            seen.setdefault(key, []).append(entry)
    return sorted((entry for episode in seen.values() for entry in episode), key=lambda entry: entry.ended)


def leaks(town, before, seconds):
    """Every vassal of the beginning is put back as it was first, then counts are compared."""
    try:
        put_back(town)
        wait_until(lambda: not judge.grown(before, town.figures(), seconds), 20, "counts as before")
    except AssertionError as error:
        grown = judge.grown(before, town.figures(), seconds)
        return grown or [f"not as in the beginning: {error}"]
    finally:
        after = town.figures()
        print("; ".join(f"{what} {before[what]} → {after[what]}" for what in before))
    return []


def main():
    asked = options()
    processes.become_subreaper()
    directory = setting.new_directory("chaos")
    ledger = Ledger(directory, timeout=PATIENCE)
    town = Town(setting.copy_programs(asked.bin, directory), directory, min(asked.vassals, 99),
                setting.copy_app(directory), ledger.notes)
    print(f"chaos: {len(town.names)} vassals, {asked.seconds:g} s, seed {asked.seed}"
          + ("" if town.has_small_disk else "; no log disk runs full (that needs root)"), flush=True)
    findings = []
    try:
        findings = storm_over(town, ledger, asked)
    except AssertionError as error:
        findings.append(str(error))
    finally:
        findings += [f"left behind: {stray}" for stray in town.stop()]
        findings += [f"left behind: {path}" for path in town.runtime.rglob("*") if path.is_socket()]
        town.unmount()
        if findings or asked.keep:
            print(f"the emperor's log is {directory}/emperor.log")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    for finding in findings:
        print(f"BROKEN: {finding}")
    print(f"chaos: {'FAILED' if findings else 'passed'}, seed {asked.seed}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
