"""A ledger for apps that echo nothing: one socket, one URI, and a check of each answer of the caller's own."""
from collections import Counter

from harness.ledger import Ledger, Lost


class Load(Ledger):
    """Threads that send one request after the other until finish(). Use as a context manager."""

    def __init__(self, where, uri="/", threads=4, timeout=20.0, check=None):
        super().__init__(timeout=timeout)
        self.check, self.bodies = check or (lambda answer: answer.status == 200), Counter()
        self.add("load", where, clients=threads, uri=uri)

    def uri_of(self, target, entry):
        return target.uri

    def judge(self, entry, answer):
        if not self.check(answer):
            raise Lost(f"status {answer.status}")
        with self._lock:
            self.bodies[answer.body[:64]] += 1
