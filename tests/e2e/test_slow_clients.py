"""Two thousand clients that hold connections and hardly use them, on one worker of one thread: the others see no change."""
import pathlib
import re
import resource
import statistics
import time

import pytest

from harness import uwsgi
from harness.nginx import free_port
from harness.slow_clients import SlowClients

IDLE = SLOW = 1000
ROUNDS, SECONDS = 5, 0.6


@pytest.fixture
def files():
    """The vassal gets the usual limit of descriptors, this process more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4200:
        pytest.skip(f"2,000 connections need a hard limit of 4,200 open files; it is {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def rss(pid):
    """Anonymous memory of a process, in bytes."""
    return int(re.search(r"^RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * 1024


def measure(path):
    """(requests per second, 99th percentile in seconds): the best and the median of some rounds, the machine is shared."""
    rates, tails = [], []
    for _ in range(ROUNDS):
        began, times = time.monotonic(), []
        while (sent := time.monotonic()) < began + SECONDS:
            assert uwsgi.request(path, "/", timeout=20).status == 200
            times.append(time.monotonic() - sent)
        rates.append(len(times) / (time.monotonic() - began))
        tails.append(statistics.quantiles(times, n=100)[98])
    return max(rates), statistics.median(tails)


def test_two_thousand_idle_and_slow_clients_change_nothing_for_the_others(files, emperor, measured):
    port = free_port()
    emperor.write("shop", listen=[f"uwsgi:{emperor.socket('shop')}", f"http:127.0.0.1:{port}"], workers=1, threads=1,
                  timeouts_header="300s", timeouts_keepalive="300s")
    emperor.wait_state("shop", "running")
    path, pid = emperor.socket("shop"), emperor.pid("shop")
    measure(path)  # everything is warm
    rate, tail = measure(path)
    with SlowClients(port) as clients:
        assert clients.ask("idle 50") == "done"
        before = rss(pid)
        assert clients.ask(f"idle {IDLE}") == "done"
        per_idle = (rss(pid) - before) / IDLE
        before = rss(pid)
        assert clients.ask(f"slow {SLOW}") == "done"
        crowded_rate, crowded_tail = measure(path)
        per_slow = (rss(pid) - before) / SLOW
        assert clients.ask("check") == "0", "connections that the server has ended"
        measured(f"{rate:.0f} requests/s alone, {crowded_rate:.0f} beside {IDLE + SLOW} clients; p99 {tail * 1000:.2f} and "
                 f"{crowded_tail * 1000:.2f} ms; {per_idle:.0f} bytes of the worker per idle client, {per_slow:.0f} per slow one")
        assert emperor.pid("shop") == pid
    # The machine may have become busier meanwhile: what counts is the worse of before and after.
    after_rate, after_tail = measure(path)
    rate, tail = min(rate, after_rate), max(tail, after_tail)
    assert per_idle < 1024
    assert per_slow < 32 * 1024
    assert crowded_rate > rate / 3
    assert crowded_tail < 10 * tail + 0.02
