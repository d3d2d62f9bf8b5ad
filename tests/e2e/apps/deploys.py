"""The ledger's app in versions that are good or bad: MOOD=errors answers with 500; START=seconds is how long its import
takes, PROBE its answer to /healthz. The end of an import leaves a file imported-VERSION beside the notes."""
import os
import time
from urllib.parse import parse_qs

import ledger

time.sleep(float(os.environ.get("START", "0")))
open(f"{os.environ['LEDGER']}/imported-{os.environ.get('VERSION', '1')}", "a").close()


def application(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        time.sleep(float(os.environ.get("PROBE", "0")))
    if os.environ.get("MOOD") != "errors":
        return ledger.application(environ, start_response)
    ledger.note(parse_qs(environ["QUERY_STRING"]).get("id", ["none"])[0])
    start_response("500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"sorry"]
