"""docs/monitoring.md: every block that is marked as shell runs against a live emperor, in order, in one shell."""
import os
import re
import shutil
import subprocess

import pytest


def test_each_step_of_the_document_works(emperor, source, measured):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing (scripts/setup.sh installs Debian's prometheus)")
    blocks = re.findall(r"^```sh\n(.*?)^```$", (source / "docs/monitoring.md").read_text(), re.M | re.S)
    assert len(blocks) >= 6
    emperor.write("hello")
    emperor.wait_serving("hello")
    # No pipefail: head closes its end early on purpose.
    script = "set -eu\n" + "".join(f"echo '--- step {number}'\n{block}" for number, block in enumerate(blocks, 1))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, cwd=source,
                          stdin=subprocess.DEVNULL, env={**os.environ, "EMPEROR_RUNTIME": str(emperor.runtime),
                               "PATH": f"{emperor.binaries}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in ("hello", "requests in the last minute:", '"delta_requests"', "changed:",
                     'emperor_app_up{app="hello"} 1', "SUCCESS",
                     "emperor_app_request_duration_seconds_count", "QUEUE", "killed by signal 9 (SIGKILL)",
                     "log files reopened: 1 apps"):
        assert expected in done.stdout, f"{expected!r} in\n{done.stdout}"
    measured(f"{len(blocks)} blocks")
