"""HTTP clients of the wild against a vassal: http.client and wrk on kept connections, a raw pipelining one, a reload in the
middle of it; and every conformance case, sent to a live vassal."""
import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from harness.nginx import free_port
from harness.waiting import wait_until

APP = '''
import hashlib, os, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/sleep":
        time.sleep(0.01)
    if path == "/echo":
        data = environ["wsgi.input"].read()
        body = f"{len(data)} {hashlib.md5(data).hexdigest()}".encode()
    elif path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"block %d " % number for number in range(50))
    else:
        body = f"{path} {environ['QUERY_STRING']} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''


@pytest.fixture
def web(emperor, scratch):
    """An app on an HTTP port of its own: started by web(workers=…, threads=…), which returns the port."""
    (scratch / "web.py").write_text(APP)

    def start(**keys):
        port = free_port()
        emperor.write("web", app="web:application", chdir=scratch, listen=f"http:127.0.0.1:{port}", **keys)
        emperor.wait_state("web", "running")
        return port

    return start


def run_wrk(port, path="/", seconds=3, connections=16):
    program = shutil.which("wrk")
    assert program, "wrk is missing: scripts/setup.sh installs it"
    return subprocess.Popen([program, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
                            stdout=subprocess.PIPE, text=True)


def figures(wrk):
    """wrk's own words as numbers: requests, their rate, the 99th percentile in milliseconds. It mentions errors only if
    there were any."""
    output = wrk.communicate(timeout=60)[0]
    assert wrk.returncode == 0, output
    assert "Socket errors" not in output and "Non-2xx" not in output, output
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    unit = {"us": 0.001, "ms": 1, "s": 1000}[slow.group(2)]
    return (int(re.search(r"(\d+) requests in", output).group(1)), float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
            float(slow.group(1)) * unit)


def test_one_connection_of_http_client_serves_many_requests(web):
    client = http.client.HTTPConnection("127.0.0.1", web(), timeout=20)
    client.connect()
    own_port = client.sock.getsockname()[1]

    def ask(method, path, body=None, **headers):
        client.request(method, path, body, headers)
        answer = client.getresponse()
        return answer.status, answer.read(), answer

    for number in range(50):
        status, body, _ = ask("GET", f"/a?{number}")
        assert (status, body.split()[:2]) == (200, [b"/a", str(number).encode()])
        data = b"x" * (number * 3000)
        assert ask("POST", "/echo", data)[1].split()[0] == str(len(data)).encode()
    assert ask("HEAD", "/a")[:2] == (200, b"")
    status, body, answer = ask("GET", "/stream")
    assert answer.getheader("Transfer-Encoding") == "chunked" and body == b"".join(b"block %d " % number for number in range(50))
    chunked = ask("POST", "/echo", iter([b"abc", b"d" * 100_000]))
    assert chunked[1].split()[0] == b"100003"
    assert client.sock.getsockname()[1] == own_port, "the connection was opened again"
    _, _, last = ask("GET", "/a", Connection="close")
    assert last.getheader("Connection").lower() == "close" and client.sock is None
    client.close()


def test_pipelined_requests_are_answered_in_their_order(web):
    count = 200
    last = {count - 1: b"Connection: close\r\n"}
    burst = b"".join(b"GET /a?%d HTTP/1.1\r\nHost: a\r\n%s\r\n" % (number, last.get(number, b""))
                     for number in range(count))
    with socket.create_connection(("127.0.0.1", web(threads=4)), timeout=20) as client:
        client.sendall(burst)
        received = b""
        while block := client.recv(65536):
            received += block
    assert received.count(b"HTTP/1.1 200 OK") == count
    assert [int(number) for number in re.findall(rb"/a (\d+) ", received)] == list(range(count))


def test_wrk_sees_no_error_while_the_app_is_reloaded(web, emperor, measured):
    port = web(workers=2, threads=2)
    wrk = run_wrk(port, seconds=120)
    wait_until(lambda: emperor.status("web")["requests"] > 100, 15, "requests")
    for _ in range(2):
        assert emperor.ctl("reload", "web").returncode == 0
    assert wrk.poll() is None, "the reloads took longer than the load"
    wrk.send_signal(signal.SIGINT)  # it ends, with its figures
    requests, rate, slow = figures(wrk)
    assert requests > 100
    measured(f"{requests} requests, {rate:.0f}/s, 99 % within {slow:.1f} ms, 2 reloads meanwhile")


def test_four_threads_share_sixteen_connections(web, measured):
    """400 requests a second are possible, 100 with one thread; a connection that were bound to its thread would starve others."""
    port, rates = web(threads=4), []
    while len(rates) < 3 and max(rates, default=0) <= 160:  # other tests run beside
        requests, rate, slow = figures(run_wrk(port, "/sleep"))
        rates.append(rate)
    measured(f"{rate:.0f} of 400 requests/s, 99 % within {slow:.1f} ms")
    assert rate > 160
    assert slow < 800


def test_every_conformance_case_comes_out_as_its_file_says(source, binaries):
    done = subprocess.run([sys.executable, "-B", source / "tests/conformance/run.py", "--start", "vassal", "--exact",
                           "--bin", binaries],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"HTTP/1.1 requests \| 1\d\d ", done.stdout) and done.stdout.count("PEP 3333 over") == 4
