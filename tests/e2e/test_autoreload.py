"""`autoreload: true` and `vassal --dev`: a saved file is served; one that does not load is told of and waited for."""
import os
import signal
import time

import pytest

from harness import nginx, processes
from harness.load import Load
from harness.waiting import wait_until
from test_standalone import Vassal

MAIN = """import views
def application(environ, start_response):
    if environ["PATH_INFO"] == "/lazy":
        import lazy
        text = lazy.TEXT
    elif environ["PATH_INFO"] == "/raise":
        raise ValueError("out of cheese")
    else:
        text = views.TEXT
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""


def save(path, text):
    """As editors do: written aside, moved into place."""
    aside = path.with_name("." + path.name + ".swp")
    aside.write_text(text)
    os.replace(aside, path)


@pytest.fixture
def code(scratch):
    directory = scratch / "code"
    directory.mkdir()
    (directory / "main.py").write_text(MAIN)
    (directory / "views.py").write_text("TEXT = 'one'\n")
    (directory / "lazy.py").write_text("TEXT = 'lazy one'\n")
    return directory


@pytest.fixture
def dev(binaries, code):
    started = []

    def start(*options, app="main:application"):
        started.append(Vassal(binaries, code, "--dev", "--listen", "http:127.0.0.1:0", *options, app=app))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            processes.kill_tree(one.process.pid)
            one.process.wait()


def text_of(url):
    return nginx.fetch(url)[2].decode()


@pytest.mark.parametrize("options", [[], ["--preload"], ["--workers", "2", "--threads", "2"]], ids=["plain", "preload", "crew"])
def test_each_save_is_served_and_a_broken_one_is_waited_for(dev, code, options):
    one = dev(*options)
    url = one.url()
    assert text_of(url) == "one"
    save(code / "views.py", "TEXT = 'two'\n")
    wait_until(lambda: text_of(url) == "two", 15, one.output)
    wait_until(lambda: f"{code}/views.py changed" in one.output(), 5, one.output)

    save(code / "views.py", "TEXT = (\n")
    wait_until(lambda: "SyntaxError" in one.output(), 15, one.output)
    wait_until(lambda: "the old one serves on until the next change" in one.output(), 15, one.output)
    assert text_of(url) in ("one", "two"), "of two workers the second may not have had its turn"
    count = one.output().count("SyntaxError: '(' was never closed")
    save(code / "views.py", "TEXT = 'three'\n")
    wait_until(lambda: text_of(url) == "three", 15, one.output)
    # The traceback and the reason: told once each, not again and again.
    assert one.output().count("SyntaxError: '(' was never closed") <= count + 1
    assert one.end() == 0


def test_a_module_that_a_request_imports_counts_from_then_on(dev, code):
    one = dev()
    url = one.url()
    save(code / "lazy.py", "TEXT = 'lazy two'\n")  # nobody has loaded it yet
    assert text_of(url + "lazy") == "lazy two"
    assert "changed" not in one.output()
    save(code / "lazy.py", "TEXT = 'lazy three'\n")
    wait_until(lambda: text_of(url + "lazy") == "lazy three", 15, one.output)


def test_a_new_module_that_does_not_load_is_watched_too(dev, code):
    one = dev()
    url = one.url()
    (code / "fresh.py").write_text("TEXT = undefined\n")
    save(code / "views.py", "from fresh import TEXT\n")
    wait_until(lambda: "NameError: name 'undefined'" in one.output(), 15, one.output)
    wait_until(lambda: "until the next change" in one.output(), 15, one.output)
    save(code / "fresh.py", "TEXT = 'fresh'\n")
    wait_until(lambda: text_of(url) == "fresh", 15, one.output)


def test_a_first_start_that_fails_waits_for_the_fix(dev, code):
    (code / "views.py").write_text("TEXT = undefined\n")
    one = dev()
    wait_until(lambda: "waiting for a change of the app's files" in one.output(), 15, one.output)
    assert "NameError" in one.output() and one.process.poll() is None
    save(code / "views.py", "TEXT = 'mended'\n")
    assert text_of(one.url()) == "mended"
    assert one.end() == 0


def test_ctrl_c_ends_one_that_waits_for_a_fix(dev, code):
    (code / "main.py").unlink()
    one = dev()
    wait_until(lambda: "waiting for a change of the app's files" in one.output(), 15, one.output)
    assert one.end(signal.SIGINT) == 1


def test_dev_shows_tracebacks_and_logs_requests_and_nothing_else_does(dev, binaries, code):
    one = dev()
    status, _, body = nginx.fetch(one.url() + "raise")[:3]
    assert status == 500 and b"ValueError: out of cheese" in body and b"Traceback" in body
    wait_until(lambda: '"GET /raise HTTP/1.1" 500' in one.output(), 5, one.output)
    assert one.end() == 0
    two = Vassal(binaries, code, "--listen", "http:127.0.0.1:0", "--set", "autoreload=true", app="main:application")
    try:
        body = nginx.fetch(two.url() + "raise")[2]
        assert b"request id" in body and b"cheese" not in body
    finally:
        two.end()


def test_an_idle_one_sleeps(dev):
    one = dev()
    one.url()
    family = [one.process.pid, *processes.descendants_of(one.process.pid)]

    def ticks():
        return sum(sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) for pid in family)

    def spent():
        before = ticks()
        time.sleep(2)  # the time that is measured
        return ticks() - before

    wait_until(lambda: spent() <= 2, 20, "hundredths of a second in two seconds, once the start is over")


# ---- under an emperor


def test_an_emperor_rolls_out_what_was_saved_without_losing_a_request(emperor, code):
    emperor.write("shop", "main:application", chdir=code, autoreload=True)
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    with Load(emperor.socket("shop"), threads=2) as load:
        save(code / "views.py", "TEXT = 'two'\n")
        wait_until(lambda: load.bodies[b"two"] > 20, 20, load.summary)
        save(code / "views.py", "TEXT = undefined\n")
        wait_until(lambda: "NameError" in (emperor.status("shop").get("last_reload") or ""), 20, lambda: emperor.status("shop"))
        assert emperor.get("shop").text == "two"
        (code / "fresh.py").write_text("TEXT = (\n")
        save(code / "views.py", "from fresh import TEXT\n")
        wait_until(lambda: "SyntaxError" in (emperor.status("shop").get("last_reload") or ""), 20, lambda: emperor.status("shop"))
        save(code / "fresh.py", "TEXT = 'fresh'\n")
        wait_until(lambda: load.bodies[b"fresh"] > 20, 20, load.summary)
    assert load.failed == 0, load.summary()
    assert f"{code}/views.py changed" in emperor.ctl("show", "shop").stdout


def test_a_save_that_mends_what_failed_is_rolled_out_once(emperor, code):
    """The master watches what its code came from, the emperor what the failed code came from: both see the file."""
    emperor.write("shop", "main:application", chdir=code, autoreload=True)
    emperor.wait_running("shop")
    save(code / "views.py", "TEXT = undefined\n")
    wait_until(lambda: "NameError" in (emperor.status("shop").get("last_reload") or ""), 20, lambda: emperor.status("shop"))
    wait_until(lambda: len(emperor.ctl_json("show", "shop")["instances"]) == 1, 20)
    master, start = emperor.status("shop")["pid"], len(emperor.output())
    os.kill(master, signal.SIGSTOP)  # it is the later one to tell
    try:
        save(code / "views.py", "import time\ntime.sleep(1)\nTEXT = 'mended'\n")
        emperor.wait_log(" reloading ", start=start)
    finally:
        os.kill(master, signal.SIGCONT)
    wait_until(lambda: emperor.get("shop").text == "mended", 20, emperor.output)
    emperor.wait_state("shop", "running")
    save(code / "views.py", "TEXT = 'next'\n")  # seen: so what was before it was seen too
    wait_until(lambda: emperor.get("shop").text == "next", 20, emperor.output)
    assert emperor.output()[start:].count("source changed ") == 2, emperor.output()[start:]


def test_a_first_start_that_failed_is_tried_again_when_its_file_is_mended(emperor, code):
    (code / "views.py").write_text("TEXT = undefined\n")
    emperor.write("shop", "main:application", chdir=code, autoreload=True, restart_initial="60s", restart_max="60s")
    wait_until(lambda: emperor.state("shop") == "backoff" and "NameError" in emperor.status("shop")["reason"], 20, emperor.output)
    wait_until(lambda: emperor.output().count("start failed") >= 1, 10)
    save(code / "views.py", "TEXT = 'mended'\n")
    wait_until(lambda: emperor.serves("shop") and emperor.get("shop").text == "mended", 20, emperor.output)
    emperor.wait_log(f"{code}/views.py changed")
