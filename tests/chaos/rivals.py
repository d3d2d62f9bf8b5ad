"""The two emperors that compare.py puts side by side, each with equivalent vassals that host the same app."""
import os
import shutil
import signal
import subprocess

from harness import processes, uwsgi
from harness.waiting import wait_until


class Rival:
    """A directory of vassal files and a process that watches it. `names` are hosted with two workers each."""

    def __init__(self, directory, apps, notes, names):
        self.directory, self.apps, self.notes, self.names = directory, apps, notes, names
        self.vassals = directory / "vassals"
        self.vassals.mkdir()
        self.process = None

    def env(self, name, version):
        return {"VERSION": str(version), "LEDGER": str(self.notes), "BROKEN": str(self.directory / f"{name}.broken"),
                "IMPORT_SECONDS": "0.3", "PYTHONDONTWRITEBYTECODE": "1"}

    def begin(self):
        for name in self.names:
            self.write(name, 1)
        self.start()
        for name in self.names:
            wait_until(lambda: self.version(name) == "1", 60, f"{name} of {self.title}")

    def start(self):
        with open(self.directory / "emperor.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

    def version(self, name):
        try:
            answer = uwsgi.request(self.socket(name), "/?id=probe", timeout=5)
            return answer.text.split()[2] if answer.status == 200 else None
        except (OSError, IndexError):
            return None

    def replace(self, path, text):
        path.with_suffix(".part").write_text(text)
        os.replace(path.with_suffix(".part"), path)

    def touch(self, name):
        os.utime(self.file(name))

    def worker(self, name):
        """The pid of one that answers."""
        return int(uwsgi.request(self.socket(name), "/?id=probe", timeout=10).text.split()[1])

    def master(self, name):
        return processes.stat_of(self.worker(name))[1]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in processes.reap_strays():
            processes.kill_tree(pid)
        wait_until(lambda: not processes.reap_strays(), 15, f"the end of {self.title}")


class Ours(Rival):
    title, stop_signal = "Emperor", signal.SIGTERM

    def __init__(self, binaries, *rest):
        super().__init__(*rest)
        self.binaries, self.runtime = binaries, self.directory / "run"

    def command(self):
        return [self.binaries / "emperor", "--vassals", self.vassals, "--runtime-dir", self.runtime]

    def socket(self, name):
        return self.runtime / "sockets" / f"{name}.sock"

    def file(self, name):
        return self.vassals / f"{name}.yaml"

    def write(self, name, version, workers=2):
        env = "".join(f"  {key}: '{value}'\n" for key, value in self.env(name, version).items())
        self.replace(self.file(name),
                     f"app: {self.apps / 'shop.py'}:application\nchdir: {self.directory}\npython_path: {self.apps}\n"
                     f"workers: {workers}\nenv:\n{env}")

    def misspell(self, name):
        self.replace(self.file(name), self.file(name).read_text() + "wokers: 3\n")


class Uwsgi(Rival):
    """Debian's. With the options that its users are advised to set: master, need-app, vacuum, lazy off."""
    title, stop_signal = "uWSGI", signal.SIGINT

    def command(self):
        return [shutil.which("uwsgi"), "--plugin", "python3", "--emperor", self.vassals]

    def socket(self, name):
        return self.directory / f"{name}.sock"

    def file(self, name):
        return self.vassals / f"{name}.ini"

    def write(self, name, version, workers=2):
        env = "".join(f"env = {key}={value}\n" for key, value in self.env(name, version).items())
        self.replace(self.file(name),
                     f"[uwsgi]\nplugin = python3\nmaster = true\nneed-app = true\nvacuum = true\nstrict = true\n"
                     f"listen = 100\nprocesses = {workers}\nsocket = {self.socket(name)}\nchdir = {self.directory}\n"
                     f"pythonpath = {self.apps}\nwsgi-file = {self.apps / 'shop.py'}\n"
                     f"callable = application\nworker-reload-mercy = 60\n{env}")

    def misspell(self, name):
        self.replace(self.file(name), self.file(name).read_text() + "procceses = 3\n")
