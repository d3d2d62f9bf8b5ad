"""Processor time of a process tree in nanoseconds, from schedstat; of what has ended meanwhile from the parents' books."""
import os
import pathlib

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def tree_of(pid):
    """The process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = stat_of(entry.name)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting += children.get(current, [])
    return found


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name, or None."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


class Snapshot:
    """What a tree has used until now. `later - earlier` is exact to the nanosecond while nobody ends; threads that
    ended are counted by their process's total, children that ended by what their parent was told (10 ms steps)."""

    def __init__(self, pid):
        self.threads, self.processes = {}, {}
        for member in tree_of(pid):
            stat = stat_of(member)
            if stat is None:
                continue
            # utime + stime of the process with its ended threads; cutime + cstime of its reaped children
            self.processes[member] = (sum(map(int, stat[11:13])) * TICK_NS, sum(map(int, stat[13:15])) * TICK_NS)
            for task in pathlib.Path(f"/proc/{member}/task").glob("*/schedstat"):
                try:
                    self.threads[(member, int(task.parent.name))] = int(task.read_text().split()[0])
                except OSError:
                    continue

    def __sub__(self, earlier):
        total = sum(used - earlier.threads.get(thread, 0) for thread, used in self.threads.items())
        for pid, (own, children) in self.processes.items():
            before_own, before_children = earlier.processes.get(pid, (0, 0))
            total += children - before_children
            if any(thread[0] == pid and thread not in self.threads for thread in earlier.threads):
                live = sum(used - earlier.threads.get(thread, 0) for thread, used in self.threads.items() if thread[0] == pid)
                total += max(0, own - before_own - live)
        return total
