"""The ledger's app in versions that are good or bad: MOOD=errors answers with 500; START=seconds is how long its import takes."""
import os
import time
from urllib.parse import parse_qs

import ledger

time.sleep(float(os.environ.get("START", "0")))


def application(environ, start_response):
    if os.environ.get("MOOD") != "errors":
        return ledger.application(environ, start_response)
    ledger.note(parse_qs(environ["QUERY_STRING"]).get("id", ["none"])[0])
    start_response("500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"sorry"]
