"""New file to first request, and a reload with a 2 s import under load: failed requests and the longest stall."""
import os
import socket
import statistics
import subprocess
import threading
import time

import request

FIRST_REQUEST_BAR = 0.5  # seconds
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
        with open(directory / "emperor.log", "wb") as log:
            self.process = subprocess.Popen([binaries / "emperor", "--vassals", self.vassals, "--runtime-dir", self.runtime],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not (self.runtime / "control.sock").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit("bench: the emperor does not start\n" + (directory / "emperor.log").read_text()[-4000:])
            time.sleep(0.01)

    def socket_of(self, name):
        return str(self.runtime / "sockets" / f"{name}.sock")

    def write(self, name, seconds=0.0):
        write_atomically(self.vassals / f"{name}.yaml",
                         f"app: slow:application\nchdir: {self.directory}\nenv: {{IMPORT_SECONDS: '{seconds}'}}\n")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def first_request(emperor, name, packet):
    """Seconds from the file's appearance to the end of its app's first answer."""
    began = time.monotonic()
    emperor.write(name)
    while time.monotonic() - began < 30:
        try:
            if ask(emperor.socket_of(name), packet):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.002)
    raise SystemExit(f"bench: {name} did not answer within 30 s")


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
    deadline = time.monotonic() + 30
    while True:
        try:
            if ask(emperor.socket_of("slow"), packet):
                break
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit("bench: the slow app did not start within 30 s")
        time.sleep(0.05)
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


def measure(binaries, directory, show):
    packet = request.packet()
    emperor = Emperor(binaries, directory)
    try:
        times = [first_request(emperor, f"app{number}", packet) for number in range(7)]
        first = {"median_s": round(statistics.median(times), 3), "worst_s": round(max(times), 3)}
        show(f"new file to first request: median {first['median_s']} s, worst {first['worst_s']} s (bar: {FIRST_REQUEST_BAR} s)")
        reload = reload_under_load(emperor, packet)
        show(f"reload with a 2 s import under load: {reload['failed']} of {reload['requests']} failed, longest gap between answers "
             f"{reload['longest_gap_s']} s, slowest request {reload['slowest_request_s']} s (bar: 0 failed, {STALL_BAR} s)")
        return {"first_request": first, "reload": reload}
    finally:
        emperor.stop()


def missed(result):
    lines = []
    if result["first_request"]["median_s"] > FIRST_REQUEST_BAR:
        lines.append(f"first request after {result['first_request']['median_s']} s > {FIRST_REQUEST_BAR} s")
    if result["reload"]["failed"] or result["reload"]["exit_code"]:
        lines.append(f"reload under load: {result['reload']['failed']} failed, exit {result['reload']['exit_code']}")
    if result["reload"]["slowest_request_s"] > STALL_BAR:
        lines.append(f"a request waited {result['reload']['slowest_request_s']} s > {STALL_BAR} s during the reload")
    return lines
