"""uWSGI's own tools, unchanged, against every kind of stats socket: uwsgitop from PyPI, uwsgi_exporter from the Go
module proxy."""
import os
import pty
import re
import select
import shutil
import subprocess
import time
import urllib.request

import pytest

from harness.nginx import free_port
from harness.waiting import wait_until

WORKERS = 2


@pytest.fixture
def shop(idle_emperor):
    emperor = idle_emperor
    emperor.port = free_port()
    emperor.start("--stats", f"127.0.0.1:{emperor.port}")
    emperor.write("shop", workers=WORKERS)
    emperor.wait_serving("shop")
    wait_until((emperor.runtime / "stats" / "shop.sock").exists, 5, "the vassal's stats socket")
    for _ in range(7):
        assert emperor.get("shop", "/pid").status == 200
    return emperor


@pytest.fixture(scope="module")
def uwsgitop(session_directory):
    """The packaged client from PyPI, in an environment of its own; simplejson, its only need, is Python's json here."""
    venv = session_directory / "uwsgitop"
    subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True, timeout=120)
    done = subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "uwsgitop"],
                          capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        pytest.skip(f"PyPI refused uwsgitop: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
    return venv / "bin/uwsgitop"


def frames_of(program, address, wanted):
    """What it draws with curses until `wanted` was seen twice, then q: (text, exit code)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LINES="40", COLUMNS="150")
        try:
            os.execv(str(program), [str(program), "--frequency", "1", address])
        finally:
            os._exit(127)
    seen, deadline = b"", time.monotonic() + 30
    try:
        while time.monotonic() < deadline and not (len(re.findall(wanted, seen)) >= 2 or b"Traceback" in seen):
            if select.select([terminal], [], [], 0.5)[0]:
                try:
                    seen += os.read(terminal, 65536)
                except OSError:
                    break
        try:
            os.write(terminal, b"q")
        except OSError:
            pass
    finally:
        for _ in range(200):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        else:
            os.kill(pid, 9)
            status = os.waitpid(pid, 0)[1]
        os.close(terminal)
    return seen, os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("which, wanted", [
    ("{runtime}/stats/shop.sock", rb"idle|busy"),
    ("http://127.0.0.1:{port}/?vassal=shop", rb"idle|busy"),
    # An Emperor's document: uwsgitop shows vassals and their pids, nothing else.
    ("{runtime}/stats.sock", rb"shop.yaml"),
    ("127.0.0.1:{port}", rb"shop.yaml"),
    ("http://127.0.0.1:{port}/", rb"shop.yaml")])
def test_uwsgitop_runs_unchanged(shop, uwsgitop, which, wanted):
    seen, code = frames_of(uwsgitop, which.format(runtime=shop.runtime, port=shop.port), wanted)
    shown = seen[-3000:].decode(errors="replace")
    assert b"Traceback" not in seen and re.search(wanted, seen), shown
    assert (b"WID" in seen) == (b"idle" in wanted), shown
    assert code == 0, shown


@pytest.fixture(scope="module")
def uwsgi_exporter(session_directory):
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go here to build uwsgi_exporter with")
    target = session_directory / "go"
    done = subprocess.run([go, "install", "github.com/timonwong/uwsgi_exporter@latest"], capture_output=True,
                          text=True, timeout=600,
                          cwd=session_directory, env={**os.environ, "GOBIN": str(target), "GOFLAGS": "-mod=mod -modcacherw",
                                                      "GOPATH": str(session_directory / "gopath")})
    if done.returncode != 0:
        pytest.skip("the Go module proxy refused uwsgi_exporter: " + " ".join(done.stderr.split())[-300:])
    return target / "uwsgi_exporter"


@pytest.mark.parametrize("which", ["unix://{runtime}/stats/shop.sock", "http://127.0.0.1:{port}/?vassal=shop",
                                   "unix://{runtime}/stats.sock",
                                   "tcp://127.0.0.1:{port}", "http://127.0.0.1:{port}/"])
def test_uwsgi_exporter_runs_unchanged(shop, uwsgi_exporter, which):
    port = free_port()
    exporter = subprocess.Popen([uwsgi_exporter, f"--stats.uri={which.format(runtime=shop.runtime, port=shop.port)}",
                                 f"--web.listen-address=127.0.0.1:{port}", "--collect.cores"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def metrics():
        assert exporter.poll() is None, exporter.stderr.read()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return None

    try:
        text = wait_until(metrics, 30, "an exporter that answers", 0.1)
    finally:
        exporter.terminate()
        exporter.communicate(timeout=20)
    assert re.search(r"^uwsgi_up\S* 1$", text, re.M), text[:3000]
    requests = [float(value) for value in re.findall(r"^uwsgi_worker_requests_total\{\S*\} (\S+)$", text, re.M)]
    assert len(requests) == WORKERS and sum(requests) >= 7, text[:3000]
