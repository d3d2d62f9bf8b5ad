"""A broken deploy never takes the running app away, says why, and a fix is taken up at once."""
import pytest

from harness import uwsgi
from harness.load import Load
from harness.waiting import wait_until

GOOD = """import time
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"good"]
"""
# what -> (source, extra keys, words in emperorctl's answer)
BROKEN = {
    "syntax error": ("def application(:\n", {}, ["SyntaxError", "main.py"]),
    "missing module": ("import crm_that_is_missing\n", {},
                       ["ModuleNotFoundError: No module named 'crm_that_is_missing'", "Traceback"]),
    "missing callable": ("x = 1\n", {}, ["application"]),
    "not callable": ("application = 7\n", {}, ["callable"]),
    "raises": ("raise RuntimeError('no database')\n", {}, ["RuntimeError: no database", "Traceback"]),
    "exits": ("import sys\nprint('leaving')\nsys.exit(7)\n", {}, ["SystemExit", "7"]),
    "dies": ("import os\nos._exit(9)\n", {}, ["9"]),
    "crashes": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", {}, ["SIGSEGV"]),
    "never ready": ("import time\ntime.sleep(600)\n", {"timeouts_start": "2s", "timeouts_kill": "1s"}, ["timeouts.start"]),
}


@pytest.fixture
def deployed(emperor, scratch):
    """A serving app in a directory of its own; deploy(source) replaces its code."""
    def deploy(source):
        (scratch / "code" / "main.py").write_text(source)

    (scratch / "code").mkdir()
    deploy(GOOD)
    emperor.deploy = deploy
    return emperor


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("preload", [False, True], ids=["import per worker", "preload"])
def test_a_failing_successor_leaves_the_old_one_serving_and_the_fix_is_taken(deployed, scratch, what, preload):
    source, keys, words = BROKEN[what]
    deployed.write("shop", "main:application", chdir=scratch / "code", preload=preload, **keys)
    deployed.wait_serving("shop")
    with Load(deployed.socket("shop"), threads=2) as load:
        deployed.deploy(source)
        done = deployed.ctl("reload", "shop")
        assert done.returncode == 1, done.stdout
        for word in words:
            assert word in done.stderr, f"{word!r} is missing in:\n{done.stderr}"
        row = deployed.status("shop")
        assert row["state"] == "running" and row["last_reload"].startswith("failed"), row
        before = load.count
        wait_until(lambda: load.count > before + 20, 10)
        deployed.deploy(GOOD)
        assert deployed.ctl("reload", "shop").returncode == 0
    assert load.failed == 0, load.summary()
    assert deployed.status("shop")["last_reload"] == "ok"


def test_a_failed_touch_is_not_retried_until_something_changes(deployed, scratch):
    path = deployed.write("shop", "main:application", chdir=scratch / "code", env={"COUNT": str(scratch / "count")})
    deployed.wait_serving("shop")
    deployed.deploy("import os\nopen(os.environ['COUNT'], 'a').write('x')\nraise RuntimeError('still broken')\n")
    path.touch()
    wait_until(lambda: (deployed.status("shop") or {}).get("last_reload", "").startswith("failed"), 15, "the failed reload")
    deployed.write("other")
    deployed.wait_serving("other")
    assert (scratch / "count").read_text() == "x" and deployed.get("shop").text == "good"


def test_an_address_that_only_a_rejected_edit_asks_for_leaves_no_client_waiting(deployed, scratch):
    old, new = scratch / "old.sock", scratch / "new.sock"
    scratch.chmod(0o777)
    keys = {"chdir": scratch / "code", "timeouts_drain": "1s"}
    deployed.write("shop", "main:application", listen=[f"uwsgi:{old}"], **keys)
    deployed.wait_state("shop", "running")
    deployed.deploy("raise RuntimeError('no database')\n")
    with Load(old, threads=2) as load:
        deployed.write("shop", "main:application", listen=[f"uwsgi:{new}", f"uwsgi:{old}"], **keys)
        wait_until(lambda: "no database" in deployed.status("shop")["last_reload"], 20)
        wait_until(lambda: not new.exists(), 10, "an address at which nobody would answer is closed")
        deployed.deploy(GOOD)
        assert deployed.ctl("reload", "shop").returncode == 0
        assert uwsgi.request(new).text == "good"
    assert load.failed == 0, load.summary()


def test_a_first_start_that_fails_shows_the_reason_and_recovers_with_the_code(deployed, scratch):
    deployed.deploy("import missing_for_now\n")
    deployed.write("shop", "main:application", chdir=scratch / "code")
    row = deployed.wait_state("shop", "backoff")
    assert "missing_for_now" in row["reason"]
    page = deployed.ctl("show", "shop").stdout
    assert "missing_for_now" in page and "Traceback" in page + deployed.ctl("logs", "shop").stdout
    deployed.deploy(GOOD)
    assert deployed.ctl("start", "shop").returncode == 0
    assert deployed.get("shop").text == "good"


def test_clients_wait_in_the_queue_while_the_first_start_is_slow(deployed):
    deployed.write("shop", env={"IMPORT_SECONDS": "1.5"})
    wait_until(deployed.socket("shop").exists, 10)
    assert deployed.get("shop", timeout=20).text == "ok"
