"""A fleet of equal hello-world vassals under one supervisor, ours or Debian's uWSGI Emperor, and what it costs: until every
socket answers, a new file among them, memory, processor time while nothing happens, the end. A fleet is started in a
directory of its own and leaves no process behind, whatever ends the bench. The measuring is cheap beside the measured:
one request per vassal, sent once its socket is there, and no look at /proc meanwhile."""
import errno
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time

import cpu
import lifecycle
import request
import servers

LOOK_EVERY = 0.03      # seconds between two looks at the directory of sockets
SETTLE_SECONDS = 62    # timeouts.request after the last request: a master looks once more then, and rests
IDLE_SECONDS = 75      # one of the periodic rescans is in it, also of 1000 apps
READY_DEADLINE = 240   # seconds
MEMORY = "/dev/shm"

CRASHING = "import os\nos._exit(3)\n"


def place(workshop, name):
    """A fleet's directory: in memory as /run is, because a disk's file system makes a thousand sockets and directories a figure
    of its own (of ext4's search for free inodes, after many were freed, a third of all). To be removed by who asks for it."""
    if os.access(MEMORY, os.W_OK):
        return pathlib.Path(tempfile.mkdtemp(prefix=f"emperor-bench-{name}-", dir=MEMORY))
    directory = workshop.directory / name
    directory.mkdir()
    return directory


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count <= hard or soft == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def ask_all(directory, names, seconds, is_alive):
    """Sends one request to each name's socket as soon as it is there. name -> when it was answered with 200, as
    time.monotonic() says; whoever is missing did not within `seconds`."""
    packet, poller = request.packet(), select.epoll()
    missing, talking, answered = {f"{name}.sock": name for name in names}, {}, {}
    deadline, look_at = time.monotonic() + seconds, 0.0

    def start(entry):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.setblocking(False)
            client.connect(f"{directory}/{entry}")
            client.sendall(packet)
        except OSError as problem:  # bound, not listening yet; or a full backlog
            client.close()
            if problem.errno not in (errno.ECONNREFUSED, errno.EAGAIN, errno.ENOENT, errno.EPIPE, errno.ECONNRESET):
                raise
            return
        talking[client.fileno()] = (client, missing.pop(entry))
        poller.register(client.fileno(), select.EPOLLIN)

    def finish(fd):
        client, name = talking.pop(fd)
        poller.unregister(fd)
        try:
            is_answer = client.recv(65536)[8:12] == b" 200"
        except OSError:
            is_answer = False
        client.close()
        if is_answer:
            answered[name] = time.monotonic()
        else:
            missing[f"{name}.sock"] = name  # closed without an answer: asked again

    try:
        while (missing or talking) and time.monotonic() < deadline and is_alive():
            if missing and time.monotonic() >= look_at:
                there = os.listdir(directory) if os.path.isdir(directory) else []
                for entry in there:
                    if entry in missing:
                        start(entry)
                look_at = time.monotonic() + LOOK_EVERY
            for fd, _ in poller.poll(LOOK_EVERY):
                finish(fd)
    finally:
        for client, _ in talking.values():
            client.close()
        poller.close()
    return answered


class Fleet:
    """`name` is the column; subclasses say how it is started and what a vassal's file is."""
    name, ending = "", ""

    def __init__(self, binaries, directory, count):
        allow_descriptors(4096)
        self.binaries, self.directory, self.count = binaries, directory, count
        self.files = directory / "vassals"
        self.files.mkdir(parents=True)
        (directory / "crashing.py").write_text(CRASHING)
        self.process, self.began = None, 0.0
        for number in range(count):
            self.write(f"app{number:04}")

    def names(self):
        return [f"app{number:04}" for number in range(self.count)]

    def write(self, name, module="hello", chdir=servers.APPS):
        lifecycle.write_atomically(self.files / f"{name}{self.ending}", self.text(name, module, chdir))

    def add_crashing(self, count):
        """Named so that they come first, in every order."""
        for number in range(count):
            self.write(f"aaa{number:04}", "crashing", self.directory)

    def start(self):
        with open(self.directory / "log", "wb") as log:
            self.began = time.monotonic()
            self.process = subprocess.Popen([str(part) for part in self.command()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.directory, start_new_session=True,
                                            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def is_alive(self):
        return self.process.poll() is None

    def ready_times(self):
        """Seconds from the start until each vassal had answered, in the order of the answers."""
        answered = ask_all(self.sockets(), self.names(), READY_DEADLINE, self.is_alive)
        if len(answered) < self.count:
            raise servers.Missing(f"{self.name}: {len(answered)} of {self.count} answered within {READY_DEADLINE} s: "
                                  + self.last_words())
        return sorted(moment - self.began for moment in answered.values())

    def new_file(self, name):
        """Seconds from the file's appearance to its app's first answer."""
        began = time.monotonic()
        self.write(name)
        answered = ask_all(self.sockets(), [name], 30, self.is_alive)
        if name not in answered:
            raise servers.Missing(f"{self.name}: the new file was not served within 30 s: " + self.last_words())
        return answered[name] - began

    def tree(self):
        return cpu.tree_of(self.process.pid)

    def memory(self):
        """PSS of everything but the supervisor, per vassal, in bytes; and the supervisor's resident size."""
        members = self.tree()
        supervisors = self.supervisors(members)
        total = sum(figure_of(f"/proc/{pid}/smaps_rollup", "Pss") for pid in members if pid not in supervisors)
        return total / self.count, figure_of(f"/proc/{self.process.pid}/status", "VmRSS"), len(members)

    def supervisors(self, members):
        return [self.process.pid]

    def processor_time(self):
        """Seconds that the whole tree has used since its start, what has ended included."""
        now = cpu.Snapshot(self.process.pid)
        return (sum(now.threads.values()) + sum(children for _, children in now.processes.values())) / 1e9

    def idle_share(self):
        """Processor time of the whole tree over time, while nobody asks for anything."""
        time.sleep(SETTLE_SECONDS)
        before, began = cpu.Snapshot(self.process.pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        used = cpu.Snapshot(self.process.pid) - before
        return used / 1e9 / (time.monotonic() - began)

    def stop(self):
        """Seconds until no process is left."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        members, began = self.tree(), time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
            while any(is_running(pid) for pid in members) and time.monotonic() < began + 60:
                time.sleep(0.02)
            return time.monotonic() - began
        except subprocess.TimeoutExpired:
            return float("inf")
        finally:
            for pid in members:  # ours alone: listed before the end, by the tree
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def last_words(self):
        return " | ".join((self.directory / "log").read_text(errors="replace").splitlines()[-3:])[-600:]


def is_running(pid):
    stat = cpu.stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def figure_of(path, name):
    """In bytes; 0 where the process has gone."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(path).read_text(), re.M)
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


class Ours(Fleet):
    name, ending = "emperor", ".yaml"

    def text(self, name, module, chdir):
        return f"app: {module}:application\nchdir: {chdir}\n"

    def command(self):
        return [self.binaries / "emperor", "--vassals", self.files, "--runtime-dir", self.directory / "run"]

    def sockets(self):
        return self.directory / "run/sockets"

    def supervisors(self, members):
        """The keeper belongs to the emperor."""
        keepers = [pid for pid in members if b"--keeper" in command_line(pid)]
        return [self.process.pid, *keepers]

    def status_seconds(self):
        """Of one `emperorctl status` of all, as an operator waits for it."""
        began = time.monotonic()
        done = subprocess.run([self.binaries / "emperorctl", "--runtime-dir", self.directory / "run", "status"],
                              capture_output=True, text=True, timeout=30)
        took = time.monotonic() - began
        if done.returncode != 0 or done.stdout.count("running") < self.count:
            raise servers.Missing(f"emperorctl status: exit {done.returncode}, {done.stdout.count('running')} running "
                                  f"{done.stderr.strip()}")
        return took


class Theirs(Fleet):
    name, ending = "uWSGI", ".ini"

    def text(self, name, module, chdir):
        return (f"[uwsgi]\nplugin = python3\nmaster = true\nprocesses = 1\n"
                f"socket = {self.sockets()}/{name}.sock\nchdir = {chdir}\n"
                f"module = {module}:application\nneed-app = true\ndisable-logging = true\n")

    def command(self):
        self.sockets().mkdir(exist_ok=True)
        return [servers.program("uwsgi"), "--emperor", self.files]

    def sockets(self):
        return self.directory / "sockets"


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
