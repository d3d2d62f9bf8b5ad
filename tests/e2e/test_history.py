"""emperorctl why and events: what happened, who ordered it, how it ended; also before the emperor's last restart."""
import contextlib
import json
import os
import pwd
import select
import signal
import subprocess

from harness.waiting import wait_until


def events_of(emperor, *arguments):
    done = emperor.ctl("-o", "json", "events", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_event(emperor, event, text, name="shop"):
    return wait_until(lambda: [one for one in events_of(emperor, name) if one["event"] == event and text in one["text"]], 15,
                      lambda: f"{event}: {text} among {events_of(emperor, name)}")[-1]


def test_why_tells_the_order_and_the_failures_behind_a_backoff(emperor, scratch):
    (scratch / "main.py").write_text("import os, probe\napplication = probe.application\n"
                                     "if os.path.exists('broken'): print('no config!', flush=True), os._exit(13)\n")
    emperor.write("shop", "main:application", chdir=scratch, python_path=str(emperor.apps))
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    assert "shop is running" in emperor.ctl("why", "shop").stdout
    (scratch / "broken").touch()
    assert emperor.ctl("restart", "shop").returncode == 1
    wait_until(lambda: emperor.ctl_json("why", "shop")["crashes"] >= 3, 15, emperor.output)
    text = emperor.ctl("why", "shop").stdout
    lines = text.splitlines()
    order = next(number for number, line in enumerate(lines) if "requested: operator root" in line and "restart" in line)
    failure = next(number for number, line in enumerate(lines) if "start failed: exit: " in line and "exit code 13" in line)
    assert order < failure and "times, last" in lines[failure], text
    assert any(line.strip() == "| no config!" for line in lines[failure + 1:]), text
    causes = emperor.ctl_json("why", "shop")["causes"]
    assert len(causes) < 12, causes
    (scratch / "broken").unlink()
    emperor.wait_serving("shop")


def test_a_crash_loop_is_told_with_one_traceback(emperor, scratch):
    (scratch / "main.py").write_text("def helper():\n    return undefined_name\n\nhelper()\n")
    emperor.write("shop", "main:application", chdir=scratch)
    emperor.wait_state("shop", "backoff")
    wait_until(lambda: emperor.ctl_json("why", "shop")["crashes"] >= 4, 20, emperor.output)
    for event in events_of(emperor, "shop"):
        assert event.get("detail", "").count("Traceback") == (event["event"] == "start failed"), event
    text = emperor.ctl("why", "shop").stdout
    assert text.count("Traceback (most recent call last)") == 1 and " times, last " in text, text


def test_the_reason_is_why_nobody_serves_now_not_how_it_began(emperor, scratch):
    module = scratch / "gone.py"
    module.write_text("import os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
                      "    return [str(os.getpid()).encode()]\n")
    emperor.write("probe", "gone:application", chdir=scratch, restart_hold="500ms")
    emperor.wait_running("probe")
    first = emperor.pid("probe")
    os.kill(first, signal.SIGKILL)
    emperor.generation_change("probe", first)
    second = emperor.pid("probe")
    module.unlink()
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: "No module named 'gone'" in emperor.status("probe")["reason"], 20, lambda: str(emperor.status("probe")))
    wait_until(lambda: emperor.status("probe")["reason"].endswith("; clients get 503"), 20, lambda: str(emperor.status("probe")))
    assert emperor.state("probe") == "backoff" and "No module named 'gone'" in emperor.status("probe")["reason"]


def test_an_edit_is_told_with_what_differs_and_whose_the_file_is(emperor):
    emperor.write("shop", env={"TOKEN": "old-secret"})
    emperor.wait_serving("shop")
    emperor.write("shop", env={"TOKEN": "new-secret"}, workers=2)
    wait_event(emperor, "reloaded", "edited")
    owner = pwd.getpwuid(emperor.path_of("shop").stat().st_uid).pw_name
    edit = wait_event(emperor, "edited", f"{emperor.path_of('shop')} of {owner}: ")
    assert "env" in edit["text"] and "workers" in edit["text"] and "secret" not in edit["text"], edit
    assert edit["text"] in emperor.ctl("why", "shop").stdout
    emperor.write_text("_defaults", "threads: 2\n")
    wait_event(emperor, "edited", f"_defaults.yaml of {owner}: threads")


MORTAL = """import os, signal
def application(environ, start_response):
    if environ["PATH_INFO"] != "/":
        print("about to do", environ["PATH_INFO"], flush=True)
        os.kill(os.getpid(), {"/fault": signal.SIGSEGV, "/kill": signal.SIGKILL}[environ["PATH_INFO"]])
    start_response("200 OK", [])
    return [b"alive"]
"""


def test_an_end_is_explained_by_the_words_of_the_process_that_ended(emperor, scratch):
    (scratch / "main.py").write_text(MORTAL)
    emperor.write("shop", "main:application", chdir=scratch, workers=1)
    for number, way in enumerate(["/fault", "/kill", "/fault", "/kill"], 1):
        emperor.wait_serving("shop")
        with contextlib.suppress(OSError, ValueError):
            emperor.get("shop", way, timeout=20)
        ends = wait_until(lambda: (found := [one for one in events_of(emperor, "shop") if one["event"] == "worker_exited"])
                          and len(found) >= number and found, 15, emperor.output)
        assert ends[-1]["detail"].count("about to do ") == 1 and f"about to do {way}\n" in ends[-1]["detail"], ends[-1]
        assert ("Segmentation fault" in ends[-1]["detail"]) == (way == "/fault"), ends[-1]
    causes = [cause for cause in emperor.ctl_json("why", "shop")["causes"] if cause["event"] == "worker_exited"]
    assert [cause["count"] for cause in causes] == [2, 2], causes


def test_why_shows_the_traceback_of_a_request_over_its_time(emperor):
    emperor.write("shop", "forks:application", timeouts_request="1s", timeouts_drain="1s")
    emperor.wait_serving("shop")
    assert emperor.get("shop", "/spin", timeout=30).status == 504
    event = wait_event(emperor, "worker_exited", "request timeout: GET /spin after 1")
    assert "in spin" in event["detail"] and "in spin" in emperor.ctl("why", "shop").stdout


def test_history_survives_a_killed_and_a_stopped_emperor(idle_emperor):
    emperor = idle_emperor.start()
    emperor.write("shop")
    emperor.wait_serving("shop")
    assert emperor.ctl("reload", "shop").returncode == 0
    before = wait_event(emperor, "reloaded", "operator root: reload")
    emperor.send(signal.SIGKILL)
    emperor.wait()
    emperor.start()
    emperor.wait_state("shop", "running")
    wait_event(emperor, "adopted", f"pid {emperor.process.pid}")
    assert before in events_of(emperor)
    assert emperor.stop() == 0
    emperor.start()
    emperor.wait_serving("shop")
    assert before in events_of(emperor) and wait_event(emperor, "running", "new file")["generation"] == 1
    times = [event["time_us"] for event in events_of(emperor)]
    assert times == sorted(times)
    emperor.remove("shop")
    wait_until(lambda: not (emperor.runtime / "history").exists(), 15, "the end of its history")
    assert events_of(emperor) == []


def test_events_are_followed_over_all_apps_also_new_ones(emperor):
    emperor.write("shop")
    emperor.wait_serving("shop")
    command = [emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "-o", "json", "events", "-n", "0", "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        try:
            # Its first answer is empty: what shows that it listens is the first event that it brings.
            wait_until(lambda: emperor.ctl("reload", "shop").returncode == 0 and follower_has(follower), 15)
            emperor.write("blog")
            seen = []
            while ("blog", "running") not in seen:
                event = json.loads(follower.stdout.readline())
                seen.append((event["app"], event["event"]))
            assert ("blog", "starting") in seen
        finally:
            follower.terminate()


def follower_has(follower):
    return bool(select.select([follower.stdout], [], [], 0.5)[0])
