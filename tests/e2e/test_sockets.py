"""Where vassals listen: unix, abstract, TCP over IPv4 and IPv6, several at once; sockets that change."""
import http.client
import os
import pathlib
import socket
import stat

import pytest

from harness import uwsgi
from harness.load import Load
from harness.nginx import fetch, free_port
from harness.waiting import wait_until

IPV6_ADDRESSES = pathlib.Path("/proc/net/if_inet6")
HAS_IPV6 = IPV6_ADDRESSES.exists() and "00000000000000000000000000000001" in IPV6_ADDRESSES.read_text()


def test_the_default_socket_has_mode_0660(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert stat.S_IMODE(emperor.socket("probe").stat().st_mode) == 0o660


def test_one_app_on_many_addresses(emperor, scratch):
    first, second = free_port(), free_port()
    emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{first}", f"uwsgi:127.0.0.1:{second}",
                                   f"http:{scratch}/http.sock", "uwsgi:@emperor-e2e-" + str(os.getpid())], threads=2)
    emperor.wait_serving("probe")
    assert fetch(f"http://127.0.0.1:{first}/")[2] == b"ok"
    with socket.create_connection(("127.0.0.1", second), 10) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/pid")))
        assert b"200 OK" in client.recv(4096)
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = uwsgi.connect(scratch / "http.sock")
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"ok"
    connection.close()
    assert uwsgi.request("\0emperor-e2e-" + str(os.getpid()), "/").text == "ok"


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6 loopback")
def test_ipv6(emperor):
    port = free_port()
    emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:[::1]:{port}"])
    emperor.wait_serving("probe")
    assert fetch(f"http://[::1]:{port}/")[2] == b"ok"


def test_who_has_an_address_keeps_it_against_a_newcomer(emperor):
    port = free_port()
    listen = [f"uwsgi:{emperor.socket('shop')}", f"http:127.0.0.1:{port}"]
    emperor.write("shop", listen=listen)
    emperor.wait_running("shop")
    emperor.write("aaa", listen=f"http::{port}")
    assert f"':{port}' belongs to the vassal 'shop' as '127.0.0.1:{port}'" in str(emperor.wait_state("aaa", "invalid"))
    before = emperor.pid("shop")
    emperor.write("shop", listen=listen, env={"MARK": "2"})
    emperor.generation_change("shop", before)
    assert emperor.state("shop") == "running"
    emperor.remove("shop")
    emperor.wait_state("aaa", "running")
    assert fetch(f"http://127.0.0.1:{port}/")[2] == b"ok"


def test_a_path_beyond_107_bytes_works(emperor, scratch):
    deep = scratch / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = deep / "app.sock"
    assert len(str(path)) > 107
    emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"uwsgi:{path}"])
    emperor.wait_serving("probe")
    directory = os.open(deep, os.O_PATH)
    try:
        assert uwsgi.request(f"/proc/self/fd/{directory}/app.sock").text == "ok"
    finally:
        os.close(directory)


def test_an_address_that_is_added_and_removed_while_the_others_serve(emperor):
    port = free_port()
    emperor.write("probe")
    emperor.wait_serving("probe")
    inode = emperor.socket("probe").stat().st_ino
    with Load(emperor.socket("probe")) as load:
        emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{port}"])
        wait_until(lambda: _answers(port), 15, "the new address")
        emperor.write("probe")
        wait_until(lambda: not _answers(port), 15, "the end of the removed address")
    assert load.failed == 0, load.summary()
    assert emperor.socket("probe").stat().st_ino == inode, "an unchanged listener is never bound again"


def _answers(port):
    try:
        return fetch(f"http://127.0.0.1:{port}/")[0] == 200
    except OSError:
        return False


def test_a_stale_socket_file_is_replaced_and_other_files_are_not(emperor, scratch):
    stale = scratch / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    emperor.write("probe", listen=f"uwsgi:{stale}")
    wait_until(lambda: _serves(stale), 15, "the stale socket's address")
    precious = scratch / "precious"
    precious.write_text("data")
    emperor.write("other", listen=f"uwsgi:{precious}")
    row = emperor.wait_state("other", "invalid")
    assert "precious" in row["reason"] and precious.read_text() == "data"


def _serves(path):
    try:
        return uwsgi.request(path).status == 200
    except OSError:
        return False


def test_uwsgi_ping_and_foreign_modifiers_are_answered(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert uwsgi.exchange(emperor.socket("probe"), b"\x64\0\0\0")[:1] == b"\x64"
    answer = uwsgi.exchange(emperor.socket("probe"), uwsgi.packet({"REQUEST_METHOD": "GET"}, modifier=22))
    assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5")
    assert emperor.serves("probe")


def test_http_keep_alive_and_pipelining(emperor):
    port = free_port()
    emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{port}"])
    emperor.wait_serving("probe")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in range(5):
        connection.request("POST", "/echo", f"message {number}")
        assert connection.getresponse().read() == f"message {number}".encode()
    connection.close()
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.count(b"HTTP/1.1 200 OK") == 2 and answer.endswith(b"ok")


@pytest.mark.parametrize("raw, status", [
    (b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", b"505"), (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * 70000 + b"\r\n\r\n", b"431")])
def test_ambiguous_http_is_refused(emperor, raw, status):
    port = free_port()
    emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{port}"])
    emperor.wait_serving("probe")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(raw)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.split(b" ")[1:2] == [status], answer[:200]
    assert emperor.serves("probe")
