"""Faults in C: which request it was, Python's traceback, and the truth in the exit status."""
import re

import pytest

from harness import uwsgi


def crash(emperor, uri, **variables):
    """Ends without an answer."""
    try:
        assert uwsgi.request(emperor.socket("forks"), uri, **variables).status == 0
    except ConnectionError:
        pass


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("path", ["null_pointer", "overflow"])
def test_a_fault_is_logged_with_its_request_and_python_s_traceback(emperor, path, threads):
    emperor.write("forks", "forks:application", threads=threads)
    emperor.wait_serving("forks")
    worker = emperor.pid("forks")
    crash(emperor, f"/{path}?id=4")
    emperor.wait_log("SIGSEGV in worker 1")
    line = next(line for line in emperor.output().splitlines() if "SIGSEGV in worker 1" in line)
    assert re.search(rf"SIGSEGV in worker 1 \(pid {worker}\), in request [0-9a-f]{{16}} GET /{path}\?id=4", line), line
    emperor.wait_log("Fatal Python error: Segmentation fault")
    emperor.wait_log("in null_pointer" if path == "null_pointer" else "in deeper")
    emperor.wait_serving("forks")
    shown = emperor.ctl("show", "forks").stdout
    assert "SIGSEGV" in shown, shown


def test_a_client_cannot_forge_lines_in_the_report(emperor):
    emperor.write("forks", "forks:application")
    emperor.wait_serving("forks")
    crash(emperor, "/null_pointer", REQUEST_URI="/a\nemperor: forged\x1b[2J")
    emperor.wait_log("GET /a\\x0aemperor: forged\\x1b[2J")
    assert "\nemperor: forged" not in emperor.output()
