"""Workers, threads and preload: how many processes there are, who is whose child, and that apps' threads run."""
import concurrent.futures
import json
import threading

import pytest

from harness import processes
from harness.waiting import wait_until


def pids_of(emperor, name="probe", tries=60):
    """Worker pids as they answer; concurrent, so that every worker gets its turn."""
    found, lock = set(), threading.Lock()

    def ask():
        for _ in range(tries // 6):
            pid = int(emperor.get(name, "/sleep?s=0.02").text.split()[-1])
            with lock:
                found.add(pid)

    clients = [threading.Thread(target=ask) for _ in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return found


@pytest.mark.parametrize("preload", [False, True], ids=["import per worker", "preload"])
def test_the_tree_is_emperor_master_workers(emperor, preload):
    emperor.write("probe", workers=3, preload=preload)
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    workers = pids_of(emperor)
    assert len(workers) == 3
    masters = {processes.stat_of(pid)[1] for pid in workers}
    assert len(masters) == 1
    master = masters.pop()
    assert processes.stat_of(master)[1] == emperor.process.pid
    mold = set(processes.children_of(master)) - workers
    assert len(mold) == (1 if preload else 0), [processes.command_line(pid) for pid in mold]


def test_preload_imports_once(emperor, scratch):
    (scratch / "main.py").write_text("import probe\nopen('imports', 'a').write('x')\napplication = probe.application\n")
    emperor.write("probe", "main:application", chdir=scratch, python_path=str(emperor.apps), workers=4, preload=True)
    emperor.wait_serving("probe")
    assert (scratch / "imports").read_text() == "x"


def test_preload_is_given_up_when_the_app_starts_threads_and_says_which(emperor, scratch):
    (scratch / "main.py").write_text(
        "import threading, time, probe\n"
        "threading.Thread(target=time.sleep, args=(3600,), name='metrics-sender', daemon=True).start()\n"
        "application = probe.application\n")
    emperor.write("probe", "main:application", chdir=scratch, python_path=str(emperor.apps), workers=2, preload=True)
    emperor.wait_serving("probe")
    emperor.wait_log("metrics-sender")


def test_threads_serve_at_the_same_time(emperor, scratch):
    """Each request ends when four are inside."""
    (scratch / "main.py").write_text(
        "import threading\nall_inside = threading.Barrier(4, timeout=15)\n\n"
        "def application(environ, start_response):\n    all_inside.wait()\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'met']\n")
    emperor.write("probe", "main:application", chdir=scratch, threads=4)
    emperor.wait_state("probe", "running")
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: emperor.get("probe"), range(4)))
    assert [answer.text for answer in answers] == ["met"] * 4


def test_the_app_s_own_threads_run_while_it_waits_for_requests(emperor, scratch):
    (scratch / "main.py").write_text(
        "import threading, time\nticks = []\n\n"
        "def tick():\n    while True:\n        ticks.append(1)\n        time.sleep(0.01)\n\n"
        "threading.Thread(target=tick, daemon=True).start()\n\n"
        "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [str(len(ticks)).encode()]\n")
    emperor.write("probe", "main:application", chdir=scratch)
    emperor.wait_serving("probe")
    first = int(emperor.get("probe").text)
    wait_until(lambda: int(emperor.get("probe").text) >= first + 20, 5, "ticks of the app's thread", 0.3)


def test_children_of_the_app_hold_none_of_our_descriptors(emperor, scratch):
    """A daemon that the app starts must not keep the listener open, or a removed app would still be connectable."""
    (scratch / "main.py").write_text(
        "import subprocess\nfrom probe import application as inner\n\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/spawn':\n"
        "        out = subprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False, capture_output=True, text=True).stdout\n"
        "        start_response('200 OK', [('Content-Type', 'text/plain')])\n        return [out.encode()]\n"
        "    return inner(environ, start_response)\n")
    emperor.write("probe", "main:application", chdir=scratch, python_path=str(emperor.apps))
    emperor.wait_serving("probe")
    assert "socket:" not in emperor.get("probe", "/spawn").text


def test_workers_auto_is_the_number_of_processors(emperor):
    import os
    emperor.write("probe", workers="auto")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    assert emperor.status("probe")["workers"]["configured"] == len(os.sched_getaffinity(0))


def test_process_titles_name_the_app(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    worker = emperor.pid("probe")
    assert "probe" in processes.command_line(worker) and "worker" in processes.command_line(worker)
    assert "master" in processes.command_line(emperor.master_pid("probe"))


def test_an_app_may_use_subprocess_and_multiprocessing(emperor, scratch):
    (scratch / "main.py").write_text(
        "import json, multiprocessing, subprocess, sys\n\ndef square(x):\n    return x * x\n\n"
        "def application(environ, start_response):\n"
        "    said = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout.strip()\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n        squares = pool.map(square, [1, 2, 3])\n"
        "    start_response('200 OK', [('Content-Type', 'application/json')])\n"
        "    return [json.dumps([said, squares]).encode()]\n")
    emperor.write("probe", "main:application", chdir=scratch)
    wait_until(emperor.socket("probe").exists, 10)
    assert json.loads(emperor.get("probe", timeout=30).text) == ["42", [1, 4, 9]]
