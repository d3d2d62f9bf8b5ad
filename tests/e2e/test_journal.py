"""log.journal: an app's lines in the journal, with fields, written by its master; against a socket that stands for journald's."""
import os
import select
import socket
import struct
import subprocess
import threading

import pytest

from harness.waiting import wait_until


class FakeJournal:
    """Takes the native protocol's datagrams, and plain lines on a stream as systemd connects a service's standard error."""

    def __init__(self, directory):
        self.path = directory / "journal.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.stream, self.service_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.entries, self.plain = [], b""
        self.is_open = True
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while self.is_open:
            ready, _, _ = select.select([self.socket, self.stream], [], [], 0.1)
            if self.socket in ready:
                self.entries.append(self.parse(self.socket.recv(1 << 20)))
            if self.stream in ready:
                self.plain += self.stream.recv(1 << 16)

    @staticmethod
    def parse(data):
        fields = {}
        while data:
            head, _, data = data.partition(b"\n")
            name, equals, value = head.partition(b"=")
            if not equals:
                size, = struct.unpack_from("<Q", data)
                value, data = data[8:8 + size], data[9 + size:]
            fields[name.decode()] = value.decode()
        return fields

    def find(self, text):
        return [entry for entry in self.entries if text in entry.get("MESSAGE", "")]

    def close(self):
        self.is_open = False
        self.reader.join(10)
        for one in (self.socket, self.stream, self.service_end):
            one.close()
        self.path.unlink()


@pytest.fixture
def journal(scratch):
    fake = FakeJournal(scratch)
    yield fake
    fake.close()


def test_lines_have_fields_and_a_traceback_is_one_entry(idle_emperor, journal):
    emperor = idle_emperor.start(env={"EMPEROR_JOURNAL_SOCKET": str(journal.path)})
    emperor.write("shop", "forks:application", log_journal="on", timeouts_request="1s", timeouts_drain="1s")
    emperor.write("quiet")
    emperor.write("probe", log_journal="on")
    emperor.wait_running("shop", "quiet", "probe")
    emperor.get("quiet", "/log?text=not-in-the-journal")
    emperor.get("probe", "/log?text=WARNING:root:careful")
    entry = wait_until(lambda: journal.find("WARNING:root:careful"), 10)[0]
    assert entry == {"MESSAGE": "WARNING:root:careful", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "probe", "EMPEROR_VASSAL": "probe",
                     "EMPEROR_GENERATION": "1", "EMPEROR_WORKER": "1", "EMPEROR_STREAM": "out"}
    assert emperor.get("shop", "/spin", timeout=30).status == 504
    entry = wait_until(lambda: journal.find("request timeout"), 10)[0]
    assert entry["EMPEROR_VASSAL"] == "shop" and entry["EMPEROR_STREAM"] == "master"
    # The emperor's own log is a file here: it has the lines too.
    emperor.wait_log("WARNING:root:careful")
    emperor.wait_log("not-in-the-journal")
    assert not journal.find("not-in-the-journal")


def test_auto_is_where_the_emperor_s_own_log_goes_there_and_nothing_stands_twice(idle_emperor, binaries, journal):
    emperor = idle_emperor
    status = os.fstat(journal.service_end.fileno())
    env = {**os.environ, "EMPEROR_JOURNAL_SOCKET": str(journal.path), "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    emperor.process = subprocess.Popen([binaries / "emperor", "--vassals", emperor.vassals, "--runtime-dir", emperor.runtime],
                                       stdin=subprocess.DEVNULL, stdout=journal.service_end,
                                       stderr=journal.service_end, cwd="/", env=env)
    wait_until(lambda: emperor.ctl("status").returncode == 0, 15)
    emperor.write("probe")
    emperor.write("plain", log_journal="off")
    emperor.wait_running("probe", "plain")
    emperor.get("plain", "/log?text=as-a-line")
    emperor.get("probe", "/log?text=with-fields")
    wait_until(lambda: journal.find("with-fields to wsgi.errors"), 10)
    wait_until(lambda: b"as-a-line to wsgi.errors" in journal.plain, 10)
    assert b"with-fields" not in journal.plain and not journal.find("as-a-line")
    assert b"emperor started" in journal.plain
    assert "with-fields" in emperor.ctl("logs", "probe").stdout
    assert "JOURNAL" not in emperor.get("probe", "/environ").text


def test_where_there_is_no_journal_nothing_happens(idle_emperor, scratch):
    emperor = idle_emperor.start(env={"EMPEROR_JOURNAL_SOCKET": str(scratch / "nobody.sock")})
    emperor.write("probe", log_journal="on")
    emperor.wait_running("probe")
    emperor.get("probe", "/log?text=as-ever")
    emperor.wait_log("as-ever to wsgi.errors")
    assert emperor.state("probe") == "running" and not (scratch / "nobody.sock").exists()
