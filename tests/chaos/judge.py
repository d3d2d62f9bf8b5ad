"""Judges what the clients saw against what the storm did. A request may be lost only inside a process that was killed, or with
a vassal whose file was removed; it may be told to come back (503) only by a vassal whose code was broken. Samples, while the
storm blows, that no vassal has more than two masters."""
import threading
from collections import Counter, defaultdict

SLACK = 0.05  # seconds: a deed is recorded a moment before it is done
STARVED = 4.0  # seconds: a limit is lifted after 2, and what could not start waits for a backoff of 1
MEMORY = "emperor's memory, KiB"
ABSENT = ("refused", "no socket", "reset", "empty answer")


def overlaps(entry, spans):
    return any(entry.ended >= since - SLACK and entry.begun <= until + SLACK for since, until in spans)


class Judge:
    def __init__(self, deeds, ledger):
        """Deaths were told to the ledger; it knows what was inside of the processes."""
        self.ledger = ledger
        self.absent, self.broken, self.starved = defaultdict(list), defaultdict(list), defaultdict(list)
        for deed in deeds:
            if deed.kind in ("left no descriptors to", "let no process start in"):
                self.starved[deed.vassal].append([deed.time, deed.time + STARVED])
            if deed.kind == "removed":
                self.absent[deed.vassal].append([deed.time, float("inf")])
            elif deed.kind in ("broke the code of", "broke the file of"):
                self.broken[deed.vassal].append([deed.time, float("inf")])
            elif deed.kind == "mended":
                for span in self.absent[deed.vassal] + self.broken[deed.vassal]:
                    span[1] = min(span[1], deed.time)
        self._wait_for_first_answers()
        self.explained = Counter()

    def _wait_for_first_answers(self):
        """A vassal that came back, or was mended, counts as away until it answered."""
        answered = defaultdict(list)
        for entry in self.ledger.answered():
            answered[entry.target].append(entry.ended)
        for windows in (self.absent, self.broken):
            for vassal, spans in windows.items():
                for span in spans:
                    span[1] = min((time for time in answered[vassal] if time >= span[1]), default=span[1] + 30)

    def reason_of(self, entry):
        """Why this loss had to be; None when it must not."""
        if entry.lost in ABSENT and overlaps(entry, self.absent[entry.target]):
            return "its vassal was removed"
        if entry.lost == "status 503" and self.was_broken(entry):
            return "its vassal could not start, and said so"
        if entry.lost == "status 500" and overlaps(entry, self.starved[entry.target]):
            return "its app could not open a file"
        return None

    def was_broken(self, entry):
        """Its vassal's code or file, at some time while it waited."""
        return overlaps(entry, self.broken[entry.target])

    def unexplained(self):
        outside = self.ledger.unexplained()
        self.explained["inside a killed process"] = self.ledger.failed - len(outside)
        left = []
        for entry in outside:
            reason = self.reason_of(entry)
            if reason:
                self.explained[reason] += 1
            else:
                left.append(entry)
        return left


class Watch:
    """Counts masters per vassal until finish(): never more than two (I1)."""

    def __init__(self, town):
        self.town, self.worst, self.samples = town, {}, 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.wait(0.25):
            self.samples += 1
            for name, pids in self.town.processes()["master"].items():
                if len(pids) > len(self.worst.get(name, ())):
                    self.worst[name] = pids

    def finish(self):
        self._ending.set()
        self._thread.join()
        return {name: pids for name, pids in self.worst.items() if len(pids) > 2}


def grown(before, after, seconds):
    """What is more than 5 % off after a storm of so long; descriptors and files may besides differ by 2, and memory, while the
    five minutes of durations that each vassal has fill up, by 1 MiB."""
    allowance = {"emperor's descriptors": 2, "files": 2, MEMORY: 1024 if seconds < 600 else 0}
    return [f"{what}: {before[what]} before, {after[what]} after" for what in before
            if after[what] > before[what] * 1.05 + allowance.get(what, 0)]


def story(deeds, entry, seconds=2.0):
    """What was done to its vassal, or to all, around a request."""
    return [f"{deed.time - entry.ended:+.3f} s {deed.kind} {deed.vassal} {deed.pid or ''}".rstrip() for deed in deeds
            if entry.begun - seconds <= deed.time <= entry.ended + seconds and deed.vassal in ("", entry.target)]
