"""User instructions per request, counted by callgrind: two runs of different lengths against a fresh vassal, the
difference divided by the difference of the request counts, so that start and end of the process cancel out."""
import os
import re
import subprocess

import request
import servers

SHORT, LONG = 500, 2500


def worker_total(directory, label):
    """Instructions of the process that served: the largest of the files, one per process of the tree."""
    totals = []
    for path in directory.glob(f"callgrind.{label}.*"):
        found = re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"), re.M)
        totals.append(int(found.group(1)) if found else 0)
    if not totals:
        raise SystemExit("bench: callgrind wrote nothing; is valgrind installed (scripts/setup.sh --all)?")
    return max(totals)


def total_after(binaries, directory, tools, count):
    packet = directory / "request"
    packet.write_bytes(request.packet())
    # A fixed hash seed: Python's dictionaries then probe alike in both runs.
    wrapper = ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={directory}/callgrind.{count}.%p"]
    server = servers.vassal(binaries, directory, os.sched_getaffinity(0), "--env", "PYTHONHASHSEED=1",
                            name=f"callgrind{count}", wrapper=wrapper)
    try:
        subprocess.run([tools / "client", server.socket, packet, str(count), "1"], check=True, stdout=subprocess.DEVNULL)
    finally:
        server.stop()
    return worker_total(directory, str(count))


def per_request(binaries, directory, tools):
    short, long = (total_after(binaries, directory, tools, count) for count in (SHORT, LONG))
    return round((long - short) / (LONG - SHORT))
