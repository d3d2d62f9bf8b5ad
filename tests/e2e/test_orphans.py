"""Never an orphan: after a stop, and after any crash that is followed by a start without the vassals, nothing of it is left."""
import os
import pathlib
import signal

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until


def read(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def all_of(emperor, ledger):
    """Living processes of this emperor, wherever they hang in the tree: its programs, and what was given its ledger."""
    programs = {str(emperor.binaries / name) for name in ("emperor", "vassal")}
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or not processes.is_alive(int(entry.name)) or int(entry.name) == os.getpid():
            continue
        try:
            program = os.readlink(entry / "exe").removesuffix(" (deleted)")
        except OSError:
            continue
        if program in programs or f"LEDGER={ledger.notes}".encode() in read(entry.name, "environ"):
            found[int(entry.name)] = processes.command_line(entry.name)
    return found


def wait_nothing(emperor, ledger, *but, seconds=20):
    wait_until(lambda: not set(all_of(emperor, ledger)) - set(but), seconds,
               lambda: f"an end of {all_of(emperor, ledger)}\n{emperor.output()[-3000:]}")


class Family:
    """Three vassals: one with a mold, one with a request that hangs in C, one with a child process of the app."""

    def __init__(self, emperor, scratch):
        self.emperor, self.ledger = emperor, Ledger(scratch)
        drain = {"timeouts_drain": "1s", "timeouts_kill": "1s"}
        crashing = {**self.ledger.app(), "app": "crashes:application", **drain}
        emperor.write("molded", **self.ledger.app(), preload=True, workers=2, **drain)
        emperor.write("stuck", **crashing, workers=2, timeouts_request="1h")
        emperor.write("parent", "forks:application", env=self.ledger.app()["env"], **drain)
        emperor.wait_serving("molded", "stuck", "parent")
        for name in ("molded", "stuck", "parent"):
            emperor.wait_state(name, "running")
        self.ask("stuck", "/hold")
        self.ask("parent", "/fork_and_live?s=3600")
        wait_until(lambda: len(all_of(emperor, self.ledger)) >= 2 + 3 + 1 + 2 + 2 + 1 + 1, 15,
                   lambda: f"the whole family: {all_of(emperor, self.ledger)}")

    def ask(self, name, uri):
        import threading
        def get():
            try:
                self.emperor.get(name, uri, timeout=60)
            except (OSError, ValueError, IndexError):
                pass  # its process is killed
        threading.Thread(target=get, daemon=True).start()
        if name == "stuck":
            wait_until(lambda: self.emperor.status(name)["workers"]["busy"] == 1, 10, "a stuck request")

    def masters(self):
        return [instance["pid"] for name in ("molded", "stuck", "parent")
                for instance in self.emperor.ctl_json("show", name)["instances"]]

    def keeper(self):
        """A former emperor's keeper stays with the next one."""
        return [pid for pid, line in all_of(self.emperor, self.ledger).items() if "--keeper" in line]


def kill(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        processes.wait_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_emperor_leaves_no_process(emperor, scratch, number):
    family = Family(emperor, scratch)
    assert emperor.stop(number, 30) == 0
    assert not all_of(emperor, family.ledger)


CRASHES = {
    "the emperor": lambda family: [family.emperor.process.pid],
    "the emperor, then all masters": lambda family: [family.emperor.process.pid, *family.masters()],
    "all masters, then the emperor": lambda family: [*family.masters(), family.emperor.process.pid],
    "the keeper and the emperor": lambda family: [*family.keeper(), family.emperor.process.pid],
    "the emperor, the keeper, one master": lambda family: [family.emperor.process.pid, *family.keeper(), family.masters()[0]],
}


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES.keys())
def test_a_start_without_vassals_after_a_crash_leaves_only_the_emperor(idle_emperor, scratch, crash):
    emperor = idle_emperor.start()
    family = Family(emperor, scratch)
    kill(*crash(family))
    emperor.process.wait()
    for name in ("molded", "stuck", "parent"):
        emperor.remove(name)
    emperor.start()
    wait_nothing(emperor, family.ledger, emperor.process.pid, *family.keeper())
    assert emperor.apps_status() == {}
    assert emperor.stop() == 0
    assert not all_of(emperor, family.ledger)


def test_workers_without_master_and_emperor_end_by_themselves(idle_emperor, scratch):
    """Also one whose only thread hangs in C with the interpreter lock, and nobody starts another emperor."""
    emperor = idle_emperor.start()
    family = Family(emperor, scratch)
    kill(*family.keeper(), emperor.process.pid, *family.masters())
    emperor.process.wait()
    wait_until(lambda: all("parent worker" in line for line in all_of(emperor, family.ledger).values()), 20,
               lambda: f"an end of {all_of(emperor, family.ledger)}")
    # What the app forked goes on until the next emperor comes.
    for name in ("molded", "stuck", "parent"):
        emperor.remove(name)
    emperor.start()
    wait_nothing(emperor, family.ledger, emperor.process.pid, *family.keeper())
