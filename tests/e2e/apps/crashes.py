"""The ledger's app with ways to die: by a request (/exit, /segfault, /eat, /hold), and at its import, which a file decides that a
test may change while the app runs (BREAK)."""
import ctypes
import os
import signal
import time

import ledger


def eat():
    held = []
    while True:
        held.append(b"x" * (8 << 20))


def hold():
    """In C, with the interpreter lock, for ever: a signal handler of the server's that cuts a sleep changes nothing."""
    while True:
        ctypes.PyDLL(None).sleep(3600)


DEATHS = {
    "/exit": lambda: os._exit(0),
    "/segfault": lambda: ctypes.string_at(0),
    "/kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "/eat": eat,
    "/hold": hold,
}


def application(environ, start_response):
    death = DEATHS.get(environ["PATH_INFO"])
    if death:
        print(f"about to do {environ['PATH_INFO']}", flush=True)
        death()
    return ledger.application(environ, start_response)


def import_as_told():
    try:
        with open(os.environ["BREAK"]) as file:
            how = file.read().strip()
    except (KeyError, OSError):
        return
    if how:
        print(f"about to do {how} at import", flush=True)
    if how == "hang":
        time.sleep(3600)
    elif how == "hold":
        DEATHS["/hold"]()
    elif how:
        DEATHS[f"/{how}"]()


if os.environ.get("BLOCK_SIGTERM"):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

import_as_told()
