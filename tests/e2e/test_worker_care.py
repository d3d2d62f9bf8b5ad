"""Workers are replaced for many reasons, and no client is to notice: recycling, request timeouts, ranges of workers."""
import re
import threading
import time

import pytest

from harness import processes, uwsgi
from harness.load import Load
from harness.nginx import free_port
from harness.waiting import wait_until


def exits(emperor, text):
    return re.findall(rf'worker exited .*?reason="?({text}[^"\n]*)', emperor.output())


@pytest.mark.parametrize("preload", [False, True], ids=["import per worker", "preload"])
def test_recycling_by_requests_loses_none(emperor, measured, preload):
    port = free_port()
    emperor.write("probe", workers=2, threads=2, preload=preload, recycle={"max_requests": 200},
                  listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{port}"])
    emperor.wait_serving("probe")
    with Load(port, "/pid") as web, Load(emperor.socket("probe"), "/pid", threads=2) as load:
        wait_until(lambda: len(exits(emperor, "recycled: ")) >= 8, 60, emperor.output)
    measured(f"{load.summary()}; HTTP: {web.summary()}; {len(exits(emperor, 'recycled: '))} recycled")
    assert not load.failures and not web.failures
    counts = [int(reason.split()[1]) for reason in exits(emperor, "recycled: [0-9]+ requests")]
    assert min(counts) >= 180, "at most a tenth lower than the bound"
    assert emperor.status("probe")["state"] == "running"
    stats = emperor.ctl_json("show", "probe")
    assert not [entry for entry in stats["history"] if entry["event"] in ("crashed", "worker_exited")]
    assert sum(worker.get("crashes", 0) for worker in stats["worker_list"]) == 0


LEAKY = """
leak = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        leak.append(bytearray(b"x" * (8 << 20)))
    body = str(__import__("os").getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def test_a_leaking_worker_is_recycled_without_a_lost_request(emperor, scratch, measured):
    (scratch / "main.py").write_text(LEAKY)
    emperor.write("probe", "main:application", chdir=scratch, workers=1, recycle={"max_rss": "100MiB"})
    emperor.wait_serving("probe")
    first = emperor.get("probe").text
    with Load(emperor.socket("probe"), "/leak", threads=1, check=lambda answer: time.sleep(0.02) or answer.status == 200) as load:
        wait_until(lambda: exits(emperor, r"recycled: [0-9]+ MiB resident"), 30, emperor.output)
        wait_until(lambda: emperor.get("probe").text != first, 10)
    measured(f"{load.summary()}; {exits(emperor, 'recycled')}")
    assert not load.failures


def test_an_old_worker_is_recycled_though_nobody_asks_for_anything(emperor):
    emperor.write("probe", workers=2, recycle={"max_age": "1s", "jitter": "0%"})
    emperor.wait_serving("probe")
    wait_until(lambda: len(exits(emperor, "recycled: 1 s old")) >= 2, 20, emperor.output)


def test_a_recycled_worker_finishes_its_request_first(emperor):
    emperor.write("probe", workers=1, threads=1, recycle={"max_age": "1s", "jitter": "0%"}, timeouts_drain="1s")
    emperor.wait_serving("probe")
    answer = emperor.get("probe", "/sleep?s=4")  # longer than age and drain together
    assert answer.status == 200 and answer.text.startswith("slept")


def test_a_recycle_into_broken_code_keeps_the_old_worker_until_it_is_mended(emperor, scratch):
    main = scratch / "main.py"
    main.write_text(LEAKY)
    emperor.write("probe", "main:application", chdir=scratch, workers=1, recycle={"max_age": "1s", "jitter": "0%"},
                  restart_initial="100ms", restart_max="200ms")
    emperor.wait_serving("probe")
    wait_until(lambda: exits(emperor, "recycled: 1 s old"), 20, emperor.output)
    main.write_text("import a_module_that_is_missing\n")
    wait_until(lambda: len(exits(emperor, "import: ModuleNotFoundError")) >= 3, 20, emperor.output)
    old = emperor.get("probe").text
    assert emperor.status("probe")["state"] == "running"
    assert any("a_module_that_is_missing" in entry["text"] for entry in emperor.ctl_json("show", "probe")["history"])
    retries = [int(ms) for ms in re.findall(r'reason="import: Mod[^\n]*retry_ms=(\d+)', emperor.output())]
    assert min(retries) >= 80 and max(retries) <= 240, "each try waits"
    assert emperor.get("probe").text == old, "the same worker, all the while"
    main.write_text(LEAKY + "\n# mended\n")
    wait_until(lambda: emperor.get("probe").text != old, 20, emperor.output)


def test_a_stuck_request_gets_504_and_its_neighbours_are_answered(emperor, measured):
    emperor.write("probe", workers=1, threads=4, timeouts_request="1s")
    emperor.wait_serving("probe")
    stuck = {}

    def get_stuck():
        stuck["answer"] = uwsgi.request(emperor.socket("probe"), "/sleep?s=60", timeout=30)

    client = threading.Thread(target=get_stuck)
    with Load(emperor.socket("probe"), "/sleep?s=0.05", threads=6) as load:
        client.start()
        wait_until(lambda: exits(emperor, "request timeout: GET /sleep"), 20, emperor.output)
        time.sleep(0.3)  # also its successor is under load
    client.join()
    measured(load.summary())
    assert stuck["answer"].status == 504
    assert not load.failures
    assert load.longest_gap < 1.0, "capacity is back at once, not after timeouts.drain"


def test_a_range_of_workers_follows_the_load(emperor, measured):
    emperor.write("probe", workers={"min": 1, "max": 3}, threads=2)
    emperor.wait_serving("probe")
    assert emperor.status("probe")["workers"] | {"busy": 0} == {"configured": 3, "least": 1, "wanted": 1, "serving": 1, "busy": 0}
    began = time.monotonic()
    with Load(emperor.socket("probe"), "/sleep?s=0.2", threads=12) as load:
        wait_until(lambda: emperor.status("probe")["workers"]["serving"] == 3, 20, emperor.output)
        grown = time.monotonic() - began
        assert re.search(r"3/3 \(1-3\)", emperor.ctl("status").stdout)
    assert not load.failures
    began = time.monotonic()
    wait_until(lambda: emperor.status("probe")["workers"]["wanted"] == 1, 90, emperor.output)
    measured(f"grown to 3 in {grown:.2f} s, back to 1 in {time.monotonic() - began:.1f} s; {load.summary()}")
    wait_until(lambda: len(exits(emperor, "not needed any more")) == 2, 15, emperor.output)
    assert emperor.serves("probe")
    master = emperor.master_pid("probe")
    # It looks on for a second after the last request, then an idle master sleeps.
    wait_until(lambda: switches_within(master, 2) <= 4, 20)


def switches_within(pid, seconds):
    before = switches(pid)
    time.sleep(seconds)
    return switches(pid) - before


def switches(pid):
    """How often the process went to sleep."""
    with open(f"/proc/{pid}/status") as status:
        return sum(int(line.split()[1]) for line in status if "_ctxt_switches" in line)


def test_a_worker_that_closes_all_its_descriptors_is_replaced_soon(emperor, scratch, measured):
    (scratch / "main.py").write_text(
        "import os\n\ndef application(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/close':\n        os.closerange(3, 1000)\n"
        "    start_response('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n")
    emperor.write("probe", "main:application", chdir=scratch, workers=1, timeouts_kill="60s")
    emperor.wait_serving("probe")
    began = time.monotonic()
    try:
        uwsgi.request(emperor.socket("probe"), "/close", timeout=5)
    except (OSError, ValueError, IndexError):
        pass  # whatever becomes of this one
    wait_until(lambda: exits(emperor, "closed its link to the master"), 15, emperor.output)
    assert emperor.get("probe", timeout=20).status == 200
    measured(f"serves again after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 5, "not after timeouts.kill"
