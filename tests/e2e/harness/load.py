"""Continuous load with a ledger: every request is either answered as expected or is a failure with a name."""
import threading
import time
from collections import Counter

from harness import uwsgi


class Load:
    """Threads that send one request after the other until finish(). Use as a context manager."""

    def __init__(self, path, uri="/", threads=4, timeout=20.0, check=None):
        self.path, self.uri, self.timeout = path, uri, timeout
        self.check = check or (lambda answer: answer.status == 200)
        self.answered, self.slowest = [], 0.0
        self.failures = Counter()
        self.bodies = Counter()
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def _run(self):
        while not self._ending.is_set():
            began, failure, body = time.monotonic(), None, None
            try:
                answer = uwsgi.request(self.path, self.uri, timeout=self.timeout)
                body = answer.body[:64]
                if not self.check(answer):
                    failure = f"status {answer.status}"
            except (OSError, ValueError, IndexError) as error:
                failure = type(error).__name__
            ended = time.monotonic()
            with self._lock:
                self.answered.append(ended)
                self.slowest = max(self.slowest, ended - began)
                if failure:
                    self.failures[failure] += 1
                else:
                    self.bodies[body] += 1

    @property
    def count(self):
        return len(self.answered)

    @property
    def failed(self):
        return sum(self.failures.values())

    def finish(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        return self

    @property
    def longest_gap(self):
        """Seconds without any answer."""
        moments = sorted(self.answered)
        return max((after - before for before, after in zip(moments, moments[1:])), default=0.0)

    def summary(self):
        return (f"{self.count} requests, {self.failed} failed {dict(self.failures)}, slowest {self.slowest:.3f} s, "
                f"longest gap {self.longest_gap:.3f} s")
