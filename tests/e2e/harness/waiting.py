"""Waiting for a condition with a deadline; never a fixed sleep as synchronisation."""
import time


def wait_until(condition, seconds=15.0, what="", every=0.02):
    """The first true value of condition(); an AssertionError that names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            shown = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {shown or condition}")
        time.sleep(every)
