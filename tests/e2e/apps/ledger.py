"""Answers each request with its id and who answered. Before that it notes the id in a file of its process, which outlives
a SIGKILL: so the ledger (harness/ledger.py) knows which requests were inside a process that was killed."""
import os
import threading
import time
from urllib.parse import parse_qs

_notes = {}
_lock = threading.Lock()


def note(identity):
    pid = os.getpid()
    with _lock:
        if pid not in _notes:  # a worker forked from a mold has a file of its own
            _notes.clear()
            _notes[pid] = os.open(f"{os.environ['LEDGER']}/{pid}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            if os.fstat(_notes[pid]).st_uid == os.geteuid():
                os.fchmod(_notes[pid], 0o666)  # the number may come again, to a process of another user
    os.write(_notes[pid], f"{identity}\n".encode())


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    identity = query.get("id", ["none"])[0]
    note(identity)
    if "s" in query:
        time.sleep(float(query["s"][0]))
    body = f"{identity} {os.getpid()} {os.environ.get('VERSION', '1')}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
