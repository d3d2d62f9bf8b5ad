"""A directory of 300 or 1000 hello-world vassals, under the emperor and under Debian's uWSGI Emperor in turn, on all
processors: how long until all answer, a new file among them, memory, idle processor time, status, the end. And whether 50
of them that crash at every start keep the others waiting."""
import os
import shutil
import statistics

import fleets
from report import Row

READY_BAR = 0.7          # of uWSGI's time, in the same run
NEW_FILE_BAR = 0.3       # seconds
VASSAL_BAR_MB = 5.0      # of 1 000 000 bytes
EMPEROR_BAR_MB = 60.0
IDLE_BAR = 0.1           # per cent of one processor
STATUS_BAR = 0.1         # seconds
STOP_BAR = 5.0
CRASHING = 50
CRASH_LOOPS = 3          # rounds
CRASH_LOOP_BAR = 1.25    # of the time without them; each is a start more, too


def run_fleet(kind, workshop, count, number):
    """One life of a fleet: name of the figure -> value."""
    directory = fleets.place(workshop, f"{kind.name}-{count}-{number}")
    fleet = kind(workshop.binaries, directory, count)
    figures = {}
    try:
        fleet.start()
        times = fleet.ready_times()
        figures.update(ready_s=times[-1], half_s=statistics.median(times), start_ms=1000 * fleet.processor_time() / count)
        figures["new_file_s"] = statistics.median(fleet.new_file(f"new{turn}") for turn in range(5))
        fleet.count += 5
        if kind is fleets.Ours:
            figures["status_s"] = statistics.median(fleet.status_seconds() for _ in range(7))
        if number == 0:  # it takes minutes
            figures["idle_percent"] = 100 * fleet.idle_share()
        figures["vassal_bytes"], figures["emperor_bytes"], figures["processes"] = fleet.memory()
    finally:
        figures["stop_s"] = fleet.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return figures


def crash_loop(workshop, count):
    """Seconds until the others are ready, while CRASHING apps end at each start; and a new file's in the middle of that."""
    directory = fleets.place(workshop, f"crashing-{count}")
    fleet = fleets.Ours(workshop.binaries, directory, count)
    fleet.add_crashing(CRASHING)
    try:
        fleet.start()
        times = fleet.ready_times()
        return times[-1], statistics.median(fleet.new_file(f"new{turn}") for turn in range(5))
    finally:
        fleet.stop()
        shutil.rmtree(directory, ignore_errors=True)


def medians(runs):
    return {key: statistics.median(run[key] for run in runs if key in run) for key in runs[0]}


def rows(workshop, count, rounds):
    """The sides alternate; each figure is the median of its side's rounds."""
    runs = {kind: [] for kind in (fleets.Theirs, fleets.Ours)}
    for number in range(rounds):
        for kind in runs:
            runs[kind].append(run_fleet(kind, workshop, count, number))
    ours, theirs = medians(runs[fleets.Ours]), medians(runs[fleets.Theirs])
    everything = {"ours": runs[fleets.Ours], "uWSGI": runs[fleets.Theirs], "load": os.getloadavg()}

    def row(key, what, value, unit, bar, figure, show):
        return Row(f"scale-{count}-{key}", f"{count} vassals: {what}", "uWSGI", value, unit, bar, ours=show(ours[figure]),
                   theirs=f"uWSGI {show(theirs[figure])}" if figure in theirs else "",
                   figures=everything if key == "ready" else {})

    def seconds(value):
        return f"{value:.2f} s"

    def megabytes(value):
        return f"{value / 1e6:.1f} MB"

    yield row("ready", "all ready, against uWSGI's Emperor", ours["ready_s"] / theirs["ready_s"], "", READY_BAR,
              "ready_s", seconds)
    # Beside other work the row above flatters us: each master's session has the kernel's share of a group of its own.
    yield row("start", "processor time of a start, supervisor included, against uWSGI",
              ours["start_ms"] / theirs["start_ms"], "", None, "start_ms", lambda value: f"{value:.1f} ms")
    yield row("new-file", "new file among them → first request served", ours["new_file_s"], "s", NEW_FILE_BAR,
              "new_file_s", seconds)
    yield row("memory", "memory of each (PSS, master + 1 worker)", ours["vassal_bytes"] / 1e6, "MB", VASSAL_BAR_MB,
              "vassal_bytes", megabytes)
    yield row("emperor", "memory of the emperor (RSS)", ours["emperor_bytes"] / 1e6, "MB", EMPEROR_BAR_MB,
              "emperor_bytes", megabytes)
    yield row("idle", "processor time of all when idle", ours["idle_percent"], "%", IDLE_BAR, "idle_percent",
              lambda value: f"{value:.3f} %")
    yield row("status", "emperorctl status", ours["status_s"], "s", STATUS_BAR, "status_s",
              lambda value: f"{value * 1000:.0f} ms")
    yield row("stop", "stop, until no process is left", ours["stop_s"], "s", STOP_BAR, "stop_s", seconds)
    crash_loops = [crash_loop(workshop, count) for _ in range(CRASH_LOOPS)]
    ready, new_file = (statistics.median(figures) for figures in zip(*crash_loops))
    yield Row(f"scale-{count}-crash-loop", f"{count} vassals beside {CRASHING} that crash at each start: all ready",
              "own, without them",
              ready / ours["ready_s"], "", CRASH_LOOP_BAR, ours=f"{ready:.2f} s, a new file {new_file:.2f} s",
              theirs=f"without them {ours['ready_s']:.2f} s")
