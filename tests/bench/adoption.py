"""kill -9 of an emperor of 300 vassals: how long the next one needs from its start until it has adopted all of them, and
what a client of one of them notices."""
import json
import statistics
import subprocess
import time

import lifecycle
import request
from report import Row

ADOPTION_BAR = 1.0  # seconds
COUNT = 300
ROUNDS = 3


def masters(emperor):
    """name -> pid of the master of each app that runs; None while nobody answers."""
    done = subprocess.run([emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "-o", "json", "status"],
                          capture_output=True, text=True)
    if done.returncode not in (0, 3):
        return None
    document = json.loads(done.stdout)
    rows = document.get("apps", []) if isinstance(document, dict) else document
    return {row["name"]: row["pid"] for row in rows if row["state"] == "running"}


def wait_all(emperor, seconds, pids=None):
    """Until all run (and, if given, with these masters); seconds since the call."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        now = masters(emperor)
        if now and len(now) == COUNT and pids in (None, now):
            return time.monotonic() - began
        time.sleep(0.05 if pids else 0.5)  # each look costs the emperor some milliseconds
    raise SystemExit(f"bench: {COUNT} vassals did not run within {seconds} s\n"
                     + (emperor.directory / "emperor.log").read_text()[-4000:])


def rows(workshop):
    directory = workshop.directory / "adoption"
    directory.mkdir()
    emperor = lifecycle.Emperor(workshop.binaries, directory)
    try:
        for number in range(COUNT):
            emperor.write(f"app{number:03}")
        wait_all(emperor, 300)
        pids, times = masters(emperor), []
        load = lifecycle.Load(emperor.socket_of("app000"), request.packet(), threads=1)
        for _ in range(ROUNDS):
            emperor.process.kill()
            emperor.process.wait()
            (emperor.runtime / "control.sock").unlink(missing_ok=True)  # so that start() waits for the next one's
            began = time.monotonic()
            emperor.start()
            wait_all(emperor, 60, pids)
            times.append(time.monotonic() - began)
        result = load.finish()
    finally:
        emperor.stop()
    row = Row("adoption", f"kill -9 of the emperor: start to all {COUNT} vassals adopted",
              value=statistics.median(times), unit="s",
              bar=ADOPTION_BAR, figures=result,
              ours=f"worst {max(times):.3f} s, {result['failed']} of {result['requests']} failed")
    if result["failed"]:
        row.problem = f"{result['failed']} failed {result['problems']}"
    yield row
