#!/usr/bin/python3
"""Measures what a request costs, in the vassal and in its peers on the same machine in the same run: alternating rounds, a
first one to warm up, medians of the server CPU time per request of the whole process tree (schedstat), servers on one
processor and the client on another. One row per case, judged against its bar.

  tests/bench/run.py                          all rows, some minutes
  tests/bench/run.py --quick                  a first look in a minute: few rounds, short ones
  tests/bench/run.py --only uwsgi,http        some rows; --list names them
  tests/bench/run.py --json all.json --markdown all.md
  tests/bench/run.py --only scale,scale-1000  fleets of 300 and 1000 vassals, some minutes; only when asked for

A busy machine makes nonsense of CPU figures: where the bare C loop's own rounds differ too much, or the loop is no
floor, the row says "too noisy" instead of a verdict. Instruction and system call counts hold on any machine.
Exit: 0 every bar met · 1 one missed · 3 none missed, but some too noisy to tell · 2 usage."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time

import adoption
import comparisons
import concurrency
import explain
import figures
import instructions
import lifecycle
import memory
import on_demand
import report
import scale
import servers

ON_REQUEST = ("scale", "scale-1000")  # take a machine of their own, and 8 GB for uWSGI's thousand

ROOT = pathlib.Path(__file__).resolve().parents[2]


def groups_for(workshop, arguments):
    """Name -> what yields its rows, in the order of the table."""
    share = 0.25 if arguments.quick else 1.0
    rounds = arguments.rounds or (3 if arguments.quick else 7)
    compare = comparisons.Comparisons(workshop, rounds, share)

    def one(measure):
        return lambda: [measure()]

    return {
        "uwsgi": one(compare.uwsgi), "access-log": one(compare.uwsgi_access_log), "threads": one(compare.uwsgi_threads),
        "http": compare.http, "instructions": lambda: instructions.rows(workshop), "calls": lambda: explain.rows(workshop),
        "herd": one(compare.herd), "download": one(compare.download), "upload": one(compare.upload),
        "upload-buffered": one(compare.upload_buffered), "flask": one(compare.flask), "django": one(compare.django),
        "protocols": compare.protocols, "sleeping": lambda: concurrency.measure(workshop, share),
        "memory": one(lambda: memory.measure(workshop)), "lifecycle": lambda: lifecycle.rows(workshop),
        "on-demand": lambda: on_demand.rows(workshop),
        "figures": lambda: figures.rows(workshop.binaries),
        "scale": lambda: scale.rows(workshop, 300, arguments.rounds or (1 if arguments.quick else 3)),
        "scale-1000": lambda: scale.rows(workshop, 1000, arguments.rounds or (1 if arguments.quick else 2)),
        "adoption": lambda: adoption.rows(workshop),
    }


def measure_all(workshop, groups, show):
    """Every group's rows; a group whose servers cannot run is a missed row that says why."""
    rows = []
    for name, measure in groups.items():
        try:
            for row in measure():
                rows.append(row)
                show(report.as_text(row, report.WIDTHS))
        except servers.Missing as problem:
            rows.append(report.Row(name, name, problem=str(problem)))
            show(report.as_text(rows[-1], report.WIDTHS))
        finally:
            workshop.stop_all()
    return rows


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{len(os.sched_getaffinity(0))} × {model}, Linux {platform.release()}, Python {platform.python_version()}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("EMPEROR_BIN", ROOT / "build/release/bin")),
                        help="directory of the binaries (default: build/release/bin)")
    parser.add_argument("--only", metavar="ROW,…", help="only these groups of rows (see --list)")
    parser.add_argument("--list", action="store_true", help="the groups' names")
    parser.add_argument("--quick", action="store_true", help="3 short rounds: for a look, not for a verdict")
    parser.add_argument("--rounds", type=int, help="(default: 7)")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON too; '-' is standard output, alone")
    parser.add_argument("--markdown", metavar="FILE",
                        help="write the table as markdown too, between the marks bench:begin and bench:end "
                                                           "where the file has them; '-' is standard output, alone")
    parser.add_argument("--section", default="bench",
                        help="the marks in the markdown file are SECTION:begin and SECTION:end (default: bench)")
    arguments = parser.parse_args()
    if arguments.json == "-" == arguments.markdown:
        parser.error("only one of --json and --markdown can have standard output")
    return parser, arguments


def choose(parser, groups, only):
    wanted = only.split(",") if only else [name for name in groups if name not in ON_REQUEST]
    for name in wanted:
        if name not in groups:
            parser.error(f"no rows {name!r}; there are: {', '.join(groups)}")
    return {name: groups[name] for name in groups if name in wanted}


def write(target, text):
    if target == "-":
        sys.stdout.write(text)
    elif target:
        pathlib.Path(target).write_text(text)


def between_marks(target, text, section):
    """The file's text with `text` between the section's marks, or `text` alone."""
    path = pathlib.Path(target)
    before, mark, rest = (path.read_text() if target != "-" and path.exists() else "").partition(f"<!-- {section}:begin -->\n")
    _, end, after = rest.partition(f"<!-- {section}:end -->")
    return before + mark + text + end + after if mark and end else text


def closing_words(rows):
    missed = [row for row in rows if row.verdict == report.MISSED]
    noisy = [row for row in rows if row.verdict == report.NOISY]
    for row in missed:
        print(f"bench: missed: {row.what}: {row.problem or row.shown_value() + ', bar ' + row.shown_bar()}", file=sys.stderr)
    for row in noisy:
        print(f"bench: too noisy to tell: {row.what}: {row.shown_value()}, bar {row.shown_bar()}", file=sys.stderr)
    return 1 if missed else 3 if noisy else 0


def main():
    parser, arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: everything is stopped and removed
    processors = sorted(os.sched_getaffinity(0))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="emperor-bench-"))
    tools = ROOT / "build/bench"
    workshop = servers.Workshop(arguments.bin.resolve(), tools, directory, {processors[0]}, {processors[-1]})
    show = (lambda *_: None) if "-" in (arguments.json, arguments.markdown) else lambda text: print(text, flush=True)
    try:
        groups = choose(parser, groups_for(workshop, arguments), arguments.only)
        if arguments.list:
            print("\n".join(groups_for(workshop, arguments)))
            return 0
        servers.compile_tools(tools)
        began = time.monotonic()
        about = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "versions": servers.versions(workshop.binaries)}
        title = f"{about['machine']}; " + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        show(f"{title}\nCPU time per request, medians of alternating rounds; spread: of the middle half of the rounds\n\n"
             f"{report.heading()}")
        rows = measure_all(workshop, groups, show)
        show(f"\n{time.monotonic() - began:.0f} s")
    except KeyboardInterrupt:
        return 130
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second one does not interrupt the clearing up
        workshop.stop_all()
        shutil.rmtree(directory, ignore_errors=True)
    write(arguments.json, json.dumps({**about, "rows": [row.as_json() for row in rows]}, indent=2, ensure_ascii=False) + "\n")
    if arguments.markdown:
        write(arguments.markdown,
              between_marks(arguments.markdown, report.as_markdown(rows, f"{title}; {about['date']}"), arguments.section))
    return closing_words(rows)


if __name__ == "__main__":
    sys.exit(main())
