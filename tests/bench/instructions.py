#!/usr/bin/python3
"""User instructions per request, counted by callgrind: two runs of different lengths against a fresh vassal, the
difference divided by the difference of the request counts, so that start and end of the process cancel out. A busy machine
changes nothing in it; a few percent between runs come from how many connections one epoll_wait finds.
  tests/bench/instructions.py --bin build/release/bin --bound 17600     the ctest: exit 1 above the bound, 77 without valgrind"""
import argparse
import os
import pathlib
import re
import shutil
import sys
import tempfile

import request
import servers
from load import Load, ask
from report import Row

SHORT, LONG = 500, 2500
BAR, BOUND = 16_000, 17_600
NO_VALGRIND = 77  # ctest's SKIP_RETURN_CODE


def worker_total(directory, label):
    """Instructions of the process that served: the largest of the files, one per process of the tree."""
    totals = []
    for path in directory.glob(f"callgrind.{label}.*"):
        found = re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"), re.M)
        totals.append(int(found.group(1)) if found else 0)
    if not totals or max(totals) == 0:
        raise servers.Missing("callgrind wrote nothing")
    return max(totals)


def total_after(workshop, mode, payload, count):
    directory, label = workshop.directory, f"{mode}{count}"
    path = directory / f"request-{label}"
    path.write_bytes(payload)
    # A fixed hash seed: dictionaries then probe alike in both runs. Neither saves what it compiled, or the second one would
    # start for less than the first, and the difference be no longer that of the requests.
    wrapper = [servers.program("valgrind"), "--tool=callgrind", "-q", f"--callgrind-out-file={directory}/callgrind.{label}.%p"]
    listen = [f"uwsgi:{workshop.socket(label)}" if mode == "once" else f"http:127.0.0.1:{servers.free_port()}"]
    environment = ["--env", "PYTHONHASHSEED=1", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    vassal = workshop.vassal(*environment, name=label, listen=listen, wrapper=wrapper)
    try:
        figures = ask(workshop, vassal.address, Load(mode, path, count, 1))
    finally:
        workshop.stop_all()
    if figures["failed"]:
        raise servers.Missing(f"{figures['failed']} of {count} requests failed under callgrind")
    return worker_total(directory, label)


def per_request(workshop, mode="once", payload=None):
    short, long = (total_after(workshop, mode, payload or request.packet(), count) for count in (SHORT, LONG))
    return round((long - short) / (LONG - SHORT))


def rows(workshop):
    count = per_request(workshop)
    yield Row("instructions", "user instructions per request, uwsgi", value=count, bar=BAR, theirs="uWSGI 54 700")
    yield Row("instructions-http", "user instructions per request, HTTP keep-alive",
              value=per_request(workshop, "keep", request.http()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="directory of the binaries")
    parser.add_argument("--tools", type=pathlib.Path, required=True, help="where the bench's C programs are built")
    parser.add_argument("--bound", type=int, default=BOUND)
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("skipped: valgrind is missing (scripts/setup.sh installs it)")
        return NO_VALGRIND
    servers.compile_tools(arguments.tools)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="emperor-instructions-"))
    processors = os.sched_getaffinity(0)
    workshop = servers.Workshop(arguments.bin.resolve(), arguments.tools.resolve(), directory, processors, processors)
    try:
        count = per_request(workshop)
    except servers.Missing as problem:
        print(f"cannot count: {problem}")
        return 1
    finally:
        workshop.stop_all()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"user instructions per request: {count} (bar {BAR}, bound {arguments.bound})")
    return 0 if count <= arguments.bound else 1


if __name__ == "__main__":
    sys.exit(main())
