"""The storm: a seeded random schedule of everything that befalls a fleet. Each action says what it did to whom, so that
the judge can tell a loss that had to be from one that must not be."""
import os
import random
import resource
import signal
import time
from dataclasses import dataclass

from harness import processes
from town import resume

GARBAGE = ["app: [", "app: shop:application\nwokers: 4\n", "", "app: shop:application\napp: twice:app\n", "\0\1\2",
           "workers: many\n"]


@dataclass(frozen=True)
class Deed:
    """One action, at `time` (monotonic). `pid` is set when a process was killed."""
    time: float
    kind: str
    vassal: str = ""
    pid: int = 0


class Storm:
    def __init__(self, town, ledger, seed):
        self.town, self.ledger, self.random = town, ledger, random.Random(seed)
        self.deeds = []
        self.later = []  # (time, callable): what ends by itself, such as a stop
        self.broken_files, self.broken_code = set(), set()
        self.spares_emperor = False  # it lives, so that its memory can be compared
        self.limited = set()  # pids with a lowered limit: a second one would be restored to the first
        self.actions = [
            (6, self.edit), (5, self.edit_live), (3, self.break_file), (3, self.break_code), (8, self.repair), (4, self.touch),
            (3, self.remove), (6, self.add), (5, self.reload), (1, self.reload_all), (5, self.kill_worker), (2, self.kill_mold),
            (4, self.kill_master), (2, self.kill_keeper), (3, self.kill_emperor), (2, self.fill_disk),
            (2, self.exhaust_descriptors), (2, self.exhaust_processes), (5, self.stall)]

    def run(self, seconds):
        ends = time.monotonic() + seconds
        weights = [weight for weight, _ in self.actions]
        while time.monotonic() < ends:
            self.finish_due(time.monotonic())
            self.random.choices([action for _, action in self.actions], weights)[0]()
            time.sleep(self.random.uniform(0.02, 0.35))  # the pace of the storm
        self.finish_due(float("inf"))
        self.calm()

    def calm(self):
        """Mends what the storm broke."""
        if self.town.process.poll() is not None:
            self.town.start()
        for name in self.town.names:
            if self.random.random() < 0.8 or name in self.town.present:
                self.town.versions[name] += 1
                self.mend(name)
        self.record("calm")

    def finish_due(self, now):
        due = [entry for entry in self.later if entry[0] <= now]
        self.later = [entry for entry in self.later if entry[0] > now]
        for _, undo in due:
            undo()

    def after(self, seconds, undo):
        self.later.append((time.monotonic() + seconds, undo))

    def record(self, kind, vassal="", pid=0):
        self.deeds.append(Deed(time.monotonic(), kind, vassal, pid))

    def count(self):
        return len(self.deeds)

    # ---- files

    def somebody(self):
        return self.random.choice(sorted(self.town.present)) if self.town.present else None

    def mend(self, name):
        self.record("mended", name)
        self.town.broken_flag(name).unlink(missing_ok=True)
        self.broken_code.discard(name)
        self.broken_files.discard(name)
        self.town.write(name)

    def edit(self):
        if name := self.somebody():
            self.town.versions[name] += 1
            self.broken_files.discard(name)
            self.record("edited", name)
            self.town.write(name)

    def edit_live(self):
        """Keys that need no new generation."""
        if name := self.somebody():
            self.town.settings[name] = self.random.choice([
                {"workers": self.random.randint(1, 3)}, {"timeouts": {"drain": "6s"}}, {"recycle": {"max_requests": 50}},
                {"threads": self.random.randint(1, 2)}, {"log": {"access": "text"}}, {}])
            self.broken_files.discard(name)
            self.record("edited", name)
            self.town.write(name)

    def break_file(self):
        if name := self.somebody():
            self.record("broke the file of", name)
            self.broken_files.add(name)
            self.town.write_text(name, self.random.choice(GARBAGE))

    def break_code(self):
        if name := self.somebody():
            self.record("broke the code of", name)
            self.broken_code.add(name)
            self.town.broken_flag(name).touch()
            os.utime(self.town.path_of(name))

    def repair(self):
        broken = sorted((self.broken_files | self.broken_code) & self.town.present)
        if broken:
            self.mend(self.random.choice(broken))

    def touch(self):
        if name := self.somebody():
            self.record("touched", name)
            os.utime(self.town.path_of(name))

    def remove(self):
        if (name := self.somebody()) and len(self.town.present) > len(self.town.names) // 2:
            self.record("removed", name)
            self.town.remove(name)

    def add(self):
        absent = sorted(set(self.town.names) - self.town.present)
        if absent:
            self.mend(self.random.choice(absent))
            self.record("added", self.deeds[-1].vassal)

    def reload(self):
        if name := self.somebody():
            self.record("reloaded", name)
            self.town.ctl("--timeout", "5s", "reload", "--no-wait", name)

    def reload_all(self):
        self.record("reloaded all")
        self.town.ctl("--timeout", "5s", "reload", "--no-wait", "*")

    # ---- processes

    def victim(self, role):
        found = [(name, pid) for name, pids in sorted(self.town.processes()[role].items()) for pid in pids]
        return self.random.choice(found) if found else (None, None)

    def kill(self, pid, kind, name=""):
        self.record(kind, name, pid)
        try:
            self.ledger.kill(pid, at_the_door=2)  # threads
        except ProcessLookupError:
            pass

    def kill_worker(self):
        name, pid = self.victim("worker")
        if pid:
            self.kill(pid, "killed a worker of", name)

    def kill_mold(self):
        name, pid = self.victim("mold")
        if pid:
            self.kill(pid, "killed the mold of", name)

    def kill_master(self):
        name, pid = self.victim("master")
        if pid:
            self.kill(pid, "killed a master of", name)

    def kill_keeper(self):
        if pid := self.town.keeper():
            self.kill(pid, "killed the keeper", "")

    def kill_emperor(self):
        """The next one comes at once, or a moment later."""
        if self.town.process.poll() is None and not self.spares_emperor:
            self.record("killed the emperor", pid=self.town.process.pid)
            self.town.kill_emperor()
            time.sleep(self.random.choice([0, 0, 0.3, 1.0]))
            self.town.start()

    # ---- the machine

    def fill_disk(self):
        if self.town.has_small_disk and not self.town.filler.exists():
            self.record("filled the log disk")
            self.town.fill_disk()
            self.after(self.random.uniform(0.5, 2), self.town.empty_disk)

    def limit(self, pid, what, value):
        """Lowers a soft limit for a moment."""
        if pid in self.limited:
            return
        try:
            old = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (min(value, old[1]), old[1]))
        except OSError:
            return
        self.limited.add(pid)

        def undo():
            self.limited.discard(pid)
            try:
                resource.prlimit(pid, what, old)
            except OSError:
                pass
        self.after(self.random.uniform(0.5, 2), undo)

    def exhaust_descriptors(self):
        name, pid = self.victim(self.random.choice(["master", "worker"]))
        if self.random.random() < 0.4 and self.town.process.poll() is None:
            name, pid = "", self.town.process.pid
        if pid:
            try:
                used = len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                return
            self.record("left no descriptors to", name or "the emperor")
            self.limit(pid, resource.RLIMIT_NOFILE, used)

    def exhaust_processes(self):
        """A master that cannot fork just when it has to. Root is above RLIMIT_NPROC: its masters get no descriptors instead."""
        name, pid = self.victim("master")
        if not pid:
            return
        self.record("let no process start in", name)
        try:
            is_bound = os.stat(f"/proc/{pid}").st_uid != 0
        except OSError:
            return
        self.limit(pid, resource.RLIMIT_NPROC if is_bound else resource.RLIMIT_NOFILE, 3)
        workers = self.town.processes()["worker"].get(name, [])
        if workers:
            self.kill(self.random.choice(workers), "killed a worker of", name)

    def stall(self):
        """SIGSTOP, and SIGCONT a moment later."""
        name, pid = self.victim(self.random.choice(["master", "worker", "worker"]))
        if self.random.random() < 0.3:
            name, pid = "", self.random.choice([self.town.process.pid, self.town.keeper()])
        if pid and processes.is_alive(pid):
            self.record("stalled a process of", name)
            os.kill(pid, signal.SIGSTOP)
            self.after(self.random.uniform(0.1, 1.5), lambda: resume(pid))
