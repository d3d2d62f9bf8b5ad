"""`hosts` and configs/nginx/emperor.conf with a real nginx: installed once, a new name is served by the next request, and
no Host header reaches anything but the socket of its own name."""
import signal
import socket

import pytest

from harness import uwsgi
from harness.nginx import free_port
from harness.waiting import wait_until


def served_by(answer):
    status, _, body = answer
    return body.decode() if status == 200 else status


@pytest.fixture
def web(emperor, nginx, source):
    """nginx with the snippet as it is shipped, but for the port and the runtime directory."""
    port = free_port()
    text = (source / "configs/nginx/emperor.conf").read_text()
    assert "listen 80 default_server;" in text and "/run/emperor/by-host" in text
    text = text.replace("listen 80 default_server;", f"listen 127.0.0.1:{port} default_server;")
    text = text.replace("    listen [::]:80 default_server;\n", "").replace("/run/emperor/", f"{emperor.runtime}/")
    return nginx(servers=text, port=port)


def ask(web, host, uri="/var?name=SITE"):
    return served_by(web.get(uri, headers={"Host": host}))


def raw(port, request):
    """The status of an answer to these bytes; 0: none."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        answer = connection.makefile("rb").read()
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0


@pytest.fixture
def site(emperor):
    """site(name, *hosts, **keys) writes the file of an app that answers with its name."""
    (emperor.directory / "website.py").write_text(
        "import os\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    if environ['PATH_INFO'] == '/start': return [environ.get('HTTP_X_REQUEST_START', '').encode()]\n"
        "    return [os.environ['SITE'].encode()]\n")

    def write(name, *hosts, **keys):
        emperor.write(name, app="website:application", chdir=emperor.directory, hosts=list(hosts), env={"SITE": name}, **keys)

    return write


def test_a_new_name_is_served_without_a_reload_of_nginx(emperor, web, site):
    assert ask(web, "www.shop.example") == 404
    site("shop", "www.shop.example", "shop.example")
    emperor.wait_running("shop")
    assert ask(web, "www.shop.example") == ask(web, "shop.example") == "shop"
    site("blog", "Blog.Example", on_demand=True)
    emperor.wait_state("blog", "sleeping")
    assert ask(web, "blog.example") == "blog", "asleep until this request"
    started = web.get("/start", headers={"Host": "shop.example"})[2].decode()
    assert started.startswith("t=") and float(started[2:]) > 1e9

    # Another name in the place of one: at once, by the same processes.
    pid, generation = emperor.status("shop")["pid"], emperor.status("shop")["generation"]
    site("shop", "www.shop.example", "new.example")
    wait_until(lambda: ask(web, "new.example") == "shop", 10, "the new name")
    wait_until(lambda: ask(web, "shop.example") == 404, 10, "the end of the old name")
    assert (emperor.status("shop")["pid"], emperor.status("shop")["generation"]) == (pid, generation)
    assert "live" in emperor.ctl("explain", "hosts").stdout

    # A name moves from one app to the other.
    site("shop", "www.shop.example")
    wait_until(lambda: ask(web, "new.example") == 404, 10, "the name is free")
    site("blog", "blog.example", "new.example", on_demand=True)
    wait_until(lambda: ask(web, "new.example") == "blog", 10, "the name is the other one's")

    emperor.remove("shop")
    wait_until(lambda: ask(web, "www.shop.example") == 404, 10, "the end of a removed app")
    assert emperor.ctl("stop", "blog").returncode == 0
    assert ask(web, "blog.example") == 404


def test_names_outlive_the_emperor_and_are_adopted(idle_emperor, web, site):
    emperor = idle_emperor
    site("shop", "shop.example")
    emperor.wait_running("shop")
    site("nap", "nap.example", on_demand=True)
    emperor.wait_state("nap", "sleeping")
    (emperor.runtime / "by-host" / "stale.example.sock").symlink_to("../sockets/nobody.sock")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    assert ask(web, "shop.example") == "shop", "without any emperor"
    emperor.start()
    emperor.wait_state("shop", "running")
    assert ask(web, "shop.example") == "shop" and ask(web, "nap.example") == "nap"
    wait_until(lambda: not (emperor.runtime / "by-host" / "stale.example.sock").is_symlink(), 10, "a stale link goes")
    assert emperor.stop() == 0
    assert not (emperor.runtime / "by-host").exists()


def test_the_second_one_with_a_name_is_invalid_and_told_whose_it_is(emperor, web, site):
    site("shop", "shop.example")
    emperor.wait_running("shop")
    site("aaa", "aaa.example", "SHOP.example")
    row = emperor.wait_state("aaa", "invalid")
    assert f"hosts: 'shop.example' belongs to the vassal 'shop' ({emperor.path_of('shop')}:" in row["reason"], row
    assert ask(web, "shop.example") == "shop" and ask(web, "aaa.example") == 404
    # What serves with its last valid file gives nothing away.
    emperor.write_text("shop", "app: website:application\nhosts: [other.example]\nwokers: 2\n")
    emperor.wait_state("shop", "invalid")
    emperor.ctl("reload", "aaa")
    assert emperor.state("aaa") == "invalid" and ask(web, "shop.example") == "shop" and ask(web, "other.example") == 404
    site("shop", "shop.example", listen=[f"http:{emperor.directory}/x.sock"])
    checked = emperor.ctl("check", emperor.path_of("shop"))
    assert "warning: hosts: no listener on a unix socket speaks uwsgi" in checked.stdout + checked.stderr


# Whatever stands in Host is a name in one directory, or refused: other sockets are not reached.
HOSTILE = [b"../sockets/shop", b"..", b"../stats/shop", b"shop.example/../../sockets/shop",
           b"/run/emperor/sockets/shop", b"a/b", b"..%2fsockets%2fshop", b"shop.example\0.evil", b"\0", b"", b".", b"...",
           b"*", b"shop.example.sock", b"sockets", b"shop", b"$host", b"shop.example;x", b"[::1]", b"-",
           b"shop.example, other", b"shop.example@evil.example", b"evil.example@shop.example", b"a" * 300,
           b"shop.example\ttab", "shöp.example".encode()]


def test_no_host_header_reaches_another_socket(emperor, web, site):
    site("shop", "shop.example")
    emperor.wait_running("shop")
    for host in (b"shop.example", b"SHOP.Example", b"shop.example.", b"shop.example:80", b"shop.example.:8443"):
        assert raw(web.port, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n") == 200, host
    # Counted a moment after its answer: these five, and the one that showed that it serves.
    before = wait_until(lambda: (count := emperor.status("shop")["requests"]) >= 6 and count, 10, "the count of requests")
    for host in HOSTILE:
        assert raw(web.port, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n") in (400, 404, 0), host
    for line in (b"GET http://../sockets/shop/ HTTP/1.1", b"GET http://%2e%2e/ HTTP/1.1"):
        assert raw(web.port, line + b"\r\nHost: shop.example\r\nConnection: close\r\n\r\n") in (400, 404, 0), line
    assert raw(web.port, b"GET / HTTP/1.0\r\n\r\n") == 404, "without any Host"
    assert raw(web.port, b"GET / HTTP/1.1\r\nHost: shop.example\r\nHost: evil.example\r\nConnection: close\r\n\r\n") == 400
    assert uwsgi.request(emperor.socket("shop"), "/").status == 200
    wait_until(lambda: emperor.status("shop")["requests"] > before, 10, "the count of this one")
    assert emperor.status("shop")["requests"] == before + 1
