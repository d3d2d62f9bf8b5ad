"""The PROXY protocol with those who send it: Debian's HAProxy (both versions, TLS, health checks) and curl."""
import http.client
import json
import shutil
import socket
import ssl
import subprocess

import pytest

from harness import haproxy as haproxy_harness
from harness.nginx import fetch, free_port
from harness.waiting import wait_until

CLIENT = "127.0.0.9"


@pytest.fixture
def vassal(emperor):
    port = free_port()
    emperor.write("shop", listen=[f"http:127.0.0.1:{port}"], trusted_proxies=["127.0.0.1"])
    emperor.wait_state("shop", "running")
    return port


@pytest.fixture
def haproxy(scratch):
    if not haproxy_harness.program():
        pytest.skip("haproxy is missing: scripts/setup.sh installs it")
    servers = []

    def start(target, routes):
        servers.append(haproxy_harness.Haproxy(scratch, target, routes))

    yield start
    for server in servers:
        server.stop()


def certificate(directory):
    key, crt, pem = (directory / f"haproxy.{ending}" for ending in ("key", "crt", "pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key,
                    "-out", crt, "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True, timeout=60)
    pem.write_text(crt.read_text() + key.read_text())
    return pem


def ask(connection, path="/environ", headers=None):
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return json.loads(body)


def test_haproxy_names_the_client_in_both_versions(vassal, haproxy, scratch):
    first, second, encrypted = free_port(), free_port(), free_port()
    haproxy(f"127.0.0.1:{vassal}", {
        first: ("", "send-proxy check inter 200"),
        second: ("", "send-proxy-v2 check inter 200 proxy-v2-options crc32c,unique-id"),
        encrypted: (f"ssl crt {certificate(scratch)}", "send-proxy-v2-ssl"),
    })
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for port in (first, second):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(CLIENT, 0))
        for _ in range(3):  # on one connection
            seen = ask(client, headers=forged)
            assert (seen["REMOTE_ADDR"], seen["SERVER_NAME"], seen["SERVER_PORT"]) == (CLIENT, "127.0.0.1", str(port))
            assert seen["REMOTE_PORT"] == str(client.sock.getsockname()[1])
            assert (seen["wsgi.url_scheme"], "HTTPS" in seen) == ("http", False)
        client.close()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = http.client.HTTPSConnection("127.0.0.1", encrypted, timeout=20, source_address=(CLIENT, 0), context=context)
    seen = ask(client)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"], seen["HTTPS"]) == (CLIENT, "https", "on")
    client.close()


def test_haproxy_may_leave_it_away(vassal, haproxy):
    port = free_port()
    haproxy(f"127.0.0.1:{vassal}", {port: ("", "check inter 200")})
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(CLIENT, 0))
    assert ask(client)["REMOTE_ADDR"] == "127.0.0.1"
    assert ask(client, headers={"X-Forwarded-For": CLIENT})["REMOTE_ADDR"] == CLIENT
    client.close()


def test_curl_speaks_it_from_a_trusted_address_and_is_refused_from_others(vassal):
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("curl is missing: scripts/setup.sh installs it")

    def run(interface):
        done = subprocess.run([curl, "-s", "-m", "20", "--haproxy-protocol", "--interface", interface, "-w",
                               "\n%{http_code} %{local_port}",
                               f"http://127.0.0.1:{vassal}/environ"], capture_output=True, text=True, timeout=30)
        body, _, last = done.stdout.rpartition("\n")
        return body, *last.split()

    body, status, local_port = run("127.0.0.1")
    assert status == "200"
    seen = json.loads(body)
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"], seen["SERVER_PORT"]) == ("127.0.0.1", local_port, str(vassal))
    assert run(CLIENT)[1] == "400"


def test_a_client_that_only_connects_disturbs_nobody(vassal, emperor):
    """As a TCP health check does."""
    for first in (b"", b"PROXY TCP4 127"):
        with socket.create_connection(("127.0.0.1", vassal), 10) as client:
            client.sendall(first)
    wait_until(lambda: fetch(f"http://127.0.0.1:{vassal}/")[0] == 200, 10)
