"""`health:` a new worker serves only when it answers a request; a release that does not never goes live."""
import json
import os
import signal

import pytest

from harness.load import Load
from harness.waiting import wait_until
from test_standalone import vassal  # noqa: F401, a fixture

PLAIN = """import os, re, sys
VERSION, HERE = {version!r}, os.path.dirname(os.path.abspath(__file__))

def application(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        what = open(HERE + "/health").read()
        if what == "raise":
            raise ValueError("no database")
        if what == "spin":
            while True:
                pass
        if what == "hang in C":
            re.match(r"(a+)+$", "a" * 80 + "b")
        if what == "exit":
            os._exit(7)
        environ["wsgi.errors"].write("asked by " + environ["HTTP_USER_AGENT"] + " " + environ["HTTP_HOST"]
                                     + " " + environ["emperor.health_check"] + chr(10))
        start_response(what, [("Content-Type", "text/plain")])
        return [b"checked: ", what.encode()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode() if environ["PATH_INFO"] == "/pid" else VERSION.encode()]
"""

FLASK = """
from flask import Flask, abort
application = Flask(__name__)

@application.get("/healthz")
def healthz():
    return ("fine", 200) if {version!r} == "one" else abort(503)

@application.get("/")
def index():
    return {version!r}
"""

DJANGO = """
import django
from django.conf import settings
settings.configure(DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["www.example.com", "localhost", "a"], ROOT_URLCONF=__name__)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

def healthz(request):
    return HttpResponse("fine", status=200 if {version!r} == "one" and request.get_host() == "www.example.com" else 503)

urlpatterns = [path("healthz", healthz), path("", lambda request: HttpResponse({version!r}))]
application = get_wsgi_application()
"""


@pytest.fixture
def shop(emperor, scratch):
    """deploy(version, health) writes the code and what its check answers."""
    code = scratch / "code"
    code.mkdir()

    def deploy(version, health="200 OK", source=PLAIN):
        (code / "health").write_text(health)
        (code / "main.py").write_text(source.format(version=version))

    emperor.deploy, emperor.code = deploy, code
    return emperor


@pytest.mark.parametrize("preload", [False, True], ids=["import per worker", "preload"])
def test_a_release_that_is_not_healthy_never_goes_live(shop, preload):
    shop.deploy("one")
    shop.write("shop", "main:application", chdir=shop.code, preload=preload, workers=2,
               health={"path": "/healthz", "status": 200, "attempts": 2})
    shop.wait_serving("shop")
    with Load(shop.socket("shop"), threads=2) as load:
        shop.deploy("two", "503 Service Unavailable")
        done = shop.ctl("reload", "shop")
        assert done.returncode == 1, done.stdout
        assert "health" in done.stderr and "GET /healthz answered 503, wanted 200" in done.stderr, done.stderr
        assert "checked: 503 Service Unavailable" in done.stderr, "the body"
        row = shop.status("shop")
        assert row["state"] == "running" and "GET /healthz answered 503, wanted 200" in row["last_reload"], row
        before = load.count
        wait_until(lambda: load.count > before + 20, 10)
        assert set(load.bodies) == {b"one"}
        shop.deploy("three")
        assert shop.ctl("reload", "shop").returncode == 0
        wait_until(lambda: load.bodies[b"three"] > 20, 10)
    assert load.failed == 0, load.summary()
    assert set(load.bodies) == {b"one", b"three"}


@pytest.mark.parametrize("framework, source, keys", [("flask", FLASK, {}), ("django", DJANGO, {"host": "www.example.com"})],
                         ids=["flask", "django"])
def test_frameworks_answer_like_to_any_client(shop, framework, source, keys):
    pytest.importorskip(framework)
    shop.deploy("one", source=source)
    shop.write("shop", "main:application", chdir=shop.code, health={"path": "/healthz", "attempts": 1, **keys})
    shop.wait_serving("shop")
    assert shop.get("shop").text == "one"
    shop.deploy("two", source=source)
    done = shop.ctl("reload", "shop")
    assert done.returncode == 1 and "GET /healthz answered 503, wanted 200-399" in done.stderr, done.stderr
    assert shop.get("shop").text == "one"


@pytest.mark.parametrize("what, words", [
    ("raise", ["GET /healthz failed: ValueError: no database", "Traceback"]),
    ("spin", ["GET /healthz gave no answer within 300 ms"]),
    ("hang in C", ["GET /healthz gave no answer within 300 ms"]),
    ("exit", ["exit code 7"]),
])
def test_however_the_check_fails_the_reason_is_told(shop, what, words):
    shop.deploy("one")
    patience = {"timeout": "300ms"} if what in ("spin", "hang in C") else {}
    shop.write("shop", "main:application", chdir=shop.code,
               health={"path": "/healthz", "attempts": 2 if what == "spin" else 1, **patience})
    shop.wait_serving("shop")
    shop.deploy("two", what)
    done = shop.ctl("reload", "shop")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr, done.stderr
    if what in ("spin", "hang in C"):
        assert 'main.py", line' in done.stderr + shop.ctl("logs", "shop").stdout, "the traceback"
    assert shop.get("shop").text == "one"


def test_a_first_start_shows_the_step_then_the_reason_and_recovers(shop):
    shop.deploy("one", "500 Not Yet")
    shop.write("shop", "main:application", chdir=shop.code, health={"path": "/healthz", "attempts": 30})
    shop.wait_state("shop", "starting")
    wait_until(lambda: "health" in json.dumps(shop.status("shop")), 10, lambda: shop.status("shop"))
    (shop.code / "health").write_text("200 OK")
    assert shop.wait_state("shop", "running")["generation"] == 1, "the same worker, one attempt later"
    page = shop.ctl("logs", "shop").stdout
    assert "GET /healthz answered 500, wanted 200-399: checked: 500 Not Yet (29 attempts left)" in page
    assert "asked by emperor-health localhost 1" in page


def test_a_start_that_takes_too_long_says_what_the_check_answered(shop):
    shop.deploy("one", "503 Never")
    shop.write("shop", "main:application", chdir=shop.code, timeouts_start="3s", health={"path": "/healthz", "attempts": 100})
    row = shop.wait_state("shop", "backoff")
    assert "did not pass within timeouts.start: GET /healthz answered 503" in row["reason"], row


def test_a_worker_that_replaces_another_is_asked_too(shop):
    shop.deploy("one")
    shop.write("shop", "main:application", chdir=shop.code, workers=2, restart_initial="100ms",
               health={"path": "/healthz", "attempts": 1})
    shop.wait_serving("shop")
    shop.wait_state("shop", "running")
    (shop.code / "health").write_text("503 Broken")
    start = len(shop.output())
    os.kill(shop.pid("shop"), signal.SIGKILL)
    shop.wait_log("health: GET /healthz answered 503, wanted 200-399", start=start)
    with Load(shop.socket("shop"), threads=2) as load:
        wait_until(lambda: load.count > 50, 10)
        (shop.code / "health").write_text("200 OK")
        wait_until(lambda: len({shop.pid("shop") for _ in range(20)}) == 2, 20, "both workers", 0.2)
    assert load.failed == 0, load.summary()


def test_the_check_is_in_no_counter_and_in_no_access_log(shop):
    shop.deploy("one")
    shop.write("shop", "main:application", chdir=shop.code, log_access="text", health={"path": "/healthz"})
    shop.wait_serving("shop")
    assert shop.get("shop", "/once").status == 200
    shop.wait_log("GET /once")
    assert "GET /healthz" not in shop.output()


def test_alone_the_check_is_made_as_well(vassal, scratch):  # noqa: F811
    (scratch / "main.py").write_text(PLAIN.format(version="one"))
    (scratch / "health").write_text("404 Not Found")
    keys = ["--listen", "http:127.0.0.1:0", "--set", "health.path=/healthz", "--set", "health.attempts=1"]
    one = vassal(*keys, app=f"{scratch}/main.py:application")
    assert one.process.wait(20) == 1
    one.reader.join(5)
    assert "the app could not be started (health): GET /healthz answered 404, wanted 200-399" in one.output()
    (scratch / "health").write_text("200 OK")
    two = vassal(*keys, app=f"{scratch}/main.py:application")
    assert two.url()
    assert two.end() == 0
