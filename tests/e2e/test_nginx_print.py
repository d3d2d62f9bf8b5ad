"""`emperorctl nginx print`: what it writes passes nginx -t, and requests through it are served by the app of their name."""
import collections
import json

import pytest

from harness.emperor import Emperor
from harness.nginx import free_port

SITE = """
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    start = environ.get('HTTP_X_REQUEST_START', '')[:2]
    return [f"{os.environ['SITE']} {environ['HTTP_HOST']} {environ['PATH_INFO']} {start}".encode()]
"""


def write(emperor, name, hosts, listen, **keys):
    (emperor.directory / "website.py").write_text(SITE)
    emperor.write(name, app="website:application", chdir=emperor.directory, hosts=hosts, listen=listen,
                  env={"SITE": f"{emperor.directory.name}-{name}"}, **keys)


@pytest.fixture
def boxes(binaries, scratch, apps):
    """Two emperors as on two machines: all that nginx knows of them are the addresses of their stats."""
    made = []
    try:
        for name in ("one", "two"):
            directory = scratch / name
            directory.mkdir()
            emperor = Emperor(binaries, directory, apps)
            emperor.stats = f"127.0.0.1:{free_port()}"
            emperor.start("--stats", emperor.stats)
            made.append(emperor)
        yield made
    finally:
        for emperor in made:
            emperor.stop()


def test_a_block_for_each_app_and_protocol(emperor, nginx):
    odd = emperor.directory / "a b;{}$x\\'.sock"
    write(emperor, "shop", ["shop.example", "www.shop.example"], [f"uwsgi:{odd}"])
    write(emperor, "blog", ["blog.example"], [f"http:{emperor.directory}/blog.sock"])
    write(emperor, "Blog", ["large.example"], [f"http:{emperor.directory}/large.sock"])  # nginx does not tell names by their case
    write(emperor, "wiki", ["wiki.example"], [f"fastcgi:{emperor.directory}/wiki.sock"])
    write(emperor, "mail", ["mail.example"], [f"scgi:{emperor.directory}/mail.sock"])
    write(emperor, "nap", ["nap.example"], [f"uwsgi:{emperor.directory}/nap.sock"], on_demand=True)
    write(emperor, "bare", [], [f"uwsgi:{emperor.directory}/bare.sock"])
    for name in ("shop", "blog", "Blog", "wiki", "mail", "bare"):
        emperor.wait_state(name, "running")
    emperor.wait_state("nap", "sleeping")
    port = free_port()
    done = emperor.ctl("nginx", "print", "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    web = nginx(servers=done.stdout, port=port)  # asserts nginx -t
    box = emperor.directory.name
    for host, app in (("shop.example", "shop"), ("www.shop.example", "shop"), ("blog.example", "blog"),
                      ("large.example", "Blog"), ("wiki.example", "wiki"),
                      ("mail.example", "mail"), ("nap.example", "nap")):
        status, _, body = web.get("/some/path?x=1", headers={"Host": host})
        assert (status, body.decode()) == (200, f"{box}-{app} {host} /some/path t="), app
    assert "upstream emperor_bare {" in done.stdout and "uwsgi_pass emperor_bare;" in done.stdout

    some = emperor.ctl("nginx", "print", "bl*", "wiki").stdout
    assert "emperor_blog+" in some and "emperor_wiki" in some and "emperor_shop" not in some
    assert emperor.ctl("nginx", "print", "blgo").returncode == 5
    assert emperor.ctl("nginx", "print", "--listen", "80; }").returncode == 2
    assert emperor.ctl("nginx", "print", "--box", f"127.0.0.1:{free_port()}").returncode == 7
    assert emperor.ctl("nginx").returncode == 2
    app = json.loads(emperor.ctl("-o", "json", "nginx", "print", "blog").stdout)["apps"][0]
    assert (app["protocol"], app["hosts"], app["servers"][0]["weight"]) == ("http", ["blog.example"], 100)


def test_weights_over_two_machines(boxes, nginx, measured):
    one, two = boxes
    ports = [free_port(), free_port()]
    for emperor, port in zip(boxes, ports):
        write(emperor, "shop", ["shop.example"], [f"uwsgi:{emperor.directory}/shop.sock", f"http::{port}"])
        emperor.wait_state("shop", "running")
    write(one, "only", ["only.example"], [f"uwsgi:127.0.0.1:{free_port()}"])
    one.wait_state("only", "running")
    port = free_port()
    arguments = ("nginx", "print", "--listen", f"127.0.0.1:{port}", "--box", one.stats, "--box", two.stats)
    done = one.ctl(*arguments)
    assert done.returncode == 0, done.stderr
    for address in ports:
        assert f"server 127.0.0.1:{address} weight=100;" in done.stdout, done.stdout
    assert "a unix socket of another machine" in done.stderr
    web = nginx(servers=done.stdout, port=port)
    served = collections.Counter(web.get("/", headers={"Host": "shop.example"})[2].split()[0].decode() for _ in range(40))
    assert served == {"one-shop": 20, "two-shop": 20}
    assert web.get("/", headers={"Host": "only.example"})[2].startswith(b"one-only ")

    # One that is stopped now gets nothing, where another one can.
    assert two.ctl("stop", "shop").returncode == 0
    shown = json.loads(one.ctl("-o", "json", *arguments).stdout)["apps"]
    servers = next(app for app in shown if app["name"] == "shop")["servers"]
    assert [(server["box"], server["weight"]) for server in servers] == [(one.stats, 100)]
