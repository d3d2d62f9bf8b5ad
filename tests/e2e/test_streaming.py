"""A streamed response behind nginx with its buffers on: `X-Accel-Buffering: no` brings each block to the client when the
app yields it, over all four protocols. The app goes on when the test says so, which it does after it has seen the block."""
import http.client
import socket

import pytest

from harness.nginx import free_port

BLOCKS = 5

APP = f'''
import socket

def blocks(path):
    with socket.socket(socket.AF_UNIX) as test:
        test.settimeout(20)
        test.connect(path)
        for number in range({BLOCKS}):
            yield f"block {{number}}\\n".encode()
            if test.recv(1) != b"+":
                return

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")])
    return blocks(environ["QUERY_STRING"])
'''

LOCATIONS = {
    "/uwsgi": "include uwsgi_params; uwsgi_pass unix:{directory}/uwsgi.sock;",
    "/http": "proxy_pass http://127.0.0.1:{port};",
    "/http11": "proxy_http_version 1.1; proxy_pass http://127.0.0.1:{port};",
    "/fastcgi": "include fastcgi_params; fastcgi_pass unix:{directory}/fastcgi.sock;",
    "/kept": "include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass unix:{directory}/fastcgi.sock;",
    "/scgi": "include scgi_params; scgi_pass unix:{directory}/scgi.sock;",
}


@pytest.fixture
def streams(emperor, scratch, nginx):
    directory = scratch / "streams"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "streams.py").write_text(APP)
    port = free_port()
    emperor.write("streams", app="streams:application", chdir=directory, socket_mode="0666",
                  listen=[f"{name}:{directory}/{name}.sock" for name in ("uwsgi", "fastcgi", "scgi")]
                  + [f"http:127.0.0.1:{port}"])
    emperor.wait_state("streams", "running")
    path = directory / "test.sock"
    server = nginx({where: what.format(directory=directory, port=port).replace("include ", "include /etc/nginx/")
                    for where, what in LOCATIONS.items()})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        listener.settimeout(20)
        yield server, path, listener
    path.unlink()


def test_each_block_arrives_when_the_app_yields_it(streams):
    server, path, listener = streams
    for where in LOCATIONS:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        client.request("GET", f"{where}?{path}")
        app, _ = listener.accept()
        with app:
            answer = client.getresponse()
            assert (answer.status, answer.headers["X-Accel-Buffering"]) == (200, None), where
            for number in range(BLOCKS):
                assert answer.read1() == b"block %d\n" % number, where
                app.sendall(b"+")
        assert answer.read() == b"", where
        client.close()
