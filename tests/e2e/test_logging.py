"""The app's output: line by line into the emperor's log, the ring that `emperorctl logs` reads, and log.file."""
import json
import subprocess

from harness.waiting import wait_until


def test_stdout_stderr_and_wsgi_errors_are_captured(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.get("probe", "/log?text=something")
    for text in ("something", "SOMETHING", "something to wsgi.errors"):
        emperor.wait_log(text)
    wait_until(lambda: "SOMETHING" in emperor.ctl("logs", "probe").stdout, 10, "the line in `emperorctl logs`")


def test_logs_n_and_follow(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    for number in range(30):
        emperor.get("probe", f"/log?text=line-{number}")
    wait_until(lambda: "line-29" in emperor.ctl("logs", "probe").stdout, 10)
    assert len(emperor.ctl("logs", "probe", "-n", "5").stdout.splitlines()) == 5
    follower = subprocess.Popen([emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "logs", "probe", "-f"],
                                stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(follower.stdout.readline, "")
        next(lines)
        emperor.get("probe", "/log?text=while-following")
        assert any("while-following" in line for line in lines)
    finally:
        follower.terminate()
        follower.wait(10)
        follower.stdout.close()


def test_the_ring_keeps_the_last_200_lines_and_a_flood_blocks_nobody(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert emperor.get("probe", "/flood", timeout=30).text == "flooded"
    lines = wait_until(lambda: (lambda text: text.splitlines() if "flood 19999 " in text else None)(
        emperor.ctl("logs", "probe", "-n", "1000").stdout), 20, "the end of the flood")
    assert 100 <= len(lines) <= 200


def test_log_file_gets_the_app_s_lines(emperor, scratch):
    emperor.write("probe", log_file=str(scratch / "probe.log"))
    emperor.wait_serving("probe")
    emperor.get("probe", "/log?text=filed")
    wait_until(lambda: (scratch / "probe.log").exists() and "FILED" in (scratch / "probe.log").read_text(), 10)


def test_json_logs_are_one_object_per_line(idle_emperor):
    emperor = idle_emperor.start("--log-format", "json")
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.get("probe", "/log?text=a%22quote%5C")
    emperor.wait_log("quote")
    events = [json.loads(line) for line in emperor.output().splitlines()]
    assert all({"ts", "level", "event"} <= event.keys() for event in events)
    line = next(event for event in events if event["event"] == "app" and "quote" in event["text"])
    assert line["vassal"] == "probe" and line["worker"] == 1 and 'a"quote\\' in line["text"]


def test_a_control_character_cannot_forge_a_line(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.get("probe", "/log?text=%1b%5b31mred%0d2026-01-01T00:00:00Z%20error%20forged")
    emperor.wait_log("forged")
    assert "\x1b" not in emperor.output() and "\r" not in emperor.output()


def test_lifecycle_events_are_logged_once_each(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    emperor.wait_state("probe", "running")
    lines = [line for line in emperor.output().splitlines() if "vassal=probe" in line]
    assert sum(" running " in line or " ready " in line for line in lines) >= 1, emperor.output()
    assert not [line for line in lines if " error " in line]
