"""An unprivileged HAProxy of a test's own."""
import csv
import pathlib
import shutil
import socket
import subprocess

from harness.waiting import wait_until

CONFIGURATION = """global
    maxconn 200
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 10s
    timeout client 20s
    timeout server 20s
{sections}
"""


def program():
    return shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")


class Haproxy:
    """`routes`: port -> (options of its bind line, options of its server line)."""

    def __init__(self, directory, target, routes):
        self.directory = pathlib.Path(directory)
        sections = [f"listen port{port}\n    bind 127.0.0.1:{port} {bind}\n    server app {target} {server}"
                    for port, (bind, server) in routes.items()]
        configuration = self.directory / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(sections="\n".join(sections)))
        self.log = self.directory / "haproxy.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program(), "-db", "-f", configuration], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        for port in routes:
            wait_until(lambda: self._listens(port), 10, lambda: self.log.read_text(errors="replace"))

    @staticmethod
    def _listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


BALANCER = """global
    maxconn 500
    stats socket {directory}/balancer.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    # As configs/haproxy/emperor.cfg: a server closes a connection that is kept open just when a request is on its way.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
{sections}
frontend front
    bind 127.0.0.1:{port}
    default_backend apps
backend apps
    balance roundrobin
    http-request disable-l7-retry unless METH_GET
{lines}
"""


class Balancer:
    """One frontend (.port) over a backend `apps`: `servers` are name -> what follows the name in its server line. Or
    `text`, a whole configuration with such a backend and the stats socket balancer.sock."""

    def __init__(self, directory, port, servers, backend=(), sections="", text=None):
        self.directory, self.port = pathlib.Path(directory), port
        lines = "\n".join([f"    {line}" for line in backend] + [f"    server {name} {rest}" for name, rest in servers.items()])
        configuration = self.directory / "balancer.cfg"
        configuration.write_text(text or BALANCER.format(directory=self.directory, port=port, lines=lines, sections=sections))
        self.log = self.directory / "balancer.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program(), "-db", "-f", configuration], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_until(lambda: self._answers() and Haproxy._listens(port), 10, lambda: self.log.read_text(errors="replace"))

    def _answers(self):
        """Its own socket is bound and listened at in no order with the frontend's."""
        try:
            return self.command("show info")
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def command(self, text):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.directory / "balancer.sock"))
            connection.sendall(f"{text}\n".encode())
            answer = b""
            while block := connection.recv(65536):
                answer += block
        return answer.decode()

    def servers(self):
        """name -> the row of `show stat`: status, weight, stot, agent_status, last_agt…"""
        rows = csv.DictReader(self.command("show stat apps 4 -1").removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["svname"]}

    def server(self, name):
        return self.servers()[name]

    def wait_server(self, name, judge, what, seconds=15):
        return wait_until(lambda: judge(row := self.server(name)) and row, seconds, lambda: f"{what}; it is {self.server(name)}")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        (self.directory / "balancer.sock").unlink(missing_ok=True)


def is_up(row):
    """In a row of `show stat`; a server without `check` has no other word for it."""
    return row["status"] in ("UP", "no check")
