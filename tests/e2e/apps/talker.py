"""Numbers its lines: `/say?from=0&count=100` prints "NAME 0" … "NAME 99"; with TALK=0.005 it talks by itself, all the time."""
import os
import threading
import time
from urllib.parse import parse_qs

NAME = os.environ.get("TALKER", "line")


def talk_on():
    number = 0
    while True:
        print(f"{NAME} {number}", flush=True)
        number += 1
        time.sleep(float(os.environ["TALK"]))


if "TALK" in os.environ:
    threading.Thread(target=talk_on, daemon=True).start()


def application(environ, start_response):
    query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    first, padding = int(query.get("from", 0)), query.get("padding", "")
    for number in range(first, first + int(query.get("count", 0))):
        print(f"{NAME} {number}{padding}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
