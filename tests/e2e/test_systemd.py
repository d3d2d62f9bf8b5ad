"""The emperor as a systemd service: the unit file, sd_notify, the watchdog, sockets that systemd opened."""
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from harness import processes
from harness.load import Load
from harness.service_manager import ServiceManager
from harness.waiting import wait_until

UNIT = "configs/systemd/emperor.service"


@pytest.fixture
def manager(scratch):
    manager = ServiceManager(scratch)
    yield manager
    manager.close()


def environment_of(pid):
    return dict(part.split("=", 1) for part in open(f"/proc/{pid}/environ").read().split("\0") if "=" in part)


# ---- the unit file

def test_the_unit_file_is_sound(source, binaries, scratch):
    text = (source / UNIT).read_text()
    settings = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]\w+=", line))
    wanted = {"Type": "notify", "NotifyAccess": "main", "KillMode": "process", "RestartKillSignal": "SIGQUIT",
              "OOMPolicy": "continue",
              "Delegate": "yes", "RuntimeDirectoryPreserve": "restart", "Restart": "on-failure"}
    assert {key: settings.get(key) for key in wanted} == wanted and "WatchdogSec" in settings
    # The path of the installed program: systemd-analyze wants to find it.
    unit = scratch / "emperor.service"
    unit.write_text(text.replace("/usr/local/bin/emperor", str(binaries / "emperor")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "emperor" in line]
    assert done.returncode == 0 and not complaints, done.stdout + done.stderr


# ---- what it tells

def test_ready_status_reload_and_stop_are_told(idle_emperor, manager):
    emperor = idle_emperor
    emperor.write("probe")
    emperor.write_text("broken", "app: 1\n  what: is\n")
    emperor.start(env=manager.env(), wait=False)
    manager.wait("READY")
    # From here on a client finds every socket: of the control, the stats, and the app.
    assert emperor.ctl("status", timeout=10).returncode != 7
    assert (emperor.runtime / "stats.sock").is_socket() and emperor.socket("probe").is_socket()
    assert manager.last("MAINPID") == str(emperor.process.pid)
    manager.wait("STATUS", lambda line: line == "2 apps: 1 running, 1 invalid")
    emperor.wait_serving("probe")
    for pid in processes.descendants_of(emperor.process.pid):
        leaked = {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC"} & set(environment_of(pid))
        assert not leaked, (processes.command_line(pid), leaked)

    manager.forget()
    emperor.send(signal.SIGHUP)
    manager.wait("READY")
    heard = [line.partition("=")[0] for _, line in manager.heard]
    assert heard.index("RELOADING") < heard.index("READY")

    manager.forget()
    assert emperor.stop() == 0
    assert manager.all("STOPPING") == ["1"]


def test_an_upgrade_and_a_next_emperor_are_told_as_well(idle_emperor, manager):
    emperor = idle_emperor.start(env=manager.env())
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    manager.forget()
    assert emperor.ctl("upgrade").returncode == 0
    manager.wait("READY")
    assert manager.last("MAINPID") == str(emperor.process.pid)
    manager.forget()
    emperor.stop(signal.SIGQUIT)
    assert manager.all("STOPPING") == ["1"]
    manager.forget()
    emperor.start(env=manager.env())
    manager.wait("READY")
    assert manager.last("STATUS") == "1 app: 1 running", "ready means adopted"


def test_the_watchdog_ends_an_emperor_that_hangs_and_the_next_one_adopts(idle_emperor, manager, measured):
    period = 1.0
    emperor = idle_emperor.start(env=manager.env(watchdog_seconds=period))
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    manager.forget()
    manager.wait("WATCHDOG", count=3)
    master = emperor.master_pid("probe")
    with Load(emperor.socket("probe"), "/pid", threads=2) as load:
        emperor.send(signal.SIGSTOP)
        wait_until(lambda: processes.stat_of(emperor.process.pid)[0] == "T", 10, "a stopped process")
        # As systemd: nothing heard for the period, so it is hung; SIGABRT would wait for SIGCONT, SIGKILL does not.
        manager.forget()
        deadline = time.monotonic() + 5 * period
        while time.monotonic() < deadline and not manager.all("WATCHDOG"):
            time.sleep(0.05)
        assert not manager.all("WATCHDOG"), "a stopped process feeds no watchdog"
        emperor.send(signal.SIGKILL)
        emperor.wait(15)
        emperor.start(env=manager.env(watchdog_seconds=period))
        emperor.wait_state("probe", "running")
        load.wait_answers(20)
    measured(load.summary())
    assert load.failed == 0, load.summary()
    assert emperor.master_pid("probe") == master


# ---- sockets that systemd opened

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except ConnectionRefusedError:
        return False


def activate(emperor, listens, names=None):
    """As the emperor's start(), by systemd-socket-activate, which executes it with the first connection."""
    command = ["systemd-socket-activate"]
    for listen in listens:
        command += ["-l", str(listen)]
    if names:
        command += ["--fdname=" + ":".join(names)]
    with open(emperor.log, "ab") as log:
        emperor.process = subprocess.Popen(
            [*command, emperor.binaries / "emperor", "--vassals", emperor.vassals, "--runtime-dir", emperor.runtime],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
    return emperor


def test_sockets_of_systemd_are_used_by_address_and_outlive_every_generation(idle_emperor, scratch):
    emperor, port, path = idle_emperor, free_port(), scratch / "shop.sock"
    emperor.write("shop", listen=[f"uwsgi:{path}", f"http:127.0.0.1:{port}"])
    activate(emperor, [path, f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"])
    wait_until(path.is_socket, 10, "a socket of systemd's")
    file = path.stat()
    # The first client starts the emperor, which starts the app, which answers it.
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/pid", timeout=30) as answer:
        first = int(answer.read())
    emperor.wait_log("socket of systemd not used")
    with Load(path, "/pid", threads=2) as load:
        assert emperor.ctl("reload", "shop").returncode == 0
        assert emperor.ctl("upgrade").returncode == 0
        emperor.wait_state("shop", "running")
        load.wait_answers(20)
        assert emperor.ctl("reload", "shop").returncode == 0
        load.wait_answers(20)
    assert load.failed == 0, load.summary()
    assert int(urllib.request.urlopen(f"http://127.0.0.1:{port}/pid", timeout=30).read()) != first
    # A vassal that goes leaves the socket to systemd, and finds it again when it comes back.
    text = emperor.path_of("shop").read_text()
    emperor.remove("shop")
    wait_until(lambda: emperor.status("shop") is None, 20, "the end of shop")
    assert path.stat().st_ino == file.st_ino and path.stat().st_mode == file.st_mode
    emperor.write_text("shop", text)
    emperor.wait_state("shop", "running")
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/pid", timeout=30).status == 200
    assert path.stat().st_ino == file.st_ino
    assert emperor.stop() == 0
    assert path.is_socket(), "systemd removes it, nobody else"
    path.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a plain user's apps are all his own")
def test_an_app_of_another_user_gets_a_socket_only_under_its_own_name(idle_emperor):
    emperor, ports = idle_emperor, [free_port(), free_port()]
    emperor.write("shop", listen=[f"http:127.0.0.1:{ports[0]}"], user="www-data")
    emperor.write("thief", listen=[f"http:127.0.0.1:{ports[1]}"], user="www-data")
    activate(emperor, [f"127.0.0.1:{port}" for port in ports], ["shop", "bank"])
    wait_until(lambda: is_open(ports[0]), 10, "a socket of systemd's")
    assert urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/pid", timeout=30).status == 200
    emperor.wait_state("thief", "invalid")
    assert "FileDescriptorName=thief" in emperor.ctl("show", "thief").stdout
