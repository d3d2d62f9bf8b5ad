"""Continuous load with a ledger: every request carries an id of its own and is answered correctly, or counted as lost, by
name: refused, no socket, queue full, reset, empty answer, cut answer, timeout, wrong body, status NNN.

    ledger = Ledger(scratch)
    emperor.write("shop", **ledger.app(), workers=2)          # apps/ledger.py echoes the id and notes it down
    ledger.add("shop", emperor.socket("shop"))                # a path: uwsgi, a connection each; a port: HTTP, kept alive
    with ledger:
        ledger.wait_answers(50)
        ledger.kill(emperor.pid("shop"))                      # notes when, so that what was inside can be told from the rest
        ledger.wait_answers(50)
    assert not ledger.unexplained(), ledger.summary()

A lost request is explained by a death if the process that died had begun it, or if no process had, and the client's
connection was that process's (kept alive), or it was at the door: accepted, not read yet. Of those there is one for each
thread of the dead process at most."""
import itertools
import os
import pathlib
import socket
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from harness import processes, uwsgi
from harness.waiting import wait_until


class Lost(Exception):
    """A request without the answer that it should have; the text names the way it was lost."""


@dataclass
class Entry:
    identity: str
    target: str
    begun: float
    ended: float = 0.0
    pid: int = 0                 # of the worker that answered
    version: str = ""            # VERSION in the app's environment
    lost: str = ""               # "": answered
    held_by: int = 0             # kept alive: whose connection it was sent on

    @property
    def seconds(self):
        return self.ended - self.begun

    def __str__(self):
        return f"{self.identity} {self.lost or 'answered'} by {self.pid or '-'} in {self.seconds * 1000:.0f} ms"


@dataclass
class Death:
    pid: int
    since: float                 # it lived then,
    until: float                 # and was gone then
    at_the_door: int = 1


def name_of(error):
    names = {ConnectionRefusedError: "refused", FileNotFoundError: "no socket", BlockingIOError: "queue full",
             ConnectionResetError: "reset", BrokenPipeError: "reset", TimeoutError: "timeout"}
    return names.get(type(error), type(error).__name__)


def check_whole(raw):
    """An answer's status and body; Lost when there is none or a part of it."""
    if not raw:
        raise Lost("empty answer")
    answer = uwsgi.parse(raw)
    length = answer.header("Content-Length")
    if not answer.status or b"\r\n\r\n" not in raw or (length and len(answer.body) != int(length)):
        raise Lost("cut answer")
    return answer


class UwsgiClient:
    """One connection per request, as nginx does."""
    held_by = 0

    def __init__(self, path):
        self.path = path

    def ask(self, uri, timeout):
        return check_whole(uwsgi.exchange(self.path, uwsgi.packet(uwsgi.variables_for(uri)), timeout))

    def close(self):
        pass


class HttpClient:
    """Keeps its connection as long as the server does, and never asks twice."""

    def __init__(self, port, host="127.0.0.1"):
        self.address, self.connection, self.held_by, self.connections = (host, port), None, 0, 0

    def ask(self, uri, timeout):
        if self.connection is None:
            self.connection = socket.create_connection(self.address, timeout)
            self.connections += 1
        self.connection.settimeout(timeout)
        try:
            self.connection.sendall(f"GET {uri} HTTP/1.1\r\nHost: {self.address[0]}\r\n\r\n".encode())
            answer = self._receive()
        except BaseException:
            self.close()
            raise
        if answer.header("Connection").lower() == "close":
            self.close()
        return answer

    def _receive(self):
        raw = b""
        while b"\r\n\r\n" not in raw:
            block = self.connection.recv(65536)
            if not block:
                raise Lost("cut answer" if raw else "empty answer")
            raw += block
        answer = uwsgi.parse(raw)
        missing = int(answer.header("Content-Length") or 0) - len(answer.body)
        while missing > 0:
            block = self.connection.recv(missing)
            if not block:
                raise Lost("cut answer")
            raw, missing = raw + block, missing - len(block)
        return check_whole(raw)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection, self.held_by = None, 0


@dataclass
class Target:
    make_client: object
    uri: str
    rate: float                  # requests a second of all its clients; 0: as fast as they are answered
    ending: threading.Event = field(default_factory=threading.Event)
    threads: list = field(default_factory=list)


class Ledger:
    """Clients that ask one request after the other, from entry into the context (or add()) to finish()."""

    def __init__(self, directory=None, timeout=20.0):
        self.timeout, self.entries, self.deaths = timeout, [], []
        self.notes = directory and pathlib.Path(directory) / "ledger"
        if self.notes:
            self.notes.mkdir()
            self.notes.chmod(0o777)
        self._targets, self._numbers = {}, itertools.count(1)
        self._lock, self._is_running = threading.Lock(), False

    # ---- whom to ask

    def app(self, **env):
        """Keys of a vassal's file for the app that a ledger needs."""
        return {"app": "ledger:application", "env": {"LEDGER": str(self.notes), **env}}

    def add(self, name, where, clients=2, rate=0.0, uri="/"):
        """`where`: a socket's path (uwsgi) or a port (HTTP)."""
        def make_client():
            return HttpClient(where) if isinstance(where, int) else UwsgiClient(where)

        target = self._targets[name] = Target(make_client, uri, rate)
        target.threads = [threading.Thread(target=self._run, args=(name, target, rate / clients), daemon=True)
                          for _ in range(clients)]
        if self._is_running:
            for thread in target.threads:
                thread.start()
        return self

    def end(self, *names):
        """No more requests to these; waits for the answers that are on their way."""
        for name in names:
            self._targets[name].ending.set()
        for name in names:
            for thread in self._targets[name].threads:
                if thread.ident is not None:
                    thread.join()

    def __enter__(self):
        self._is_running = True
        for target in self._targets.values():
            for thread in target.threads:
                thread.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        self.end(*self._targets)
        return self

    # ---- asking

    def _run(self, name, target, rate):
        client, due = target.make_client(), time.monotonic()
        while not target.ending.is_set():
            entry = Entry(f"{name}-{next(self._numbers)}", name, time.monotonic(), held_by=client.held_by)
            try:
                self.judge(entry, client.ask(self.uri_of(target, entry), self.timeout))
                client.held_by = entry.pid
            except Lost as lost:
                entry.lost = str(lost)
            except (OSError, ValueError, IndexError) as error:
                entry.lost = name_of(error)
            entry.ended = time.monotonic()
            with self._lock:
                self.entries.append(entry)
            if rate:
                due = max(due + 1 / rate, entry.ended - 1 / rate)
                target.ending.wait(max(0.0, due - time.monotonic()))
            elif entry.lost:
                target.ending.wait(0.02)  # who is refused at once must not spin
        client.close()

    def uri_of(self, target, entry):
        return f"{target.uri}{'&' if '?' in target.uri else '?'}id={entry.identity}"

    def judge(self, entry, answer):
        if answer.status != 200:
            raise Lost(f"status {answer.status}")
        identity, _, rest = answer.text.partition(" ")
        if identity != entry.identity:
            raise Lost("wrong body")
        pid, _, entry.version = rest.partition(" ")
        entry.pid = int(pid)

    # ---- deaths

    def kill(self, pid, number=signal.SIGKILL, at_the_door=1):
        """Ends a process that may hold requests. `at_the_door`: how many of them it may have accepted and not begun."""
        since = time.monotonic()
        os.kill(pid, number)
        processes.wait_gone(pid)
        return self.died(pid, since, at_the_door=at_the_door)

    def died(self, pid, since, until=None, at_the_door=1):
        """A process that ended by itself or by somebody else, between two moments."""
        death = Death(pid, since, until or time.monotonic(), at_the_door)
        self.deaths.append(death)
        return death

    def begun_by(self, pid):
        """Ids of the requests that a process began, the last one last."""
        path = self.notes / str(pid)
        return path.read_text().split() if path.exists() else []

    # ---- what came of it

    def select(self, name=None, since=0.0, until=float("inf")):
        """Entries that were under way between two moments, in the order of their ends."""
        with self._lock:
            entries = list(itertools.takewhile(lambda entry: entry.ended >= since - 1, reversed(self.entries)))
        return [one for one in reversed(entries)
                if (name is None or one.target == name) and one.ended >= since and one.begun <= until]

    @property
    def lost(self):
        return [entry for entry in self.select() if entry.lost]

    def during(self, death):
        """Lost requests that were inside a process when it died: begun by it, or sent on a connection that it kept alive."""
        return self._inside(death, self.lost)

    def _inside(self, death, lost):
        begun = set(self.begun_by(death.pid))
        return [entry for entry in lost if entry.ended >= death.since and entry.begun <= death.until
                and (entry.identity in begun or entry.held_by == death.pid)]

    def unexplained(self):
        """Lost requests that no death explains."""
        lost = self.lost
        rest = {entry.identity: entry for entry in lost}
        begun = set().union(*(path.read_text().split() for path in self.notes.iterdir())) if self.notes else set()
        for death in self.deaths:
            for entry in self._inside(death, lost):
                rest.pop(entry.identity, None)
            doubtful = [entry for entry in rest.values()
                        if entry.identity not in begun and entry.ended >= death.since and entry.begun <= death.until]
            for entry in doubtful[:death.at_the_door]:
                rest.pop(entry.identity)
        return list(rest.values())

    @property
    def count(self):
        return len(self.entries)

    def answered(self, name=None, since=0.0):
        return [entry for entry in self.select(name, since) if not entry.lost]

    def wait_answers(self, count, name=None, seconds=20.0):
        """Until `count` requests that are asked from now on were answered."""
        since = time.monotonic()
        wait_until(lambda: sum(entry.begun >= since for entry in self.answered(name, since)) >= count, seconds,
                   lambda: f"{count} answers{' of ' + name if name else ''}; {self.summary()}")
        return self

    def percentile(self, share, name=None, since=0.0, until=float("inf")):
        """Seconds within which this share of the requests were over; lost ones count as what they took."""
        times = sorted(entry.seconds for entry in self.select(name, since, until))
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0

    def p99(self, name=None, since=0.0, until=float("inf")):
        return self.percentile(0.99, name, since, until)

    @property
    def slowest(self):
        return max((entry.seconds for entry in self.select()), default=0.0)

    @property
    def longest_gap(self):
        return self.longest_gap_of()

    def longest_gap_of(self, name=None):
        """Seconds without any answer."""
        moments = sorted(entry.ended for entry in self.answered(name))
        return max((after - before for before, after in zip(moments, moments[1:])), default=0.0)

    @property
    def failures(self):
        return Counter(entry.lost for entry in self.lost)

    @property
    def failed(self):
        return len(self.lost)

    def summary(self):
        shown = "".join(f"\n  {entry}" for entry in self.lost[:10])
        return (f"{self.count} requests, {self.failed} lost {dict(self.failures)}, p99 {self.p99() * 1000:.1f} ms, "
                f"slowest {self.slowest:.3f} s, longest gap {self.longest_gap:.3f} s{shown}")
