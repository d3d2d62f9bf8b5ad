"""The measured servers: each is started in a directory of its own and pinned, tells how much processor time its whole
process tree has used, and leaves nothing behind, whatever ends the bench."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import cpu

HERE = pathlib.Path(__file__).resolve().parent
APPS = HERE / "apps"
PACKAGES = {"uwsgi": "uwsgi-core and uwsgi-plugin-python3", "nginx": "nginx-light", "gunicorn": "gunicorn", "gcc": "gcc"}


class Missing(Exception):
    """A server cannot be had here or does not start: its row says why, and is missed."""


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise Missing(f"{name} is missing: Debian's {PACKAGES.get(name, name)} (scripts/setup.sh)")
    return found


def compile_tools(directory):
    """The two small C programs, -O2, rebuilt when their source is newer."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("client", "loop"):
        source, target = HERE / f"{name}.c", directory / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            aside = directory / f"{name}.{os.getpid()}"
            subprocess.run([program("gcc"), "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", aside, source], check=True)
            aside.replace(target)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Server:
    """One server's process tree. `address` is where it is asked: a socket's path or 127.0.0.1:PORT."""

    def __init__(self, name, command, address, directory, processors):
        self.name, self.address = name, str(address)
        self.log = directory / f"{name}.log"
        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C at the bench ends it in order, by stop().
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=APPS, start_new_session=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                                            preexec_fn=lambda: os.sched_setaffinity(0, processors))

    def wait_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        family = socket.AF_UNIX if self.address.startswith("/") else socket.AF_INET
        host, _, port = self.address.rpartition(":")
        target = self.address if family == socket.AF_UNIX else (host, int(port))
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket(family) as probe:
                try:
                    probe.connect(target)
                    return self
                except OSError:
                    time.sleep(0.02)
        self.stop()
        raise Missing(f"{self.name} does not answer: " + self.last_words())

    def last_words(self):
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-3:])[-600:]

    def snapshot(self):
        return cpu.Snapshot(self.process.pid)

    def stop(self):
        members = cpu.tree_of(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                for member in members:
                    try:
                        os.kill(member, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.wait()


class Workshop:
    """Where servers are started: binaries, tools, scratch directory and processors; ends what it started."""

    def __init__(self, binaries, tools, directory, for_servers, for_client):
        self.binaries, self.tools, self.directory = binaries, tools, directory
        self.for_servers, self.for_client = for_servers, for_client
        self.running = []

    def start(self, name, command, address, processors=None):
        server = Server(name, command, address, self.directory, processors or self.for_servers)
        self.running.append(server)
        return server.wait_ready()

    def stop_all(self):
        while self.running:
            self.running.pop().stop()

    def socket(self, name):
        return self.directory / f"{name}.sock"

    def vassal(self, *options, name="emperor", app="hello:application", listen=None, wrapper=(), processors=None):
        """On a uwsgi socket, or on `listen` (more than one: the first is asked)."""
        listen = listen or [f"uwsgi:{self.socket(name)}"]
        where = [part for address in listen for part in ("--listen", address)]
        return self.start(name, [*wrapper, self.binaries / "vassal", *where, *options, app],
                          listen[0].split(":", 1)[1], processors)

    def uwsgi(self, *options, app="hello:application", log=False):
        quiet = () if log else ("--disable-logging",)
        return self.start("uwsgi", [program("uwsgi"), "--plugin", "python3", "--need-app", "--die-on-term", *quiet,
                                    "--listen", "100",
                                    "--processes", "1", "--socket", self.socket("uwsgi"), "--module", app, *options],
                          self.socket("uwsgi"))

    def loop(self, name="loop"):
        self.socket(name).unlink(missing_ok=True)
        return self.start(name, [self.tools / "loop", "once", self.socket(name)], self.socket(name))

    def loop_http(self, address):
        """On an address that was free_address()."""
        return self.start("loop", [self.tools / "loop", "keep", address.rpartition(":")[2]], address)

    def gunicorn(self, address):
        bind = f"unix:{address}" if address.startswith("/") else address
        return self.start("gunicorn", [program("gunicorn"), "--worker-class", "gthread", "--workers", "1", "--keep-alive", "60",
                                       "--bind", bind, "hello:application"], address)

    def nginx(self, locations, upstreams):
        """An unprivileged nginx with one worker before the measured sockets."""
        port, prefix = free_port(), self.directory / "nginx"
        prefix.mkdir(exist_ok=True)
        (prefix / "nginx.conf").write_text(NGINX.format(prefix=prefix, port=port,
                                                        user="user root;" if os.geteuid() == 0 else "",
                                                        upstreams="\n".join(upstreams),
                                                        locations="\n".join(locations)))
        return self.start("nginx", [program("nginx"), "-p", prefix, "-e", prefix / "error.log", "-c", prefix / "nginx.conf"],
                          f"127.0.0.1:{port}")


NGINX = """{user} daemon off; worker_processes 1; pid {prefix}/nginx.pid; error_log {prefix}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 10000000;
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
{upstreams}
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""


def versions(binaries):
    """What was measured against what: name -> version."""
    found = {}
    for name, command in (("vassal", [str(binaries / "vassal"), "--version"]), ("uWSGI", ["uwsgi", "--version"]),
                          ("gunicorn", ["gunicorn", "--version"]), ("nginx", ["/usr/sbin/nginx", "-v"]),
                          ("Flask", ["dpkg-query", "-W", "-f", "${Version}", "python3-flask"]),
                          ("Django", ["dpkg-query", "-W", "-f", "${Version}", "python3-django"])):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            match = re.search(r"(?:\d+:)?(\d+(?:\.\d+)+)", done.stdout + done.stderr)
            found[name] = match.group(1) if match else "?"
        except OSError:
            continue
    return found
