#!/usr/bin/python3
"""Runs the conformance cases against live servers that host tests/conformance/app.py, and compares them.

  tests/conformance/run.py --start vassal --start uwsgi --start gunicorn     a table, and every deviation
  tests/conformance/run.py --start vassal --exact                            the project's own bar: exact statuses
  tests/conformance/run.py --server http:127.0.0.1:8000 --server uwsgi:/run/app.sock      any server, one process of it

An address is PROTOCOL:/path or PROTOCOL:HOST:PORT with http, uwsgi, fastcgi or scgi; the suite follows from the protocol, and
the PEP 3333 cases run on each. "differs": the standard leaves it to the server, and this one decided otherwise than the vassal.
Exit: 0 nothing failed · 1 something failed · 2 usage."""
import argparse
import json
import pathlib
import sys
import tempfile

import judge
import starting

HERE = pathlib.Path(__file__).resolve().parent
TITLES = {"http": "HTTP/1.1 requests", "uwsgi": "uwsgi packets", "fastcgi": "FastCGI records", "scgi": "SCGI requests",
          "wsgi": "PEP 3333"}


def cases_of(suite):
    for path in sorted((HERE / suite).glob("*.json")):
        yield from json.loads(path.read_text())


def verdicts_for(addresses, exact):
    """Every case of the addresses' protocols, and PEP 3333 on each of them."""
    for address in addresses:
        protocol = address.split(":", 1)[0]
        for case in cases_of(protocol):
            yield protocol, judge.run_case(address, protocol, case, exact)
        for case in cases_of("wsgi"):
            yield protocol, judge.run_case(address, "wsgi", case, exact)


def table(results):
    """Rows: suite (and over which protocol); columns: servers; cells: passed / differs / failed."""
    rows = {}
    for server, verdicts in results.items():
        for protocol, verdict in verdicts:
            key = TITLES[verdict.suite] + (f" over {protocol}" if verdict.suite == "wsgi" else "")
            counts = rows.setdefault(key, {}).setdefault(server, {judge.PASSED: 0, judge.DIFFERS: 0, judge.FAILED: 0})
            counts[verdict.outcome] += 1
    lines = ["| suite | cases | " + " | ".join(results) + " |", "|---|---|" + "---|" * len(results)]
    for key, servers in rows.items():
        total = sum(next(iter(servers.values())).values())
        cells = [f"{c[judge.PASSED]} / {c[judge.DIFFERS]} / {c[judge.FAILED]}" if (c := servers.get(name)) else "–"
                 for name in results]
        lines.append(f"| {key} | {total} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", default=[], metavar="PROTOCOL:ADDRESS", help="a server that runs already")
    parser.add_argument("--start", action="append", default=[], choices=starting.KNOWN, help="start this one for the run")
    parser.add_argument("--bin", type=pathlib.Path, default=starting.default_binaries(), help="directory of the binaries")
    parser.add_argument("--exact", action="store_true", help="exact statuses, and no liberties: the vassal's bar")
    parser.add_argument("--json", metavar="FILE", help="every verdict as JSON too")
    parser.add_argument("--quiet", action="store_true", help="the table only")
    arguments = parser.parse_args()
    if not arguments.server and not arguments.start:
        parser.error("name a --server or --start one")
    for address in arguments.server:
        if address.split(":", 1)[0] not in ("http", "uwsgi", "fastcgi", "scgi"):
            parser.error(f"{address}: not PROTOCOL:ADDRESS")
    return arguments


def main():
    arguments, results = parse(), {}
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        if arguments.server:
            results["server"] = list(verdicts_for(arguments.server, arguments.exact))
        for name in arguments.start:
            with starting.started(name, pathlib.Path(directory), arguments.bin) as (title, addresses):
                results[title] = list(verdicts_for(addresses, arguments.exact))
    if not arguments.quiet:
        for server, verdicts in results.items():
            for protocol, verdict in verdicts:
                if verdict.outcome != judge.PASSED:
                    print(f"{server}, {protocol}: {verdict.suite}/{verdict.name} [{verdict.rule}] "
                          f"{verdict.outcome}: {verdict.detail}")
        print()
    print("passed / differs where the standard leaves it open / failed\n\n" + table(results))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(
            {server: [{"protocol": protocol, **vars(verdict)} for protocol, verdict in verdicts]
             for server, verdicts in results.items()}, indent=1) + "\n")
    return 1 if any(verdict.outcome == judge.FAILED for verdicts in results.values() for _, verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
