"""emperorctl status --watch: in place on a terminal, which it leaves as it found it; one table after the other elsewhere."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from harness.waiting import wait_until


class Terminal:
    def __init__(self, command, columns=100, rows=20):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, {"TERM": "xterm", "PATH": os.environ["PATH"], "NO_COLOR": "1"})
        self.shown = ""
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        with contextlib.suppress(OSError):
            while select.select([self.fd], [], [], 0)[0]:
                if not (chunk := os.read(self.fd, 65536)):
                    break
                self.shown += chunk.decode(errors="replace")
        return self.shown

    def page(self):
        """The last whole page."""
        pages = [page.split("\x1b[J")[0] for page in self.read().split("\x1b[H")[1:] if "\x1b[J" in page]
        return pages[-1].replace("\x1b[K", "") if pages else ""

    def wait(self, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read()
                return os.waitstatus_to_exitcode(status)
            select.select([self.fd], [], [], 0.05)
        raise AssertionError(f"it does not end: {self.shown[-500:]!r}")

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)


@pytest.fixture
def watching(emperor):
    terminals = []

    def start(*arguments, **size):
        command = [str(part) for part in (emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "status", "--watch",
                                          "--interval", "200ms", *arguments)]
        terminals.append(Terminal(command, **size))
        return terminals[-1]

    yield start
    for terminal in terminals:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        os.close(terminal.fd)


def rows(page):
    return [line.split()[0] for line in page.split("\r\n")[2:-1]]


def test_it_draws_in_place_follows_the_size_and_restores_the_terminal(emperor, watching):
    for name in ("shop", "blog"):
        emperor.write(name)
    emperor.wait_running("shop", "blog")
    terminal = watching()
    wait_until(lambda: rows(terminal.page()) == ["blog", "shop"], 10, lambda: repr(terminal.page()))
    assert terminal.shown.startswith("\x1b[?1049h\x1b[?25l") and not terminal.echoes()
    assert "2/2 apps running" in terminal.page()
    slow = threading.Thread(target=lambda: emperor.get("shop", "/sleep?s=4", timeout=20))
    slow.start()
    wait_until(lambda: re.search(r"shop +running +1/1 .*GET /sleep\?s=4 [12] s", terminal.page()), 10, lambda: terminal.page())
    os.write(terminal.fd, b"b")
    wait_until(lambda: rows(terminal.page()) == ["shop", "blog"] and "BUSYv" in terminal.page(), 10, lambda: terminal.page())
    os.write(terminal.fd, b"R")
    wait_until(lambda: "BUSY^" in terminal.page() and rows(terminal.page()) == ["blog", "shop"], 10, lambda: terminal.page())
    assert "MEMORY" not in terminal.page()
    terminal.resize(140, 20)
    wait_until(lambda: "MEMORY" in terminal.page(), 10, lambda: terminal.page())
    slow.join()
    os.write(terminal.fd, b"q")
    assert terminal.wait() == 0
    assert terminal.shown.endswith("\x1b[?25h\x1b[?1049l")
    assert terminal.echoes()


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM"])
def test_it_restores_the_terminal_when_it_is_ended(emperor, watching, how):
    emperor.write("shop")
    emperor.wait_running("shop")
    terminal = watching("--sort", "queue")
    wait_until(lambda: "QUEUEv" in terminal.page(), 10, lambda: terminal.page())
    if how == "ctrl-c":
        os.write(terminal.fd, b"\x03")
    else:
        os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait() == 0
    assert terminal.shown.endswith("\x1b[?25h\x1b[?1049l") and terminal.echoes()


def test_it_says_that_the_emperor_is_gone_and_goes_on_when_it_is_back(emperor, watching):
    emperor.write("shop")
    emperor.wait_running("shop")
    terminal = watching()
    wait_until(lambda: "1/1 apps running" in terminal.page(), 10)
    emperor.send(signal.SIGKILL)
    emperor.wait()
    wait_until(lambda: "no emperor answers" in terminal.page() and rows(terminal.page()) == ["shop"], 10, lambda: terminal.page())
    emperor.start()
    wait_until(lambda: "1/1 apps running" in terminal.page(), 10, lambda: terminal.page())


def test_elsewhere_it_writes_one_table_after_the_other_and_json_lines(emperor):
    emperor.write("shop")
    emperor.wait_running("shop")
    for output in ("table", "json"):
        command = [emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "-o", output, "status",
                   "--watch", "--interval", "100ms"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
            lines = [watcher.stdout.readline() for _ in range(8 if output == "table" else 3)]
            watcher.terminate()
            watcher.stdout.read()
            assert watcher.wait(10) == 0
        if output == "json":
            assert [json.loads(line)["apps"][0]["name"] for line in lines] == ["shop"] * 3
        else:
            assert "\x1b" not in "".join(lines)
            assert sum(line.startswith("shop ") for line in lines) == 2
    assert emperor.ctl("status", "--sort", "name").returncode == 2
    assert emperor.ctl("status", "--watch", "--sort", "colour").returncode == 2
    assert emperor.ctl("status", "--watch", "nobody").returncode == 5
