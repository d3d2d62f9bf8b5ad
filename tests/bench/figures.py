#!/usr/bin/python3
"""What the figures cost: writing two durations per request into the scoreboard, and the fleet's documents of 1000 vassals.
  tests/bench/figures.py --bin build/release/bin --factor 10     the ctest: exit 1 above ten times a bar"""
import argparse
import pathlib
import subprocess
import sys

from report import Row

# name in the program's output -> what, unit, bar
BARS = {"record_ns": ("service and queue time of a request, recorded", "ns", 150),
        "fleet_ms": ("fleet document of 1000 vassals that all had requests, CPU", "ms", 20),
        "fleet_idle_ms": ("the same, nothing new", "ms", 20),
        "delta_ms": ("fleet document of what changed, one of 1000", "ms", 20),
        "metrics_ms": ("/metrics of 1000 vassals, CPU", "ms", None),
        "tick_ms": ("look at 1000 idle vassals every 5 s, CPU", "ms", 2),
        "tick_busy_ms": ("the same, all had requests", "ms", None),
        "windows_kb": ("heap of one vassal's full windows of five minutes, 200 requests in them", "KB", 20)}


def measure(binaries):
    done = subprocess.run([pathlib.Path(binaries) / "bench_figures"], capture_output=True, text=True, timeout=300, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def rows(binaries):
    figures = measure(binaries)
    for name, (what, unit, bar) in BARS.items():
        ours = {"fleet_ms": f"{figures['fleet_bytes'] / 1e6:.1f} MB",
                "delta_ms": f"{figures['delta_bytes'] / 1e3:.0f} KB"}.get(name, "")
        yield Row(name.replace("_", "-"), what, value=figures[name], unit=unit, bar=bar, ours=ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="directory of the binaries")
    parser.add_argument("--factor", type=float, default=1.0, help="how many times a bar is too much")
    arguments = parser.parse_args()
    figures, missed = measure(arguments.bin), False
    for name, (what, unit, bar) in BARS.items():
        is_missed = bar is not None and figures[name] > bar * arguments.factor
        missed = missed or is_missed
        print(f"{what}: {figures[name]:.2f} {unit}" + (f" (bar {bar})" if bar else "") + (" MISSED" if is_missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
