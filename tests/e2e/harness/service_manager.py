"""Stands in for systemd: hears what a service tells over NOTIFY_SOCKET."""
import os
import socket
import time

from harness.waiting import wait_until


class ServiceManager:
    """Start the emperor with env=manager.env(...); close() at the end."""

    def __init__(self, directory):
        self.path = directory / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.socket.setblocking(False)
        self.heard = []          # (moment, "KEY=value")

    def env(self, watchdog_seconds=None):
        words = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_seconds:
            # WATCHDOG_PID would have to be that of a process which is not there yet; without it every process is meant.
            words["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        return words

    def listen(self):
        while True:
            try:
                packet = self.socket.recv(65536).decode()
            except BlockingIOError:
                return self.heard
            self.heard += [(time.monotonic(), line) for line in packet.split("\n") if line]

    def all(self, key):
        return [line.partition("=")[2] for _, line in self.listen() if line.startswith(key + "=")]

    def last(self, key):
        return (self.all(key) or [None])[-1]

    def wait(self, key, condition=lambda value: True, count=1, seconds=15):
        """Until `count` values of the key were heard that the condition is true of; the last one."""
        def found():
            return [value for value in self.all(key) if condition(value)]
        wait_until(lambda: len(found()) >= count, seconds, lambda: f"{key} in {self.heard[-30:]}")
        return found()[-1]

    def forget(self):
        self.listen()
        self.heard.clear()

    def close(self):
        self.socket.close()
        if self.path.exists():
            os.unlink(self.path)
