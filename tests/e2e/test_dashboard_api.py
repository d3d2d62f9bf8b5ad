"""The dashboard's server: paths, who may what, health for load balancers, streams over an emperor's restart."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from harness.dashboard import TOKEN, Dashboard
from harness.nginx import free_port
from harness.waiting import wait_until


@pytest.fixture
def dashboard(idle_emperor):
    return Dashboard(idle_emperor)


def events_of(response, name):
    """The data of the events of one name, as they come."""
    kind = None
    for line in response:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            kind = text[7:]
        elif text.startswith("data: ") and kind == name:
            yield json.loads(text[6:])


def stream(dashboard, path="/api/v1/stream"):
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=15)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "text/event-stream"
    return connection, response


def test_the_api_says_what_emperorctl_and_the_stats_socket_say(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=2, env={"SECRET": "hunter2"})
    emperor.wait_running("shop")
    for _ in range(5):
        emperor.get("shop")
    wait_until(lambda: emperor.status("shop")["requests"] >= 6, 10, "all requests counted, a moment after their answers")

    def row_like_status():
        row, status = dashboard.rows()["shop"], emperor.status("shop")
        return row if (row["state"], row["generation"], row["requests"], row["workers"]) == (
            status["state"], status["generation"], status["requests"], status["workers"]["configured"]) else None

    row = wait_until(row_like_status, 10, lambda: f"the same: {dashboard.rows()['shop']} {emperor.status('shop')}")
    assert row["p50_us"] <= row["p95_us"] <= row["p99_us"]
    fleet = dashboard.json("/api/v1/fleet")
    assert [one["name"] for one in fleet["vassals"]] == ["shop"]
    assert dashboard.json("/api/v1/vassals/shop/why")["causes"] == emperor.ctl_json("why", "shop")["causes"]
    config = dashboard.json("/api/v1/vassals/shop/config")
    assert config["origins"]["workers"]["file"] == str(emperor.path_of("shop")) and config["values"]["workers"] == 2
    assert config["origins"]["threads"] == {"text": "default", "file": "", "line": 0}
    assert "hunter2" not in json.dumps(config) + json.dumps(dashboard.json("/api/v1/vassals/shop/show"))
    assert dashboard.json("/api/v1/vassals/shop/config", token=TOKEN)["values"]["env"]["SECRET"] == "hunter2"
    assert 'emperor_app_up{app="shop"} 1' in dashboard.ask("/metrics")[1]
    wait_until(lambda: len(dashboard.json("/api/v1/vassals/shop/series")["time_ms"]) >= 1, 30, "a point of the series", 0.2)


def test_actions_take_the_token_and_are_recorded(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    for token, expected in ((None, 401), (TOKEN[:-1], 401), (TOKEN + "x", 401)):
        assert dashboard.ask("/api/v1/vassals/shop/stop", "POST", token=token)[0] == expected
    assert emperor.state("shop") == "running"
    done = dashboard.json("/api/v1/vassals/shop/reload", method="POST", token=TOKEN)
    assert done == {"outcomes": [{"app": "shop", "ok": True}]}
    assert emperor.status("shop")["generation"] == 2
    assert any("operator dashboard from 127.0.0.1" in cause["text"] for cause in emperor.ctl_json("why", "shop")["causes"])
    assert dashboard.ask("/api/v1/vassals/shop/scale", "POST", {"workers": 3}, token=TOKEN)[0] == 200
    wait_until(lambda: dashboard.rows()["shop"]["workers"] == 3, 5, "three workers")
    assert dashboard.ask("/api/v1/vassals/shop/scale", "POST", {"workers": 0}, token=TOKEN)[0] == 400
    assert dashboard.ask("/api/v1/vassals/shop/scale", "POST", {"workers": None}, token=TOKEN)[0] == 200
    for operation, state in (("stop", "stopped"), ("start", "running"), ("restart", "running")):
        assert dashboard.ask(f"/api/v1/vassals/shop/{operation}", "POST", token=TOKEN)[0] == 200, operation
        assert emperor.state("shop") == state
    emperor.write("shop", app="nothing_here:application")
    wait_until(lambda: "failed" in emperor.status("shop")["last_reload"], 15, "the failed rollout")
    status, text = dashboard.ask("/api/v1/vassals/shop/reload", "POST", token=TOKEN)
    assert status == 409 and json.loads(text)["result"]["outcomes"][0]["failure"]["step"] == "import"


def test_other_hosts_and_origins_get_nothing(dashboard):
    dashboard.start("--http-host", "ops.example.com")
    assert dashboard.ask("/api/v1/rows", headers={"Host": "evil.example"})[0] == 421
    assert dashboard.ask("/", headers={"Host": "evil.example"})[0] == 421
    assert dashboard.ask("/api/v1/rows", headers={"Host": "ops.example.com"})[0] == 200
    assert dashboard.ask("/api/v1/rows", headers={"Origin": "http://evil.example"})[0] == 403
    assert dashboard.ask("/api/v1/rows", headers={"Origin": dashboard.url})[0] == 200
    assert dashboard.ask("/api/v1/rows", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert dashboard.ask("/livez", headers={"Host": "whatever"})[0] == 200


def test_health_follows_the_app(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=1)
    emperor.write_text("bad", "wokers: 2\n")
    emperor.wait_running("shop")
    assert dashboard.ask("/readyz")[0] == 200 and dashboard.ask("/health/shop")[0] == 200
    assert dashboard.ask("/health/bad")[0] == 503 and dashboard.ask("/health/nobody")[0] == 404
    emperor.ctl("stop", "shop")
    assert dashboard.ask("/health/shop") == (503, '{"app":"shop","serving":false,"state":"stopped"}\n')


def test_a_stream_tells_of_a_reload_and_a_crash(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    connection, response = stream(dashboard)
    rows = events_of(response, "rows")
    assert [row["name"] for row in next(rows)["rows"]] == ["shop"]
    pid = emperor.pid("shop")
    os.kill(pid, signal.SIGKILL)
    assert next(row for data in rows for row in data["rows"] if row["restarts"] > 0)["name"] == "shop"
    emperor.ctl("reload", "shop")
    assert next(row for data in rows for row in data["rows"] if row["generation"] == 2)["name"] == "shop"
    connection.close()


def test_another_address_than_loopback_needs_a_token_and_then_for_reading_too(idle_emperor):
    dashboard = Dashboard(idle_emperor)
    idle_emperor.start("--http", f"0.0.0.0:{dashboard.port}", wait=False)
    assert idle_emperor.wait() == 1
    assert "needs --http-token-file" in idle_emperor.output()
    idle_emperor.start("--http", f"0.0.0.0:{dashboard.port}", env={"EMPEROR_HTTP_TOKEN": TOKEN})
    assert dashboard.ask("/")[0] == 200 and dashboard.ask("/api/v1/rows")[0] == 401
    assert dashboard.ask("/api/v1/rows", token=TOKEN)[0] == 200


@pytest.mark.parametrize("text, mode, problem", [(TOKEN, 0o644, "is open to others"), ("short", 0o600, "at least 16 characters"),
                                                 (None, 0, "No such file")])
def test_a_token_file_that_should_not_be_used_is_refused(idle_emperor, text, mode, problem):
    path = idle_emperor.directory / "token"
    if text:
        path.write_text(text)
        path.chmod(mode)
    idle_emperor.start("--http", f"127.0.0.1:{free_port()}", "--http-token-file", path, wait=False)
    assert idle_emperor.wait() == 1
    assert problem in idle_emperor.output()


def test_a_unix_socket_serves_curl(idle_emperor):
    path = idle_emperor.directory / "web.sock"
    idle_emperor.start("--http", path)
    done = subprocess.run(["curl", "-sf", "--compressed", "--unix-socket", path, "http://localhost/"],
                          capture_output=True, text=True, timeout=10)
    assert "<title>Emperor</title>" in done.stdout


def test_clients_that_never_read_or_finish_cost_the_others_nothing(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    idle = []
    for begun in (b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /api/v1/fl", b"") * 50:
        client = socket.create_connection(("127.0.0.1", dashboard.port))
        client.sendall(begun)
        idle.append(client)
    for _ in range(20):
        assert dashboard.ask("/livez")[0] == 200
        assert emperor.state("shop") == "running"
    for client in idle:
        client.close()


def test_wrong_tokens_are_logged_once_in_a_while_and_answered_slowly(dashboard):
    emperor = dashboard.start().emperor
    emperor.write("shop", workers=1)
    emperor.wait_running("shop")
    for _ in range(4):
        assert dashboard.ask("/api/v1/vassals/shop/stop", "POST", token=TOKEN[:-1] + "x")[0] == 401
    began = time.monotonic()
    assert dashboard.ask("/api/v1/vassals/shop/stop", "POST", token=TOKEN[:-1] + "y")[0] == 401
    assert time.monotonic() - began > 1.5
    assert dashboard.ask("/api/v1/rows")[0] == 200 and emperor.state("shop") == "running"
    emperor.wait_log("warn  wrong dashboard token peer=127.0.0.1 attempts=1\n")
    emperor.wait_log("wrong dashboard token peer=127.0.0.1 attempts=4\n", 20)
    assert emperor.output().count("wrong dashboard token") == 2 and TOKEN[:-1] not in emperor.output()


def test_another_token_in_the_file_is_valid_after_sighup(dashboard):
    emperor, another = dashboard.start().emperor, "fedcba9876543210"
    dashboard.token_file.write_text("short\n")
    emperor.send(signal.SIGHUP)
    emperor.wait_log("dashboard token not read")
    assert "at least 16 characters" in emperor.output()
    assert dashboard.ask("/api/v1/rows", token=TOKEN)[0] == 200, "the one before stays valid"
    dashboard.token_file.write_text(another + "\n")
    emperor.send(signal.SIGHUP)
    emperor.wait_log("dashboard token changed")
    assert dashboard.ask("/api/v1/rows", token=another)[0] == 200
    assert dashboard.ask("/api/v1/rows", token=TOKEN)[0] == 401
