"""emperorctl logs: several apps merged, chosen by time and by pattern, followed over upgrades and restarts, in colour on a
terminal only. emperorctl reopen-logs."""
import contextlib
import datetime
import json
import os
import pty
import re
import signal
import subprocess
import threading

from harness.waiting import wait_until


@contextlib.contextmanager
def following(emperor, *arguments):
    """What `emperorctl … -f` has written so far, and what it says on standard error: two lists that grow."""
    command = [emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        lines, notes = [], []
        readers = [threading.Thread(target=lambda f=f, into=into: [into.append(line) for line in f])
                   for f, into in ((follower.stdout, lines), (follower.stderr, notes))]
        for reader in readers:
            reader.start()
        try:
            yield lines, notes
        finally:
            follower.terminate()
            for reader in readers:
                reader.join(10)


def numbers_of(lines, name="line"):
    return [int(match[1]) for match in (re.search(rf"\| {name} (\d+)$", line.rstrip("\n")) for line in lines) if match]


def test_several_apps_are_merged_in_the_order_of_time(emperor):
    for name in ("shop", "blog1", "blog2"):
        emperor.write(name, "talker:application", env={"TALKER": name})
    emperor.wait_serving("shop", "blog1", "blog2")
    for number in range(3):
        for name in ("blog2", "shop", "blog1"):
            emperor.get(name, f"/?from={number}&count=1")
            wait_until(lambda: f"{name} {number}\n" in emperor.ctl("logs", name).stdout, 10)
    said = [line.split(" | ")[1] for line in emperor.ctl("logs").stdout.splitlines()]
    expected = [f"{name} {number}" for number in range(3) for name in ("blog2", "shop", "blog1")]
    assert [line for line in said if line in expected] == expected
    blogs = emperor.ctl("logs", "blog*").stdout
    assert "blog1[1] | blog1 2" in blogs and "shop" not in blogs
    assert numbers_of(emperor.ctl("logs", "shop", "--grep", "^shop [02]$").stdout.splitlines(), "shop") == [0, 2]
    assert numbers_of(emperor.ctl("logs", "shop", "--grep", "^shop [0-9]$", "-n", "1").stdout.splitlines(), "shop") == [2]
    lines = [json.loads(line) for line in emperor.ctl("-o", "json", "logs", "shop").stdout.splitlines()]
    assert {"app", "time_us", "stream", "worker", "generation", "text"} <= lines[-1].keys()
    middle = next(line for line in lines if line["text"] == "shop 1")["time_us"]
    stamp = datetime.datetime.fromtimestamp(middle / 1e6, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert numbers_of(emperor.ctl("logs", "shop", "--since", stamp).stdout.splitlines(), "shop") == [1, 2]
    assert numbers_of(emperor.ctl("logs", "shop", "--since", "1h").stdout.splitlines(), "shop") == [0, 1, 2]
    assert emperor.ctl("logs", "shop", "--since", "2999-01-01").stdout == ""
    done = emperor.ctl("logs", "shop", "--grep", "(unclosed")
    assert done.returncode == 2 and "'(unclosed' is not a regular expression" in done.stderr
    done = emperor.ctl("logs", "shop", "--since", "the other day")
    assert done.returncode == 2 and "neither a span such as 10m nor a time" in done.stderr
    assert emperor.ctl("logs", "nobody").returncode == 5


def test_following_goes_on_over_an_upgrade_and_a_killed_emperor_without_a_gap_or_a_double(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("shop", "talker:application", env={"TALK": "0.005"})
    emperor.wait_running("shop")
    with following(emperor, "logs", "shop", "-n", "5", "-f") as (lines, notes):
        wait_until(lambda: len(lines) > 20, 10)
        assert emperor.ctl("upgrade").returncode == 0
        wait_until(lambda: "emperorctl: connected again\n" in notes, 15, lambda: f"{notes}")
        seen = len(lines)
        wait_until(lambda: len(lines) > seen + 20, 10)
        emperor.send(signal.SIGKILL)
        emperor.wait()
        emperor.start()
        wait_until(lambda: notes.count("emperorctl: connected again\n") == 2, 15, lambda: f"{notes}")
        seen = len(lines)
        wait_until(lambda: len(lines) > seen + 20, 10)
    numbers = numbers_of(lines)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (numbers, notes)
    assert any("the emperor closed the connection; waiting for it to come back" in note for note in notes)


def test_events_are_followed_over_an_upgrade(emperor):
    emperor.write("shop")
    emperor.wait_running("shop")
    with following(emperor, "-o", "json", "events", "-n", "1", "-f") as (lines, notes):
        wait_until(lambda: lines, 10)
        assert emperor.ctl("upgrade").returncode == 0
        wait_until(lambda: any('"adopted"' in line for line in lines), 15, lambda: f"{lines} {notes}")
        assert emperor.ctl("reload", "shop").returncode == 0
        wait_until(lambda: any('"reloaded"' in line for line in lines), 15, lambda: f"{lines} {notes}")
    assert len(lines) == len(set(lines))


def on_terminal(command, env):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, env)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, shown
    return shown.decode()


def test_levels_and_apps_have_colours_on_a_terminal_only(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    for text in ("WARNING:root:careful", "ERROR:root:lost", "plain", "%1b[2Jforged"):
        emperor.get("probe", f"/log?text={text}")
    wait_until(lambda: "forged" in emperor.ctl("logs", "probe").stdout, 10)
    command = [str(part) for part in (emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "logs", "probe")]
    env = {"TERM": "xterm", "PATH": os.environ["PATH"]}
    shown = on_terminal(command, env)
    assert re.search(r"\x1b\[3[2-6]mprobe\[1\]\x1b\[0m \| \x1b\[33mWARNING:root:careful\x1b\[0m", shown), repr(shown)
    assert "\x1b[31mERROR:root:lost\x1b[0m" in shown and "| plain\r\n" in shown
    assert "\x1b[2J" not in shown and r"\x1b[2Jforged" in shown
    assert "\x1b" not in on_terminal(command, {**env, "NO_COLOR": "1"})
    assert "\x1b[3" not in emperor.ctl("logs", "probe").stdout


def test_reopen_logs_opens_the_files_anew(idle_emperor, scratch):
    (scratch / "own.yaml").write_text(f"log: {{file: {scratch}/own.log}}\n")
    emperor = idle_emperor.start("--config", str(scratch / "own.yaml"))
    log = scratch / "probe.log"
    emperor.write("probe", log_file=str(log))
    emperor.wait_running("probe")
    for number, reopen in enumerate((lambda: emperor.ctl("reopen-logs"), lambda: emperor.ctl("reopen-logs", "probe"),
                                     lambda: emperor.send(signal.SIGUSR1),
                                     lambda: os.kill(emperor.master_pid("probe"), signal.SIGUSR1))):
        emperor.get("probe", f"/log?text=before-{number}")
        wait_until(lambda: f"before-{number} to wsgi" in log.read_text(), 10)
        os.replace(log, scratch / f"moved.{number}")
        os.replace(scratch / "own.log", scratch / f"own.{number}") if number in (0, 2) else None
        reopen()
        wait_until(log.exists, 10, "a new file")
        if number in (0, 2):
            wait_until((scratch / "own.log").exists, 10, "the emperor's new file")
        assert f"before-{number} to wsgi" in (scratch / f"moved.{number}").read_text()
