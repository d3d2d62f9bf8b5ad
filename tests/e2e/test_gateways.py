"""FastCGI and SCGI with the clients that people use: nginx (connections kept and not) and cgi-fcgi; one app on four sockets."""
import hashlib
import http.client
import json
import os
import shutil
import subprocess

import pytest

from harness import uwsgi
from harness.nginx import fetch, free_port

LARGE = bytes(range(256)) * 12_000 + b"!"

APP = '''
import hashlib, json, time

def broken(how):
    yield b"begin"
    if how != "length":
        raise RuntimeError("after the head")

def application(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain")]
    if path == "/environ":
        body = [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]
    elif path == "/echo":
        data = environ["wsgi.input"].read()
        body = [f"{len(data)} {hashlib.md5(data).hexdigest()}".encode()]
    elif path == "/file":
        body = environ["wsgi.file_wrapper"](open("large", "rb"))
    elif path == "/large":
        body = [open("large", "rb").read()]
    elif path == "/stream":
        body = (time.sleep(0.2) or f"block {number}\\n".encode() for number in range(5))
    elif path == "/breaks":
        body = broken(environ["QUERY_STRING"])
        headers += [("Content-Length", "100")] * (environ["QUERY_STRING"] == "length")
    elif path == "/304":
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []
    else:
        body = [b"hello"]
    start_response("200 OK", headers)
    return body
'''

LOCATIONS = {
    "/fastcgi/": "include /etc/nginx/fastcgi_params; fastcgi_pass unix:{directory}/fastcgi.sock;",
    "/kept/": "include /etc/nginx/fastcgi_params; fastcgi_keep_conn on; fastcgi_buffering off; fastcgi_request_buffering off; "
              "fastcgi_pass kept;",
    "/plain/": "include /etc/nginx/fastcgi_params; fastcgi_pass unix:{directory}/fastcgi.sock; fastcgi_buffering off;",
    "/scgi/": "include /etc/nginx/scgi_params; scgi_buffering off; scgi_pass unix:{directory}/scgi.sock;",
}


@pytest.fixture
def gateway(emperor, scratch, nginx):
    """An app on four sockets and an nginx before two of them: (nginx, directory of the sockets, port of HTTP)."""
    directory = scratch / "gateway"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "large").write_bytes(LARGE)
    (directory / "gateway.py").write_text(APP)
    port = free_port()
    emperor.write_text("gateway", f"app: gateway:application\nchdir: {directory}\nsocket: {{mode: '0666'}}\nlisten:\n"
                  f"  - fastcgi:{directory}/fastcgi.sock\n  - scgi:{directory}/scgi.sock\n"
                  f"  - uwsgi:{directory}/uwsgi.sock\n  - http:127.0.0.1:{port}\n")
    emperor.wait_state("gateway", "running")
    locations = {where: f"rewrite ^{where[:-1]}(/.*)$ $1 break; " + what.format(directory=directory)
                 for where, what in LOCATIONS.items()}
    server = nginx(locations, upstreams={"kept": f"server unix:{directory}/fastcgi.sock; keepalive 4;"})
    return server, directory, port


def test_one_app_answers_on_four_sockets(gateway):
    server, directory, port = gateway
    assert fetch(f"http://127.0.0.1:{port}/")[2] == b"hello"
    assert uwsgi.request(directory / "uwsgi.sock").body == b"hello"
    for where in LOCATIONS:
        assert server.get(where)[2] == b"hello"


@pytest.mark.parametrize("where", LOCATIONS)
def test_nginx_gets_what_the_app_says(gateway, where):
    server, _, _ = gateway
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def ask(path, method="GET", body=None):
        client.request(method, where + path, body)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()

    for _ in range(20):
        assert ask("")[::2] == (200, b"hello")
    assert ask("file")[2] == LARGE
    assert ask("large")[2] == LARGE
    status, headers, body = ask("304")
    assert (status, headers["ETag"], body) == (304, '"a"', b"")
    assert ask("", "HEAD")[::2] == (200, b"")
    assert ask("file", "HEAD")[::2] == (200, b"")
    for size in (0, 1, 5000, 16_000, 70_000, len(LARGE)):
        assert ask("echo", "POST", LARGE[:size])[2].decode() == f"{size} {hashlib.md5(LARGE[:size]).hexdigest()}"
    chunked = ask("echo", "POST", iter([LARGE[:1000], LARGE[1000:90_000]]))
    assert chunked[2].decode() == f"90000 {hashlib.md5(LARGE[:90_000]).hexdigest()}"
    seen = json.loads(ask("environ?a=b")[2])
    assert (seen["PATH_INFO"], seen["SCRIPT_NAME"], seen["QUERY_STRING"]) == ("/environ", "", "a=b")
    client.close()


@pytest.mark.parametrize("where", ["/kept/", "/scgi/"])
def test_a_stream_reaches_the_client_block_by_block(gateway, where):
    server, _, _ = gateway
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    client.request("GET", where + "stream")
    blocks = []
    answer = client.getresponse()
    while block := answer.read1():
        blocks.append(block)
    assert len(blocks) == 5 and b"".join(blocks).count(b"block") == 5
    client.close()


@pytest.mark.parametrize("where", ["/fastcgi/", "/kept/", "/plain/"])
def test_an_answer_that_breaks_off_reaches_the_client_as_broken(gateway, where):
    server, _, _ = gateway
    for how in ("length", "exception"):
        with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError)):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            client.request("GET", f"{where}breaks?{how}")
            client.getresponse().read()
        client.close()


def test_cgi_fcgi_of_debian_is_served(gateway):
    _, directory, _ = gateway
    program = shutil.which("cgi-fcgi")
    assert program, "cgi-fcgi is missing: scripts/setup.sh installs it"

    def ask(path, body=b""):
        environment = {"PATH": os.environ["PATH"], "REQUEST_METHOD": "POST" if body else "GET", "SCRIPT_NAME": path,
                       **({"CONTENT_LENGTH": str(len(body))} if body else {})}
        done = subprocess.run([program, "-bind", "-connect", directory / "fastcgi.sock"], input=body, env=environment,
                              capture_output=True, timeout=20, check=True)
        return done.stdout.partition(b"\r\n\r\n")[::2]

    head, body = ask("/")
    assert head.startswith(b"Status: 200 OK\r\n") and body == b"hello"
    assert ask("/file")[1] == LARGE
    assert ask("/echo", LARGE[:100_000])[1].decode() == f"100000 {hashlib.md5(LARGE[:100_000]).hexdigest()}"
