"""`log.slow`: a slow request is logged while it runs, with the Python stack of that moment, and when it has ended."""
import re

import pytest

APP = """import time

def sleep():
    time.sleep(0.9)

def spin():
    until = time.monotonic() + 0.9
    while time.monotonic() < until:
        pass

def stuck_in_c():
    until = time.monotonic() + 0.9
    while time.monotonic() < until:  # each call holds the interpreter lock for a while
        sum(range(20_000_000))

def application(environ, start_response):
    {"/sleep": sleep, "/spin": spin, "/c": stuck_in_c}.get(environ["PATH_INFO"], lambda: None)()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""


@pytest.fixture
def shop(emperor, scratch):
    (scratch / "main.py").write_text(APP)
    emperor.write("shop", "main:application", chdir=scratch, log_slow="300ms", threads=2)
    emperor.wait_serving("shop")
    return emperor


@pytest.mark.parametrize("path, function", [("/sleep", "sleep"), ("/spin", "spin"), ("/c", "stuck_in_c")])
def test_it_tells_where_the_request_is_and_how_long_it_took(shop, scratch, path, function):
    start = len(shop.output())
    assert shop.get("shop", path + "?a=1").text == "done"
    shop.wait_log("took", start=start)
    said = shop.output()[start:]
    runs = re.findall(rf"slow request (\S+) GET {path}\?a=1 runs for [0-9.]+ s in worker 1 \(pid \d+\): (.*)", said)
    assert len(runs) == 1, said
    request, stack = runs[0]
    assert re.match(rf"{scratch}/main.py:\d+ in {function} < {scratch}/main.py:\d+ in application", stack), stack
    assert re.search(rf"slow request {request} GET {path}\?a=1 took [0-9.]+ s, status 200", said), said
    assert "request timeout" not in said and "worker exited" not in said


def test_quick_requests_are_not_mentioned(shop):
    for _ in range(20):
        assert shop.get("shop").text == "done"
    assert "slow request" not in shop.output()
