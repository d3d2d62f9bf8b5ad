"""Memory of a hello-world vassal: PSS (smaps_rollup) of master and worker. Fifty alike run under one emperor, as in
production, so that each is charged its share of the program's and Python's pages (some 0.6 MB less than with ten of them);
the median counts. The emperor itself is not part of it."""
import pathlib
import re
import statistics

import cpu
import lifecycle
import servers
from report import Row

VASSALS = 50
BAR_MB = 5.0  # of 1 000 000 bytes


def pss_bytes(pid):
    found = re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(found.group(1)) * 1024


def measure(workshop):
    directory = workshop.directory / "memory"
    directory.mkdir()
    emperor = lifecycle.Emperor(workshop.binaries, directory)
    row = Row("memory", f"memory of a vassal, master + 1 worker (PSS, {VASSALS} alike)", unit="MB", bar=BAR_MB)
    try:
        for number in range(VASSALS):
            emperor.write_app(f"app{number}", "hello:application", servers.APPS)
        for number in range(VASSALS):
            emperor.wait_serving(f"app{number}")
        masters, workers = [], []
        for pid in cpu.tree_of(emperor.process.pid):
            family = cpu.tree_of(pid)
            if parent_of(pid) == emperor.process.pid and len(family) > 1:
                masters.append(pss_bytes(pid))
                workers.append(sum(pss_bytes(member) for member in family[1:]))
        each = [master + worker for master, worker in zip(masters, workers)]
    finally:
        emperor.stop()
    if len(each) != VASSALS:
        row.problem = f"{len(each)} masters where {VASSALS} vassals run"
        return row
    row.value = statistics.median(each) / 1e6
    row.ours = f"master {statistics.median(masters) / 1e6:.2f}, worker {statistics.median(workers) / 1e6:.2f} MB"
    row.figures = {"bytes": each}
    return row


def parent_of(pid):
    stat = cpu.stat_of(pid)
    return int(stat[1]) if stat else None
