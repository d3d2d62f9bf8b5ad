"""Vassals that run on demand: how long a client waits for one that sleeps, and what a thousand of them cost the emperor
that watches for their clients (resident memory, with their listeners and stats sockets)."""
import pathlib
import re
import statistics
import time

import lifecycle
import request
import servers
from report import Row

SLEEPERS = 1000
WAKES = 15
WAKE_BAR = 0.06      # seconds
MEMORY_BAR = 30.0    # KiB


def resident_kib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))


def write_sleepers(emperor, names):
    for name in names:
        lifecycle.write_atomically(emperor.vassals / f"{name}.yaml",
                                   f"app: hello:application\nchdir: {servers.APPS}\non_demand: true\n")
    deadline = time.monotonic() + 120
    paths = [kind / f"{name}.sock" for name in names for kind in (emperor.runtime / "sockets", emperor.runtime / "stats")]
    while not all(path.exists() for path in paths):
        if time.monotonic() > deadline:
            raise SystemExit("bench: not all sockets of sleeping vassals are there\n"
                             + (emperor.directory / "emperor.log").read_text()[-4000:])
        time.sleep(0.1)


def wake(emperor, name):
    began = time.monotonic()
    if not lifecycle.ask(emperor.socket_of(name), request.packet(), 30):
        raise SystemExit(f"bench: {name} did not wake")
    return time.monotonic() - began


def rows(workshop):
    directory = workshop.directory / "on_demand"
    directory.mkdir()
    emperor = lifecycle.Emperor(workshop.binaries, directory)
    try:
        write_sleepers(emperor, [f"wake{number}" for number in range(WAKES)])
        times = [wake(emperor, f"wake{number}") for number in range(WAKES)]
        yield Row("wake", "a sleeping vassal's first client: answered after", value=statistics.median(times), unit="s",
                  bar=WAKE_BAR, ours=f"worst {max(times):.3f} s", figures={"seconds": times})
        before = resident_kib(emperor.process.pid)
        write_sleepers(emperor, [f"asleep{number}" for number in range(SLEEPERS)])
        time.sleep(1)
        each = (resident_kib(emperor.process.pid) - before) / SLEEPERS
    finally:
        emperor.stop()
    yield Row("sleepers", f"memory of a sleeping vassal ({SLEEPERS} alike), in the emperor", value=each, unit="KiB",
              bar=MEMORY_BAR)


def main():
    """Alone, without the rest of the bench: tests/bench/on_demand.py [DIRECTORY OF THE BINARIES]"""
    import sys
    import tempfile
    import types

    binaries = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                            else pathlib.Path(__file__).parents[2] / "build/release/bin").resolve()
    with tempfile.TemporaryDirectory(prefix="emperor-bench-") as directory:
        for row in rows(types.SimpleNamespace(binaries=binaries, directory=pathlib.Path(directory))):
            print(f"{row.what}: {row.value:.4g} {row.unit} (bar {row.bar:g}; {row.ours or ''})")


if __name__ == "__main__":
    main()
