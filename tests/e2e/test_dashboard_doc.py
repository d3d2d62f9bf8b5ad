"""docs/dashboard.md: the nginx block in front of the dashboard works as it stands there, and the paths and fields
it lists exist."""
import base64
import http.client
import json
import pathlib
import re

import pytest

from harness.dashboard import TOKEN, Dashboard
from harness.nginx import fetch, free_port

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "docs/dashboard.md").read_text()
PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"ops:secret").decode()}


@pytest.fixture
def dashboard(idle_emperor):
    started = Dashboard(idle_emperor).start()
    started.emperor.write("shop", workers=1)
    started.emperor.wait_running("shop")
    return started


def in_front(dashboard, nginx, lines_left_out=()):
    """The documented location in a server of its own; its URL."""
    passwords = dashboard.emperor.directory / "emperor.htpasswd"
    passwords.write_text("ops:{PLAIN}secret\n")
    passwords.chmod(0o644)
    block = re.search(r"```nginx\n(.*?)```", TEXT, re.S)[1]
    block = block.replace("/etc/nginx/emperor.htpasswd", str(passwords)).replace("127.0.0.1:9180", f"127.0.0.1:{dashboard.port}")
    block = "\n".join(line for line in block.splitlines() if not any(word in line for word in lines_left_out))
    port = free_port()
    return nginx(servers=f"server {{\n listen 127.0.0.1:{port};\n server_name ops.example.com;\n{block}\n}}\n", port=port)


def test_nginx_asks_for_a_password_and_hands_events_on_at_once(dashboard, nginx):
    web = in_front(dashboard, nginx)
    assert fetch(f"{web.url}/api/v1/rows")[0] == 401
    status, _, body = fetch(f"{web.url}/api/v1/rows", headers=PASSWORD)
    assert status == 200 and json.loads(body)["rows"][0]["name"] == "shop"
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    connection.request("GET", "/api/v1/stream", headers=PASSWORD)
    response = connection.getresponse()
    assert response.readline() == b"event: rows\n"
    connection.close()


def test_nginx_lets_the_token_through_where_the_document_says_how(dashboard, nginx):
    web = in_front(dashboard, nginx, ("auth_basic", 'Authorization ""'))
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    # As a browser sends it: the Origin of the front, and where the page is from.
    connection.request("POST", "/api/v1/vassals/shop/reload", headers={
        "Host": "ops.example.com", "Origin": "http://ops.example.com", "Sec-Fetch-Site": "same-origin",
        "Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().status == 200
    connection.close()
    assert dashboard.emperor.status("shop")["generation"] == 2


def test_every_path_of_the_document_exists_and_a_row_has_its_fields(dashboard):
    table = TEXT.split("## The API")[1].split("Operations, with the token")[0]
    paths = re.findall(r"^\| `([^`]+)`", table, re.M)
    assert len(paths) >= 14
    for path in paths:
        path = path.replace("APP", "shop").replace("…", "")
        if path.endswith("stream"):
            continue  # of test_dashboard_api
        assert dashboard.ask(path)[0] == 200, path
    fields = re.search(r"^A row: (.*?)\.\n", table, re.M | re.S)[1]
    assert sorted(re.findall(r"`(\w+)`", fields)) == sorted(dashboard.rows()["shop"])
    for operation in re.findall(r"`(\w+)`", re.search(r"`POST /api/v1/vassals/APP/reload`,(.*?)\. They", TEXT, re.S)[1]):
        assert dashboard.ask(f"/api/v1/vassals/shop/{operation}", "POST")[0] == 401, operation
