"""The storm's fleet: vassal files in a directory, the emperor that watches it, and what the process table says about both.
Ends everything that it started."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from harness import processes, uwsgi
from harness.waiting import wait_until
from judge import MEMORY


class Town:
    """Paths: .vassals, .runtime, .logs (a small file system of its own where that can be had)."""

    def __init__(self, binaries, directory, count, apps, notes):
        self.binaries, self.directory, self.apps, self.notes = binaries, directory, apps, notes
        self.vassals, self.runtime, self.logs = (directory / name for name in ("vassals", "run", "logs"))
        for path in (self.vassals, self.logs):
            path.mkdir()
        self.logs.chmod(0o777)
        self.names = [f"shop{number:02}" for number in range(count)]
        self.versions = dict.fromkeys(self.names, 0)
        self.settings = {name: {} for name in self.names}
        self.present = set()
        self.process, self.emperors = None, 0
        self.lock = threading.Lock()
        self.has_small_disk = self._mount()
        self.filler = self.logs / "filler"

    # ---- the log disk

    def _mount(self):
        if os.geteuid() != 0:
            return False
        return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "emperor-chaos", self.logs],
                              capture_output=True).returncode == 0

    def fill_disk(self):
        """Until nothing more fits."""
        with open(self.filler, "wb", buffering=0) as file:
            for block in (b"x" * 4096, b"x"):
                try:
                    while file.write(block):
                        pass
                except OSError:
                    continue

    def empty_disk(self):
        self.filler.unlink(missing_ok=True)
        for path in self.logs.glob("*.log"):
            os.truncate(path, 0)

    # ---- files

    def broken_flag(self, name):
        return self.directory / f"{name}.broken"

    def document(self, name):
        number = int(name[-2:])
        document = {
            "app": f"{self.apps / 'shop.py'}:application", "chdir": str(self.directory),
            "python_path": [str(self.apps)], "workers": 1 + number % 2, "preload": number % 4 == 3,
            "env": {"VERSION": str(self.versions[name]), "LEDGER": str(self.notes), "BROKEN": str(self.broken_flag(name)),
                    "PYTHONDONTWRITEBYTECODE": "1"},
            "restart": {"max": "1s"}, "timeouts": {"drain": "5s", "kill": "2s", "start": "30s"},
        }
        if self.has_small_disk and number % 2:
            document["log"] = {"file": str(self.logs / f"{name}.log")}
        if os.geteuid() == 0 and number % 3 == 0:
            document["user"] = "nobody"  # whom limits on processes bind
        for key, value in self.settings[name].items():
            document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
        return document

    def path_of(self, name):
        return self.vassals / f"{name}.yaml"

    def write_text(self, name, text):
        aside = self.path_of(name).with_suffix(".part")
        aside.write_text(text)
        os.replace(aside, self.path_of(name))

    def write(self, name):
        self.write_text(name, json.dumps(self.document(name), indent=1) + "\n")
        self.present.add(name)

    def remove(self, name):
        self.path_of(name).unlink(missing_ok=True)
        self.present.discard(name)

    # ---- the emperor

    def start(self):
        with open(self.directory / "emperor.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "emperor", "--vassals", self.vassals, "--runtime-dir", self.runtime],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self.emperors += 1

    def kill_emperor(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=60):
        """In order; whatever is left afterwards is killed and returned."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        left = []
        try:
            wait_until(lambda: not processes.reap_strays(), 10)
        except AssertionError:
            left = [f"{pid} {processes.command_line(pid)}" for pid in processes.reap_strays()]
            for pid in processes.reap_strays():
                processes.kill_tree(pid)
        return left

    def unmount(self):
        if self.has_small_disk:
            subprocess.run(["umount", "-l", self.logs], capture_output=True)

    def ctl(self, *arguments, timeout=30):
        return subprocess.run([self.binaries / "emperorctl", "--runtime-dir", self.runtime, *arguments], capture_output=True,
                              text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def status(self):
        """name -> row; empty when the emperor does not answer."""
        try:
            document = json.loads(self.ctl("-o", "json", "status", timeout=20).stdout)
        except (ValueError, subprocess.TimeoutExpired):
            return {}
        return {row["name"]: row for row in document.get("apps", [])}

    def socket(self, name):
        return self.runtime / "sockets" / f"{name}.sock"

    def serves(self, name):
        """The version that answers; None when nobody does."""
        try:
            answer = uwsgi.request(self.socket(name), "/?id=probe", timeout=5)
        except OSError:
            return None
        return answer.text.split()[2] if answer.status == 200 else None

    # ---- processes

    def processes(self):
        """role -> {vassal: [pid]} of masters, molds and workers, by the titles that `ps` shows. A process that was forked
        just now still has its master's."""
        found = {"master": {}, "mold": {}, "worker": {}}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            words = processes.command_line(int(entry.name)).split()
            if len(words) >= 3 and words[0] == "vassal:" and words[2] in found and self.is_ours(int(entry.name)):
                found[words[2]].setdefault(words[1], []).append(int(entry.name))
        masters = {pid for pids in found["master"].values() for pid in pids}
        for pids in found["master"].values():
            pids[:] = [pid for pid in pids if (stat := processes.stat_of(pid)) and stat[1] not in masters]
        return found

    def is_ours(self, pid):
        try:
            return os.path.samefile(f"/proc/{pid}/exe", self.binaries / "vassal") and processes.is_alive(pid)
        except OSError:
            return False

    def keeper(self):
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                pid = int(entry.name)
                line = processes.command_line(pid)
                if "--keeper" in line and str(self.binaries) in line and processes.is_alive(pid):
                    return pid
        return None

    def has_stats_sockets(self):
        for name in self.names:
            with socket.socket(socket.AF_UNIX) as client:
                if client.connect_ex(str(self.runtime / "stats" / f"{name}.sock")) != 0:
                    return False
        return True

    def figures(self):
        """What must not grow: the emperor's descriptors and memory, everybody's number, files of the runtime directory.
        Without the scoreboards, which are the vassals' memory: how much of them it has looked at says nothing."""
        pid = self.process.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        resident = sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssFile:")))
        count = sum(len(pids) for role in self.processes().values() for pids in role.values())
        files = sum(1 for path in self.runtime.rglob("*"))
        return {"emperor's descriptors": len(os.listdir(f"/proc/{pid}/fd")), MEMORY: resident,
                "processes": count, "files": files}


def wait_for_all(town, seconds):
    """Every file that is there serves its version, nothing else is known; how long that took, or an AssertionError."""
    began = time.monotonic()

    def off():
        status = town.status()
        wrong = [f"{name} is {status[name]['state']} ({status[name]['reason']})" if name in status else f"{name} is unknown"
                 for name in sorted(town.present) if status.get(name, {}).get("state") != "running"]
        wrong += [f"{name} is still known" for name in status if name not in town.present]
        return wrong or [f"{name} serves {version}, its file says {town.versions[name]}" for name in sorted(town.present)
                         if (version := town.serves(name)) != str(town.versions[name])]

    wait_until(lambda: not off(), seconds, lambda: "; ".join(off()), 0.1)
    return time.monotonic() - began


def resume(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
