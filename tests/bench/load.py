"""Rounds of requests against several servers in turn, and the medians of what they cost."""
import json
import os
import statistics
import subprocess
from dataclasses import dataclass


@dataclass
class Load:
    """What the client does in one round: `mode` as in client.c, `request` a file."""
    mode: str
    request: object
    requests: int
    connections: int = 16


@dataclass
class Subject:
    """One column of a comparison: whom the client asks, how, and whose processor time counts, by name."""
    address: str
    load: Load
    trees: dict
    figures: list = None


def ask(workshop, address, load, processors=None):
    """One run of the client: its own figures."""
    done = subprocess.run([workshop.tools / "client", load.mode, address, load.request, str(load.requests),
                           str(load.connections)],
                          capture_output=True, text=True, timeout=300,
                          preexec_fn=lambda: os.sched_setaffinity(0, processors or workshop.for_client))
    if not done.stdout:
        raise SystemExit(f"bench: the client failed against {address}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def one_round(workshop, subject, processors):
    before = {name: server.snapshot() for name, server in subject.trees.items()}
    figures = ask(workshop, subject.address, subject.load, processors)
    used = {name: (server.snapshot() - before[name]) / 1000 / figures["requests"] for name, server in subject.trees.items()}
    figures.update({f"cpu_us_{name}": cost for name, cost in used.items()})
    figures["cpu_us"] = sum(used.values())
    figures["rate"] = figures["requests"] / figures["seconds"]
    figures["client_cpu_us"] = figures.pop("client_cpu_s") * 1e6 / figures["requests"]
    return figures


def alternate(workshop, subjects, rounds, processors=None):
    """name -> medians over the rounds; `failed` is the sum, `rounds` every round's CPU figure, `spread` how far the middle
    half of them lies apart, relative to the median. A first round only warms up."""
    measured = {name: [] for name in subjects}
    for number in range(-1, rounds):
        for name, subject in subjects.items():
            figures = one_round(workshop, subject, processors)
            if number >= 0:
                measured[name].append(figures)
    return {name: summary(figures) for name, figures in measured.items()}


def summary(figures):
    result = {key: statistics.median(one[key] for one in figures) for key in figures[0]}
    result["failed"] = sum(one["failed"] for one in figures)
    result["rounds"] = [round(one["cpu_us"], 2) for one in figures]
    result["spread"] = spread_of([one["cpu_us"] for one in figures])
    return result


def spread_of(values):
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / statistics.median(values)
