"""docs/load-balancing.md: every block that is marked as shell runs, in order, in one shell, against a live emperor, an nginx with
what the steps installed, and Debian's HAProxy with the configuration that they check."""
import os
import re
import shutil
import subprocess

import pytest

from harness import haproxy as haproxy_harness
from harness.haproxy import is_up
from harness.nginx import fetch, free_port

SITE = """
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'hello from the app\\n']
"""


@pytest.fixture
def hello(idle_emperor):
    """An emperor with the document's app."""
    emperor = idle_emperor
    emperor.agent, emperor.port = f"127.0.0.1:{free_port()}", free_port()
    emperor.start("--agent", emperor.agent)
    (emperor.directory / "website.py").write_text(SITE)
    emperor.write("hello", app="website:application", chdir=emperor.directory, hosts=["hello.example"],
                  listen=[f"uwsgi:{emperor.socket('hello')}", f"http:127.0.0.1:{emperor.port}"])
    emperor.wait_running("hello")
    return emperor


def shell(source, emperor, blocks, **env):
    script = "set -eu\n" + "".join(f"echo '--- step {number}'\n{block}" for number, block in enumerate(blocks, 1))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, cwd=source,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "EMPEROR_RUNTIME": str(emperor.runtime), "EMPEROR_AGENT": emperor.agent, **env,
                               "PATH": f"{emperor.binaries}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_step_of_the_document_works(hello, source, nginx, scratch, measured):
    if not haproxy_harness.program():
        pytest.skip("haproxy is missing: scripts/setup.sh installs it")
    blocks = re.findall(r"^```sh\n(.*?)^```$", (source / "docs/load-balancing.md").read_text(), re.M | re.S)
    assert len(blocks) >= 7
    # nginx is started in the middle, with what the steps before it installed: on a server that is the reload.
    middle = next(number for number, block in enumerate(blocks) if "by-host/" in block)
    directory = scratch / "conf.d"
    directory.mkdir()
    before = shell(source, hello, blocks[:middle + 1], NGINX_CONF=str(directory))
    assert re.search(r"up ready (100|[89]\d)%", before), before
    for expected in ("Configuration file is valid", "hello.example.sock -> ../sockets/hello.sock"):
        assert expected in before, f"{expected!r} in\n{before}"
    port = free_port()
    snippet = (directory / "emperor.conf").read_text().replace("listen 80 default_server;",
                                                               f"listen 127.0.0.1:{port} default_server;")
    web = nginx(servers=snippet.replace("    listen [::]:80 default_server;\n", ""), port=port)
    after = shell(source, hello, blocks[:1] + blocks[middle + 1:], NGINX_CONF=str(directory), WEB=web.url)
    for expected in ("hello from the app", "404", "upstream emperor_hello {", "server_name hello.example;"):
        assert expected in after, f"{expected!r} in\n{after}"
    assert re.search(r"hello running (100|[89]\d) ", after), (
        f"the whole weight, but for the time of the requests that were made\n{after}")
    tested = (directory / "apps.conf").read_text()
    assert "listen 127.0.0.1:8089;" in tested
    check_with_nginx(web, tested)
    measured(f"{len(blocks)} blocks")


def check_with_nginx(web, text):
    """nginx -t of another configuration beside the running one's."""
    (web.prefix / "servers.conf").write_text(text)
    done = subprocess.run([shutil.which("nginx") or "/usr/sbin/nginx", "-t", "-q", "-p", web.prefix, "-e", "stderr",
                           "-c", web.prefix / "nginx.conf"],
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def test_the_haproxy_configuration_serves(hello, source, scratch):
    """configs/haproxy/emperor.cfg with addresses of this machine in place of the example's, and a second server that
    nobody is on."""
    if not haproxy_harness.program():
        pytest.skip("haproxy is missing: scripts/setup.sh installs it")
    port, nobody = free_port(), free_port()
    text = (source / "configs/haproxy/emperor.cfg").read_text()
    for old, new in (("bind :8080", f"bind 127.0.0.1:{port}"), ("10.0.0.1:8000", f"127.0.0.1:{hello.port}"),
                     ("10.0.0.2:8000", f"127.0.0.1:{nobody}"),
                     ("agent-port 9101", f"agent-port {hello.agent.rpartition(':')[2]}"),
                     ('agent-send "shop\\n"', 'agent-send "hello\\n"'),
                     ("\nbackend shop", "\nbackend apps"), ("default_backend shop", "default_backend apps"),
                     ("    maxconn 10000\n",
                      f"    maxconn 100\n    stats socket {scratch}/balancer.sock mode 600 level admin\n")):
        assert old in text, old
        text = text.replace(old, new)
    balancer = haproxy_harness.Balancer(scratch, port, {}, text=text)
    try:
        balancer.wait_server("app1", lambda row: row["agent_status"] == "L7OK" and is_up(row), "up")
        for _ in range(6):  # every other one finds nobody at first, and is brought to the next server
            status, _, body = fetch(f"http://127.0.0.1:{port}/")
            assert (status, body) == (200, b"hello from the app\n")
    finally:
        balancer.stop()
