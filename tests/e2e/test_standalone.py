"""`vassal` alone: one app, one command, no emperor and no YAML."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import nginx, processes, uwsgi
from harness.waiting import wait_until


class Vassal:
    def __init__(self, binaries, apps, *options, app="probe:application"):
        self.lines = []
        self.process = subprocess.Popen([binaries / "vassal", "--chdir", apps, "--env", "PYTHONDONTWRITEBYTECODE=1",
                                         *map(str, options), app],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def output(self):
        return "".join(self.lines)

    def url(self):
        return wait_until(lambda: (found := re.search(r"http://\S+?/", self.output())) and found.group(0), 15,
                          lambda: f"a URL in {self.output()!r}")

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.reader.join(5)
        self.process.stdout.close()
        return code


@pytest.fixture
def vassal(binaries, apps):
    started = []

    def start(*options, **keywords):
        started.append(Vassal(binaries, apps, *options, **keywords))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            processes.kill_tree(one.process.pid)
            one.process.wait()


def test_it_prints_its_url_serves_and_ends_with_ctrl_c(vassal):
    one = vassal("--listen", "http:127.0.0.1:0", "--workers", "2", "--env", "VERSION=9")
    url = one.url()
    assert nginx.fetch(url + "version")[2] == b"9"
    family = processes.descendants_of(one.process.pid)
    assert len(family) == 2
    assert one.end() == 0
    assert not [pid for pid in family if processes.is_alive(pid)]


def test_the_url_names_the_port_that_the_kernel_chose(vassal):
    one = vassal("--listen", "http:127.0.0.1:0")
    assert not one.url().endswith(":0/")
    assert one.end(signal.SIGTERM) == 0


def test_it_listens_on_ipv6_and_on_unix_sockets(vassal, scratch):
    if not os.path.exists("/proc/net/if_inet6") or "00000000000000000000000000000001" not in open("/proc/net/if_inet6").read():
        pytest.skip("this machine has no IPv6 loopback")
    port = nginx.free_port()
    one = vassal("--listen", f"http:[::1]:{port}", "--listen", f"uwsgi:{scratch}/app.sock", "--threads", "2")
    wait_until((scratch / "app.sock").exists, 15, one.output)
    wait_until(lambda: "http://" in one.output(), 15, one.output)
    assert nginx.fetch(f"http://[::1]:{port}/")[2] == b"ok"
    assert uwsgi.request(scratch / "app.sock", "/pid").status == 200
    assert one.end() == 0
    assert not (scratch / "app.sock").exists()


def test_the_app_s_output_is_the_vassal_s(vassal):
    one = vassal("--listen", "http:127.0.0.1:0")
    nginx.fetch(one.url() + "log?text=heard")
    wait_until(lambda: "heard" in one.output() and "HEARD" in one.output(), 10, one.output)
    one.end()


def test_preload_and_set_work_here_too(vassal):
    one = vassal("--listen", "http:127.0.0.1:0", "--preload", "--workers", "2", "--set", "timeouts.request=5s",
                 "--set", "mount=/x")
    assert nginx.fetch(one.url() + "x/")[2] == b"ok"
    assert one.end() == 0


def test_an_app_that_does_not_load_is_exit_1_with_its_traceback(vassal):
    one = vassal("--listen", "http:127.0.0.1:0", app="no_such_module:application")
    assert one.process.wait(20) == 1
    one.reader.join(5)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in one.output()
    one.process.stdout.close()


def test_a_port_in_use_is_named(vassal):
    with socket.create_server(("127.0.0.1", 0)) as held:
        one = vassal("--listen", f"http:127.0.0.1:{held.getsockname()[1]}")
        assert one.process.wait(20) == 1
        one.reader.join(5)
        assert str(held.getsockname()[1]) in one.output() and "in use" in one.output()
        one.process.stdout.close()


@pytest.mark.parametrize("options", [["--workers", "many"], ["--set", "wokers=2"], ["--listen", "ftp:x"], ["--no-such-flag"]])
def test_bad_usage_is_exit_2(vassal, options):
    one = vassal(*options)
    assert one.process.wait(20) == 2, one.output()
    one.reader.join(5)
    one.process.stdout.close()


def test_a_killed_worker_is_replaced(vassal):
    one = vassal("--listen", "http:127.0.0.1:0")
    url = one.url()
    pid = int(nginx.fetch(url + "pid")[2])
    os.kill(pid, signal.SIGKILL)
    processes.wait_gone(pid)
    assert int(nginx.fetch(url + "pid")[2]) != pid
    assert one.end() == 0


def test_two_ctrl_c_end_at_once(vassal):
    one = vassal("--listen", "http:127.0.0.1:0", "--set", "timeouts.kill=60s")
    url = one.url()
    client = threading.Thread(target=lambda: _ignore(lambda: nginx.fetch(url + "sleep?s=60")), daemon=True)
    client.start()
    wait_until(lambda: _waits_in_sleep(one), 10)

    def ended():
        one.process.send_signal(signal.SIGINT)
        return one.process.poll() is not None

    # Two signals sent at once may arrive as one, so the impatient user presses again.
    wait_until(ended, 10, "the end", every=0.5)
    assert one.process.returncode in (0, 1, 130)


def _waits_in_sleep(one):
    """The worker has accepted: its connection is established."""
    workers = processes.children_of(one.process.pid)
    return workers and any("socket:" in os.readlink(f"/proc/{workers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{workers[0]}/fd"))


def _ignore(call):
    try:
        call()
    except OSError:
        pass


def test_an_app_without_an_emperor_reloads_itself_worker_by_worker(vassal, scratch):
    one = vassal("--workers", 2, "--listen", "http:127.0.0.1:0", app="curious:application")
    url = one.url()

    def evaluate(expression):
        status, _, body = nginx.fetch(url + "eval", expression.encode())
        assert status == 200, body
        return json.loads(body)
    before = evaluate("os.getpid()")
    assert evaluate("[emperor.reload('new prices'), emperor.reload()]") == [True, False]
    wait_until(lambda: "reload: requested by the app: new prices (worker" in one.output(), 15, one.output)
    # The worker that the kernel prefers may be the other one: both are replaced.
    wait_until(lambda: evaluate("os.getpid()") != before, 20, "another process", 0.02)
    assert evaluate("[emperor.generation, emperor.worker_id in (1, 2)]") == [1, True]
    # Untiring: the next roll is ten seconds away, and nobody is refused meanwhile.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        evaluate("tried(emperor.reload, 'again')")
    assert one.output().count("reload: requested by the app") == 1
    assert one.end() == 0
