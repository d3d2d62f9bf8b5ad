"""New file to first request, and a reload with a 2 s import under load: failed requests and the longest stall."""
import os
import socket
import statistics
import subprocess
import threading
import time

import request
from report import Row

FIRST_REQUEST_BAR = 0.3  # seconds
STALL_BAR = 0.1          # seconds without any answer

SLOW_APP = """import os, time
time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


def ask(path, packet, timeout=10.0):
    """One request; True when it was answered with status 200."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(path)
        client.sendall(packet)
        answer = b""
        while block := client.recv(65536):
            answer += block
        return answer[8:12] == b" 200"


def write_atomically(path, text):
    path.with_suffix(".tmp").write_text(text)
    os.replace(path.with_suffix(".tmp"), path)


class Emperor:
    def __init__(self, binaries, directory):
        self.binaries, self.directory = binaries, directory
        self.vassals, self.runtime = directory / "vassals", directory / "run"
        self.vassals.mkdir()
        (directory / "slow.py").write_text(SLOW_APP)
        self.start()

    def start(self):
        with open(self.directory / "emperor.log", "ab") as log:
            self.process = subprocess.Popen([self.binaries / "emperor", "--vassals", self.vassals, "--runtime-dir", self.runtime],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while not (self.runtime / "control.sock").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise SystemExit("bench: the emperor does not start\n" + (self.directory / "emperor.log").read_text()[-4000:])
            time.sleep(0.01)

    def socket_of(self, name):
        return str(self.runtime / "sockets" / f"{name}.sock")

    def write_app(self, name, app, chdir, env="{}"):
        write_atomically(self.vassals / f"{name}.yaml", f"app: {app}\nchdir: {chdir}\nenv: {env}\n")

    def write(self, name, seconds=0.0):
        self.write_app(name, "slow:application", self.directory, f"{{IMPORT_SECONDS: '{seconds}'}}")

    def wait_serving(self, name, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if ask(self.socket_of(name), request.packet()):
                    return
            except OSError:
                pass
            time.sleep(0.002)
        raise SystemExit(f"bench: {name} did not answer within {seconds} s\n"
                         + (self.directory / "emperor.log").read_text()[-4000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def first_request(emperor, name):
    """Seconds from the file's appearance to the end of its app's first answer."""
    began = time.monotonic()
    emperor.write(name)
    emperor.wait_serving(name)
    return time.monotonic() - began


class Load:
    """Threads that ask without a pause, until finish(); every answer's time and every failure is kept."""

    def __init__(self, path, packet, threads=8):
        self.path, self.packet = path, packet
        self.answered, self.failed, self.slowest = [], [], 0.0
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.ending.is_set():
            began, problem = time.monotonic(), None
            try:
                if not ask(self.path, self.packet):
                    problem = "status"
            except OSError as error:
                problem = repr(error)
            ended = time.monotonic()
            with self.lock:
                self.answered.append(ended)
                self.slowest = max(self.slowest, ended - began)
                if problem:
                    self.failed.append(problem)

    def finish(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        moments = sorted(self.answered)
        return {"requests": len(moments), "failed": len(self.failed), "problems": sorted(set(self.failed))[:5],
                "longest_gap_s": round(max((b - a for a, b in zip(moments, moments[1:])), default=0.0), 3),
                "slowest_request_s": round(self.slowest, 3)}


def reload_under_load(emperor, packet):
    emperor.write("slow", 2.0)
    emperor.wait_serving("slow")
    load = Load(emperor.socket_of("slow"), packet)
    time.sleep(0.5)  # load before and after, so that a stall at either edge is seen
    began = time.monotonic()
    done = subprocess.run([emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "reload", "slow"],
                          capture_output=True, text=True)
    took = time.monotonic() - began
    time.sleep(0.5)
    result = load.finish()
    result.update(reload_s=round(took, 3), exit_code=done.returncode)
    return result


def rows(workshop):
    directory = workshop.directory / "lifecycle"
    directory.mkdir()
    emperor = Emperor(workshop.binaries, directory)
    try:
        times = [first_request(emperor, f"app{number}") for number in range(7)]
        yield Row("first-request", "new file → first request served, trivial app", value=statistics.median(times), unit="s",
                  bar=FIRST_REQUEST_BAR, ours=f"worst {max(times):.3f} s")
        result = reload_under_load(emperor, request.packet())
    finally:
        emperor.stop()
    row = Row("reload", "reload with a 2 s import under load: slowest request", value=result["slowest_request_s"], unit="s",
              bar=STALL_BAR, ours=f"{result['failed']} of {result['requests']} failed", figures=result)
    if result["failed"] or result["exit_code"]:
        row.problem = f"{result['failed']} failed {result['problems']}, exit {result['exit_code']}"
    yield row
