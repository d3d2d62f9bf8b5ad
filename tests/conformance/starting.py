"""Starting the servers that the cases run against: one process, one thread each, on every protocol that they speak."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
KNOWN = ("vassal", "uwsgi", "gunicorn")


def default_binaries():
    return pathlib.Path(os.environ.get("EMPEROR_BIN", HERE.parents[1] / "build/release/bin"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def plan(name, directory, binaries):
    """(command, addresses, command that prints the version)"""
    http = f"127.0.0.1:{free_port()}"
    sockets = {protocol: directory / f"{name}-{protocol}.sock" for protocol in ("uwsgi", "fastcgi", "scgi")}
    addresses = [f"http:{http}", *(f"{protocol}:{path}" for protocol, path in sockets.items())]
    if name == "vassal":
        listen = [part for address in addresses for part in ("--listen", address)]
        return [binaries / "vassal", *listen, "--chdir", HERE, "app:application"], addresses, [binaries / "vassal", "--version"]
    if name == "uwsgi":
        return ["uwsgi", "--plugin", "python3", "--need-app", "--die-on-term", "--disable-logging", "--http-socket", http,
                "--uwsgi-socket", sockets["uwsgi"], "--fastcgi-socket", sockets["fastcgi"], "--scgi-socket", sockets["scgi"],
                "--module", "app:application"], addresses, ["uwsgi", "--version"]
    return ["gunicorn", "--worker-class", "gthread", "--bind", http, "app:application"], addresses[:1], ["gunicorn", "--version"]


def answers(address):
    target = address.split(":", 1)[1]
    with socket.socket(socket.AF_UNIX if target.startswith("/") else socket.AF_INET) as probe:
        host, _, port = target.rpartition(":")
        return probe.connect_ex(target if target.startswith("/") else (host, int(port))) == 0


@contextlib.contextmanager
def started(name, directory, binaries):
    """Yields ("uWSGI 2.0.21", its addresses); stops it afterwards."""
    command, addresses, version = plan(name, directory, binaries)
    said = subprocess.run([str(part) for part in version], capture_output=True, text=True, timeout=20)
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    log = directory / f"{name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([str(part) for part in command], cwd=HERE, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        deadline = time.monotonic() + 30
        while not all(answers(address) for address in addresses):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)
        yield f"{ {'uwsgi': 'uWSGI'}.get(name, name) } {found.group(0) if found else ''}".strip(), addresses
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
