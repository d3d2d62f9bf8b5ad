"""An unprivileged HAProxy of a test's own."""
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
            self.process = subprocess.Popen([program(), "-db", "-f", configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for port in routes:
            wait_until(lambda: self._listens(port), 10, lambda: self.log.read_text(errors="replace"))

    @staticmethod
    def _listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
