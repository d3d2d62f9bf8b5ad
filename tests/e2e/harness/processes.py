"""The process table, as far as the tests need it. The test process is a child subreaper: whatever a product process
leaves behind becomes a child of this one, so that nothing can leak unseen."""
import ctypes
import os
import pathlib
import signal

from harness.waiting import wait_until

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_of(pid):
    """(state letter, parent pid), or None when there is no such process."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] != "Z"


def everyone():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def children_of(pid):
    found = []
    for member in everyone():
        stat = stat_of(member)
        if stat and stat[1] == pid:
            found.append(member)
    return found


def descendants_of(pid):
    found, waiting = [], [pid]
    while waiting:
        children = children_of(waiting.pop())
        found += children
        waiting += children
    return found


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def masters_of(emperor):
    """Masters of an emperor's vassals, by their titles; one that is just starting has its command line yet."""
    lines = {pid: command_line(pid) for pid in children_of(emperor)}
    return [pid for pid, line in lines.items() if "--link" in line or line.startswith("vassal: ") and line.endswith(" master")]


# Emperors that outlive one test on purpose (fixtures of a module); whoever started them stops and removes them.
expected = set()


def reap_strays():
    """Collects zombies that were handed to us; the pids of living strays."""
    living = []
    for pid in children_of(os.getpid()):
        if pid in expected:
            continue
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                living.append(pid)
        except ChildProcessError:
            pass
    return living


def kill_tree(pid):
    for victim in [*descendants_of(pid), pid]:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_gone(pid, seconds=15.0):
    wait_until(lambda: not is_alive(pid), seconds, lambda: f"end of process {pid} ({command_line(pid)})")
