"""log.file: rotation without a lost line, also without an emperor; JSON; escapes; trouble that is on show. And the emperor's own
stream, whose reader may stop reading."""
import contextlib
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from harness import stats
from harness.waiting import wait_until


def files_of(log):
    """Oldest first."""
    rotated = sorted(log.parent.glob(log.name + ".*"), key=lambda path: -int(path.suffix[1:]))
    return [*rotated, *([log] if log.exists() else [])]


def numbers_of(log, name="line"):
    text = "".join(path.read_text() for path in files_of(log))
    return [int(number) for number in re.findall(rf"^{name} (\d+)x*$", text, re.M)]


def text_of(log):
    """While it is being rotated there is none for a moment."""
    with contextlib.suppress(FileNotFoundError):
        return log.read_text()
    return ""


def test_a_flood_is_rotated_and_every_line_stands_once_in_order_also_without_an_emperor(idle_emperor, scratch):
    emperor = idle_emperor.start()
    log = scratch / "shop.log"
    emperor.write("shop", "talker:application", log_file=str(log), log_rotate={"size": "64KiB", "keep": 1000})
    emperor.wait_running("shop")
    padding = "x" * 80
    assert emperor.get("shop", f"/?count=20000&padding={padding}", timeout=30).status == 200
    emperor.send(signal.SIGKILL)
    emperor.wait()
    assert emperor.get("shop", f"/?from=20000&count=20000&padding={padding}", timeout=30).status == 200
    wait_until(lambda: "line 39999x" in text_of(log), 20, lambda: f"the last line in {files_of(log)}")
    assert numbers_of(log) == list(range(40000))
    assert all(path.stat().st_size <= 64 * 1024 for path in files_of(log)) and len(files_of(log)) > 50
    emperor.start()
    emperor.wait_state("shop", "running")
    # A change of the rotation is live.
    generation = emperor.status("shop")["generation"]
    emperor.write("shop", "talker:application", log_file=str(log), log_rotate={"size": "64KiB", "keep": 2})
    wait_until(lambda: "log.rotate.keep" in emperor.ctl("events", "shop").stdout, 15)
    emperor.get("shop", f"/?count=2000&padding={padding}", timeout=30)
    wait_until(lambda: len(files_of(log)) == 3, 15, lambda: f"{files_of(log)}")
    assert emperor.status("shop")["generation"] == generation


def test_json_lines_and_escapes_in_both_formats(emperor, scratch):
    logs = {name: scratch / f"{name}.log" for name in ("text", "json")}
    for name, log in logs.items():
        emperor.write(name, log_file=str(log), log_format=name)
    emperor.wait_running(*logs)
    for name in logs:
        emperor.get(name, "/log?text=%1b%5b31mred%0d%22forged%22%09tab%20ERROR")
        wait_until(lambda: "wsgi.errors" in logs[name].read_text(), 10)
    for log in logs.values():
        assert not set("\x1b\r") & set(log.read_text())
    assert r'\x1b[31mred\r"forged"' + "\ttab ERROR" in logs["text"].read_text().splitlines()
    lines = [json.loads(line) for line in logs["json"].read_text().splitlines()]
    line = next(line for line in lines if line["text"] == '\x1b[31mred\r"forged"\ttab ERROR')
    assert {key: line[key] for key in ("event", "level", "vassal", "generation", "worker", "stream")} == {
        "event": "app", "level": "error", "vassal": "json", "generation": 1, "worker": 1, "stream": "out"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["ts"])


def test_stand_alone_json_lines_go_to_standard_output(binaries, apps, scratch):
    command = [binaries / "vassal", "--listen", f"uwsgi:{scratch}/alone.sock", "--chdir", apps, "--set", "log.format=json",
               "--env", "TALK=0.01", "talker:application"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as vassal:
        errors = threading.Thread(target=vassal.stderr.read)
        errors.start()
        line = json.loads(next(line for line in vassal.stdout if '"line 3"' in line))
        vassal.send_signal(signal.SIGTERM)
        vassal.stdout.read()
        errors.join(10)
        assert vassal.wait(10) == 0
    assert line["text"] == "line 3" and line["stream"] == "out" and line["worker"] == 1


@contextlib.contextmanager
def small_disk(directory, size="256k"):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", directory],
                                           capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_full_disk_blocks_nobody_is_on_show_and_recovers(emperor, scratch):
    (scratch / "disk").mkdir()
    with small_disk(scratch / "disk") as disk:
        log = disk / "shop.log"
        emperor.write("shop", "talker:application", log_file=str(log))
        emperor.wait_running("shop")
        assert emperor.get("shop", "/?count=5000&padding=" + "x" * 200, timeout=20).status == 200
        row = wait_until(lambda: "No space left" in (row := emperor.status("shop"))["reason"] and row, 15,
                         lambda: f"{emperor.status('shop')}")
        assert row["state"] == "running" and row["is_serving"]
        assert f"log.file: write {log}: No space left on device" in emperor.ctl("status").stdout
        assert "log_failed" in emperor.ctl("-o", "json", "events", "shop").stdout
        lost = wait_until(lambda: dropped(emperor, "shop"), 10)
        metrics = stats.get(emperor.runtime / "stats.sock", "/metrics")[2].decode()
        assert re.search(r'emperor_app_log_file_dropped_lines_total\{app="shop"\} [1-9]', metrics)
        # What the emperor shows is known to the next one, too.
        assert emperor.ctl("upgrade").returncode == 0
        wait_until(lambda: "No space left" in (emperor.status("shop") or {}).get("reason", ""), 15)
        assert emperor.get("shop", "/").status == 200
        os.truncate(log, 0)
        emperor.get("shop", "/?from=9000&count=1")
        wait_until(lambda: "line 9000\n" in log.read_text(), 10)
        wait_until(lambda: emperor.status("shop")["reason"] == "", 10)
        told = re.findall(r"log.file: it is written again; (\d+) lines are lost", emperor.output())
        assert len(told) == 1 and int(told[0]) >= lost > 1000, (told, lost)
        emperor.remove("shop")
        wait_until(lambda: emperor.status("shop") is None, 15)


def test_a_troubled_file_that_is_taken_out_of_the_configuration_is_said_to_be_out_of_use(emperor, scratch):
    (scratch / "disk").mkdir()
    with small_disk(scratch / "disk") as disk:
        emperor.write("shop", "talker:application", log_file=str(disk / "shop.log"))
        emperor.wait_running("shop")
        assert emperor.get("shop", "/?count=5000&padding=" + "x" * 200, timeout=20).status == 200
        wait_until(lambda: "No space left" in emperor.status("shop")["reason"], 15, lambda: f"{emperor.status('shop')}")
        emperor.write("shop", "talker:application")
        emperor.wait_log("log.file: it is no longer used; ")
        wait_until(lambda: emperor.status("shop")["reason"] == "", 10)
        assert "the trouble with log.file is over" in emperor.ctl("events", "shop").stdout
        emperor.remove("shop")
        wait_until(lambda: emperor.status("shop") is None, 15)


def dropped(emperor, name):
    return stats.document(emperor.runtime / "stats.sock", f"/vassals/{name}")["totals"]["log_file_dropped"]


def test_a_reader_of_the_emperor_s_log_that_stops_reading_blocks_nobody(binaries, idle_emperor):
    emperor = idle_emperor
    reading, writing = os.pipe()
    emperor.process = subprocess.Popen([binaries / "emperor", "--vassals", emperor.vassals, "--runtime-dir", emperor.runtime],
                                       stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, cwd="/")
    os.close(writing)
    wait_until(lambda: emperor.ctl("status").returncode == 0, 15)
    emperor.write("shop", "talker:application")
    emperor.wait_running("shop")
    # Far more than a pipe and what the emperor keeps; no more at a time than the master keeps for an emperor that is slow.
    for number in range(200):
        assert emperor.get("shop", f"/?from={number * 200}&count=200&padding=" + "x" * 200, timeout=20).status == 200
    assert emperor.ctl("reload", "shop").returncode == 0
    assert emperor.get("shop", "/").status == 200
    wait_until(lambda: "line 39999" in emperor.ctl("logs", "shop").stdout or emperor.status("shop")["generation"] == 2, 15)
    output = []
    reader = threading.Thread(target=lambda: [output.append(line) for line in os.fdopen(reading, errors="replace")])
    reader.start()
    wait_until(lambda: any("log lines lost lines=" in line for line in output), 15, lambda: f"{output[-3:]}")
    assert emperor.stop() == 0
    reader.join(10)
    assert all(line.endswith("\n") and re.match(r"\d{4}-", line) for line in output)
    assert "emperor ended" in output[-1]
