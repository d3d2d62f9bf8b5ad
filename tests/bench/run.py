#!/usr/bin/python3
"""Measures hello world on a unix uwsgi socket: Emperor's vassal, Debian's uWSGI, and a bare C loop, in alternating
rounds; prints medians and (ours - loop) / (uWSGI - loop) of the server CPU time per request, which is the bar.
With --lifecycle also: new file to first request, and a reload with a 2 s import under load. With --instructions also:
user instructions per request (callgrind, exact). Exit 0 when every bar is met, 1 when one is missed."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import instructions
import lifecycle
import request
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]


def round_of(server, client, packet, count, connections, processors):
    before = server.cpu_ns()
    done = subprocess.run([client, server.socket, packet, str(count), str(connections)], stdout=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, processors))
    if not done.stdout:
        raise SystemExit(f"bench: the client failed against {server.name}\n{server.log.read_text()[-4000:]}")
    figures = json.loads(done.stdout)
    figures["cpu_us"] = (server.cpu_ns() - before) / 1000 / count
    figures["rate"] = figures["requests"] / figures["seconds"]
    return figures


def measure_requests(arguments, directory, tools):
    """server name -> medians over the rounds, with every round's CPU figure."""
    processors = sorted(os.sched_getaffinity(0))
    for_server, for_client = ({processors[0]}, {processors[-1]}) if len(processors) > 1 else (set(processors),) * 2
    packet = directory / "request"
    packet.write_bytes(request.packet())
    running = []
    try:
        for start in (lambda: servers.vassal(arguments.bin, directory, for_server),
                      lambda: servers.uwsgi(directory, for_server),
                      lambda: servers.loop(tools, directory, for_server)):
            running.append(start())
        rounds = {server.name: [] for server in running}
        for number in range(-1, arguments.rounds):  # the first one only warms up
            for server in running:
                figures = round_of(server, tools / "client", packet, arguments.requests, arguments.connections, for_client)
                if number >= 0:
                    rounds[server.name].append(figures)
    finally:
        for server in running:
            server.stop()
    result = {}
    for name, figures in rounds.items():
        result[name] = {key: statistics.median(one[key] for one in figures) for key in figures[0]}
        result[name]["failed"] = sum(one["failed"] for one in figures)
        result[name]["cpu_us_rounds"] = [round(one["cpu_us"], 2) for one in figures]
    return result


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{len(os.sched_getaffinity(0))} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def print_requests(result):
    print(f"{'server':<10} {'CPU/request':>12} {'requests/s':>11} {'p50':>9} {'p90':>9} {'p99':>9} {'failed':>7}")
    for name, row in result.items():
        print(f"{name:<10} {row['cpu_us']:>9.2f} µs {row['rate']:>11.0f} {row['p50_us']:>6.0f} µs {row['p90_us']:>6.0f} µs "
              f"{row['p99_us']:>6.0f} µs {row['failed']:>7}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path(os.environ.get("EMPEROR_BIN", ROOT / "build/release/bin")),
                        help="directory of the binaries (default: build/release/bin)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=20000, help="per server and round (default: 20000)")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--bar", type=float, default=0.8, help="highest passing ratio (default: 0.8)")
    parser.add_argument("--lifecycle", action="store_true", help="new file to first request; reload under load")
    parser.add_argument("--instructions", action="store_true", help="user instructions per request, by callgrind")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON too; '-' is standard output, alone")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    show = (lambda *_: None) if arguments.json == "-" else print

    tools = ROOT / "build/bench"
    servers.compile_tools(tools)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="emperor-bench-"))
    report, missed = {"machine": machine()}, []
    try:
        show(f"hello world, uwsgi protocol, unix socket, 21 variables, 1 worker, {arguments.connections} connections; "
             f"medians of {arguments.rounds} × {arguments.requests} requests\n{report['machine']}\n")
        result = report["requests"] = measure_requests(arguments, directory, tools)
        if arguments.json != "-":
            print_requests(result)
        ours, theirs, floor = (result[name]["cpu_us"] for name in ("emperor", "uwsgi", "loop"))
        ratio = report["ratio"] = round((ours - floor) / (theirs - floor), 3)
        show(f"\n(ours - loop) / (uWSGI - loop) = {ratio:.2f}   (bar: at most {arguments.bar})")
        if floor >= min(ours, theirs):
            missed.append("the bare loop is not the floor of this run: the machine is too busy to measure on")
        elif ratio > arguments.bar:
            missed.append(f"ratio {ratio} > {arguments.bar}")
        if any(row["failed"] for row in result.values()):
            missed.append("failed requests")
        if arguments.instructions:
            report["instructions"] = instructions.per_request(arguments.bin, directory, tools)
            show(f"user instructions per request: {report['instructions']}")
        if arguments.lifecycle:
            report["lifecycle"] = lifecycle.measure(arguments.bin, directory, show)
            missed += lifecycle.missed(report["lifecycle"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    report["missed"] = missed
    if arguments.json == "-":
        print(json.dumps(report, indent=2))
    elif arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=2) + "\n")
    for line in missed:
        print(f"bench: missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
