"""The emperor's own settings: what stands in --config, and who wins."""
import grp
import json
import os
import pwd
import socket

import pytest

from harness.nginx import free_port

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def settings(scratch):
    def write(text):
        path = scratch / "emperor.yaml"
        path.write_text(text)
        return "--config", path
    return write


def test_every_setting_of_the_file_takes_effect(idle_emperor, settings, scratch):
    port, log, more = free_port(), scratch / "events.json", scratch / "more.sock"
    idle_emperor.write("probe")
    emperor = idle_emperor.start(*settings(
        f"start_parallelism: 2\nstats: 127.0.0.1:{port}\ncontrol: {more}\nlog: {{format: json, level: debug, file: {log}}}\n"))
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    running = next(e for e in events if e["event"] == "running")
    assert {"event": "running", "vassal": "probe", "level": "info"}.items() <= running.items()
    assert any(event["level"] == "debug" for event in events)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client, client.makefile("rb") as answer:
        assert [vassal["id"] for vassal in json.load(answer)["vassals"]] == ["probe.yaml"]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(more))
        client.sendall(b'{"id": 7, "command": "status", "args": {}}\n')
        answer = json.loads(client.makefile("rb").readline())
    assert answer["id"] == 7 and answer["ok"] is True
    assert emperor.stop() == 0 and not more.exists()


def test_the_command_line_wins(idle_emperor, settings):
    emperor = idle_emperor.start(*settings("log: {format: json}\n"), "--log-format", "text")
    assert " info  emperor started " in emperor.output()


@needs_root
def test_members_of_the_admin_group_may_do_everything(idle_emperor, settings):
    idle_emperor.write("probe", user="www-data")
    emperor = idle_emperor.start(*settings("admin_group: games\n")).wait_serving("probe")
    account, games = pwd.getpwnam("nobody"), grp.getgrnam("games").gr_gid
    stranger = {"user": account.pw_uid, "group": account.pw_gid}
    assert emperor.ctl("reload", "probe", **stranger, extra_groups=[]).returncode in (4, 5)
    assert emperor.ctl("reload", "probe", **stranger, extra_groups=[games]).returncode == 0


@pytest.mark.parametrize("text, words", [
    ("start_paralelism: 2\n", ("emperor.yaml:1:1: error: unknown key", "did you mean 'start_parallelism'?")),
    ("start_parallelism: 0\n", ("emperor.yaml:1:20: error:", "from 1 to 10000")),
    ("stats: nowhere\n", ("stats", "nowhere")),
])
def test_a_bad_file_is_exit_2_before_anything_starts(idle_emperor, settings, text, words):
    emperor = idle_emperor.start(*settings(text), wait=False)
    assert emperor.wait(10) == 2
    for word in words:
        assert word in emperor.output()
    assert not emperor.runtime.exists()


def test_an_admin_group_that_does_not_exist_is_an_error(idle_emperor, settings):
    emperor = idle_emperor.start(*settings("admin_group: no-such-group-here\n"), wait=False)
    assert emperor.wait(10) == 1
    assert "no-such-group-here" in emperor.output()
