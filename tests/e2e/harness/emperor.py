"""A real emperor in a directory of its own, and its emperorctl."""
import json
import os
import pathlib
import signal
import subprocess
import time

from harness import processes, uwsgi
from harness.waiting import wait_until


class Emperor:
    """start() … stop(); the directory is the caller's. Paths: .vassals (YAML files), .runtime, .log (its output)."""

    def __init__(self, binaries, directory, apps):
        self.binaries, self.directory, self.apps = binaries, directory, apps
        self.vassals, self.runtime, self.log = directory / "vassals", directory / "run", directory / "emperor.log"
        self.vassals.mkdir(exist_ok=True)
        self.process = None

    # ---- the process

    def start(self, *options, env=None, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "emperor", "--vassals", self.vassals, "--runtime-dir", self.runtime, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env={**os.environ, **(env or {})})
        if wait:
            wait_until(lambda: self.ctl("status", timeout=10).returncode != 7 or self.process.poll() is not None, 15,
                       "an emperor that answers")
            assert self.process.poll() is None, self.output()
        return self

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the emperor still runs after {seconds} s\n{self.output()[-6000:]}") from None

    def stop(self, number=signal.SIGTERM, seconds=30):
        self.send(number)
        return self.wait(seconds)

    # ---- vassal files

    def path_of(self, name):
        return self.vassals / f"{name}.yaml"

    def write(self, name, app="probe:application", chdir=None, **keys):
        """A vassal's file, written aside and moved into place. Keys as in YAML; `timeouts_start` is `timeouts: {start: …}`."""
        document = {"app": app, "chdir": str(chdir or self.apps), "env": {}}
        for key, value in keys.items():
            if key.split("_")[0] in ("timeouts", "socket", "restart", "limits", "log"):
                group, _, rest = key.partition("_")
                document.setdefault(group, {})[rest] = value
            else:
                document[key] = value
        document["env"] = {"PYTHONDONTWRITEBYTECODE": "1", **document["env"]}
        return self.write_text(name, json.dumps(document, indent=1) + "\n")

    def write_text(self, name, text):
        path = self.path_of(name)
        aside = path.with_suffix(".part")
        aside.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.replace(aside, path)
        return path

    def remove(self, name):
        self.path_of(name).unlink()

    def socket(self, name):
        return self.runtime / "sockets" / f"{name}.sock"

    # ---- emperorctl

    def ctl(self, *arguments, timeout=60, **keywords):
        return subprocess.run([self.binaries / "emperorctl", "--runtime-dir", self.runtime, *map(str, arguments)],
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **keywords)

    def ctl_json(self, *arguments, **keywords):
        done = self.ctl("-o", "json", *arguments, **keywords)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"not JSON from {arguments}: exit {done.returncode} {done.stdout!r} {done.stderr!r}") from None

    def apps_status(self):
        """name -> the status object of each vassal."""
        document = self.ctl_json("status")
        rows = document.get("apps", document.get("vassals", [])) if isinstance(document, dict) else document
        return {row["name"]: row for row in rows}

    def status(self, name):
        return self.apps_status().get(name)

    def state(self, name):
        row = self.status(name)
        return row and row["state"]

    def wait_state(self, name, *states, seconds=20):
        """The row of that moment: the next one may be of another state."""
        return wait_until(lambda: (row := self.status(name)) and row["state"] in states and row, seconds,
                          lambda: f"{name} {' or '.join(states)}; it is {self.status(name)}\n{self.output()[-3000:]}", 0.05)

    def wait_log(self, text, seconds=15, start=0):
        wait_until(lambda: text in self.output()[start:], seconds, lambda: f"{text!r} in\n{self.output()[start:][-4000:]}", 0.05)

    # ---- requests and processes

    def get(self, name, uri="/", **keywords):
        return uwsgi.request(self.socket(name), uri, **keywords)

    def serves(self, name, uri="/"):
        try:
            return self.get(name, uri, timeout=5).status == 200
        except OSError:
            return False

    def wait_serving(self, *names, seconds=20):
        for name in names:
            wait_until(lambda: self.serves(name), seconds, lambda: f"{name} serving\n{self.output()[-4000:]}", 0.02)
        return self

    def wait_running(self, *names, seconds=20):
        """Serving, and the emperor knows: it is told of a promotion a moment after workers serve."""
        self.wait_serving(*names, seconds=seconds)
        for name in names:
            self.wait_state(name, "running", seconds=seconds)
        return self

    def pid(self, name):
        return int(self.get(name, "/pid").text)

    def master_pid(self, name):
        """The parent of the worker that answers."""
        return processes.stat_of(self.pid(name))[1]

    def keeper(self):
        """Its keeper's pid; None while there is none."""
        return next((pid for pid in processes.children_of(self.process.pid) if "--keeper" in processes.command_line(pid)), None)

    def generation_change(self, name, since, seconds=20):
        wait_until(lambda: self.pid(name) != since, seconds, lambda: f"another worker of {name}\n{self.output()[-4000:]}", 0.05)


def leftovers(directory):
    """Sockets below a directory, and whether its runtime directory still holds files that a stop should have removed."""
    return [str(path) for path in pathlib.Path(directory).rglob("*") if path.is_socket()]


def now():
    return time.monotonic()
