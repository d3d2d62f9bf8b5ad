"""The measured servers: each is started on a unix socket in a directory of its own, pinned to one processor, and tells
how much processor time its whole process tree has used."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
APPS = HERE / "apps"


def compile_tools(directory):
    """The two small C programs, -O2, rebuilt when their source is newer."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("client", "loop"):
        source, program = HERE / f"{name}.c", directory / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", program, source], check=True)


def tree_of(pid):
    """The process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting += children.get(current, [])
    return found


def cpu_ns(pid):
    """Nanoseconds on a processor of every thread of the tree, from schedstat."""
    total = 0
    for member in tree_of(pid):
        for task in pathlib.Path(f"/proc/{member}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:
                continue
    return total


class Server:
    """One server process tree on a unix socket; stop() leaves nothing behind."""

    def __init__(self, name, command, directory, processors, environment=None):
        self.name = name
        self.socket = directory / f"{name}.sock"
        self.log = directory / f"{name}.log"
        self.command = [str(part).replace("@SOCKET@", str(self.socket)) for part in command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=APPS, env={**os.environ, **(environment or {})},
                                            preexec_fn=lambda: os.sched_setaffinity(0, processors))
        self._wait()

    def _wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.socket))
                    return
                except OSError:
                    time.sleep(0.02)
        self.stop()
        raise SystemExit(f"bench: {self.name} does not answer: {' '.join(self.command)}\n{self.log.read_text()[-4000:]}")

    def cpu_ns(self):
        return cpu_ns(self.process.pid)

    def stop(self):
        members = tree_of(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                for member in members:
                    try:
                        os.kill(member, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.wait()


def vassal(binaries, directory, processors, *options, name="emperor", wrapper=()):
    return Server(name, [*wrapper, binaries / "vassal", "--listen", "uwsgi:@SOCKET@", "--workers", "1", *options,
                         "hello:application"], directory, processors)


def uwsgi(directory, processors, *options):
    if not shutil.which("uwsgi"):
        raise SystemExit("bench: uwsgi is missing; run scripts/setup.sh")
    return Server("uwsgi", ["uwsgi", "--plugin", "python3", "--need-app", "--die-on-term", "--disable-logging", "--listen", "100",
                            "--processes", "1", "--socket", "@SOCKET@", "--module", "hello:application", *options],
                  directory, processors)


def loop(tools, directory, processors):
    return Server("loop", [tools / "loop", "@SOCKET@"], directory, processors)
