"""Where the time goes: system calls per request (strace -c on every process of the server) for a request of each kind, and
for the bare loop. Counting them makes a server slow, so it is done apart from the measured rounds."""
import re
import signal
import shutil
import subprocess
import time

import cpu
import request
import servers
from load import Load, ask
from report import Row

REQUESTS = 2000


def calls_per_request(workshop, server, load):
    """System call -> calls per request, of those made at least once in a hundred requests."""
    ask(workshop, server.address, Load(load.mode, load.request, 200, load.connections))
    output = workshop.directory / "strace"
    command = [servers.program("strace"), "-f", "-c", "-o", output]
    for pid in cpu.tree_of(server.process.pid):
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for _ in cpu.tree_of(server.process.pid):  # "strace: Process 1234 attached", one line each
            tracer.stderr.readline()
        ask(workshop, server.address, load)
        time.sleep(0.1)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)
    calls = {}
    for line in output.read_text().splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if found and found.group(2) != "total" and int(found.group(1)) * 100 >= load.requests:
            calls[found.group(2)] = round(int(found.group(1)) / load.requests, 2)
    return calls


def rows(workshop):
    if not shutil.which("strace"):
        yield Row("calls", "system calls per request", ours="strace is missing")
        return
    once, keep = workshop.directory / "request-once", workshop.directory / "request-keep"
    once.write_bytes(request.packet())
    keep.write_bytes(request.http())
    http = [f"http:127.0.0.1:{servers.free_port()}"]
    kinds = (("calls-uwsgi", "uwsgi", workshop.vassal, Load("once", once, REQUESTS)),
             ("calls-http", "HTTP keep-alive", lambda: workshop.vassal(listen=http), Load("keep", keep, REQUESTS)),
             ("calls-peer", "uWSGI", workshop.uwsgi, Load("once", once, REQUESTS)),
             ("calls-loop", "loop", lambda: workshop.loop("loop-calls"), Load("once", once, REQUESTS)))
    for key, what, start, load in kinds:
        server = start()
        try:
            calls = calls_per_request(workshop, server, load)
        finally:
            workshop.stop_all()
        shown = ", ".join(f"{name} {count:g}" for name, count in sorted(calls.items(), key=lambda item: -item[1]))
        yield Row(key, f"system calls per request, {what}", value=round(sum(calls.values()), 2), figures=calls, notes=[shown])
