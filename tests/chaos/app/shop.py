"""What the storm's vassals host: the ledger's app, behind an import that can be broken by a flag file and can take its time."""
import os
import time

import ledger

time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))
if os.path.exists(os.environ["BROKEN"]):
    raise RuntimeError("the code on disk is broken")


def application(environ, start_response):
    if environ["QUERY_STRING"].endswith("0"):
        print(f"{environ['QUERY_STRING']} in version {os.environ['VERSION']}", flush=True)
    return ledger.application(environ, start_response)
