"""Each path ends, or multiplies, the process in another way. Child processes report through files named by FOLDER."""
import atexit
import ctypes
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs

FOLDER = os.environ.get("FOLDER", ".")
TEXT = [("Content-Type", "text/plain")]
forks = {"before": 0, "parent": 0, "child": 0}


def count(where):
    forks[where] += 1


os.register_at_fork(before=lambda: count("before"), after_in_parent=lambda: count("parent"),
                    after_in_child=lambda: count("child"))

if os.environ.get("OWN_HANDLERS"):
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, lambda number, frame: report(f"handled-{number}", ""))

if os.environ.get("HANG_AT_EXIT"):
    atexit.register(lambda: (report("atexit", ""), time.sleep(3600)))


def report(name, text):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(text + "\n")


def waited(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork_and_return(environ, start_response):
    child = os.fork()
    if child == 0:
        print("the child's last line", end="")
        start_response("200 OK", TEXT)
        return [b"from the child"]
    status = waited(child)
    start_response("200 OK", TEXT)
    return [f"child {status}".encode()]


def fork_and_exit(environ, start_response):
    child = os.fork()
    if child == 0:
        sys.exit(7)
    start_response("200 OK", TEXT)
    return [f"child {waited(child)}".encode()]


def fork_and_raise(environ, start_response):
    child = os.fork()
    if child == 0:
        raise ValueError("the child's own failure")
    start_response("200 OK", TEXT)
    return [f"child {waited(child)}".encode()]


def fork_in_iteration(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one "
    child = os.fork()
    if child == 0:
        sys.exit(9)
    yield f"child {waited(child)}".encode()


def fork_and_live(environ, start_response):
    """The child outlives the request, and says which sockets it has."""
    child = os.fork()
    if child == 0:
        sockets = []
        for entry in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{entry}")
            except OSError:
                continue
            if target.startswith(("socket:", "anon_inode:")):
                sockets.append(target)
        report("sockets", json.dumps(sockets))
        time.sleep(float(parse_qs(environ["QUERY_STRING"])["s"][0]))
        os._exit(0)
    start_response("200 OK", TEXT)
    return [str(child).encode()]


def with_subprocess(environ, start_response):
    done = subprocess.run([sys.executable, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"],
                          capture_output=True, text=True, check=True)
    start_response("200 OK", TEXT)
    return [done.stdout.encode()]


def square(number):
    return number * number


def with_multiprocessing(environ, start_response):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        result = pool.map(square, range(4))
    start_response("200 OK", TEXT)
    return [json.dumps(result).encode()]


def show_forks(environ, start_response):
    time.sleep(0.05)  # so that the others are asked, too
    start_response("200 OK", TEXT)
    return [json.dumps({"pid": os.getpid(), **forks}).encode()]


def start_thread(environ, start_response):
    """Not a daemon: Python waits for it at its end."""
    threading.Thread(target=time.sleep, args=(3600,)).start()
    start_response("200 OK", TEXT)
    return [b"started"]


def null_pointer(environ, start_response):
    ctypes.string_at(0)


def overflow(environ, start_response):
    sys.setrecursionlimit(10 ** 9)

    def deeper(_):
        return list(map(deeper, [0]))  # through C, whose stack is the one that ends
    deeper(0)


def stuck(environ, start_response):
    """s seconds in C; hold=1 with the interpreter lock."""
    query = parse_qs(environ["QUERY_STRING"])
    seconds = int(query["s"][0])
    ctypes.PyDLL(None).sleep(seconds) if "hold" in query else time.sleep(seconds)
    start_response("200 OK", TEXT)
    return [b"slept"]


def spin(environ, start_response):
    while True:
        pass


def slept(environ, start_response):
    time.sleep(float(parse_qs(environ["QUERY_STRING"])["s"][0]))
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"slept"]


def half(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "100")])
    yield b"half"
    time.sleep(3600)


def long_stream(environ, start_response):
    start_response("200 OK", TEXT)
    for _ in range(160):
        yield b"x" * 65536


def pid(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def application(environ, start_response):
    return globals().get(environ["PATH_INFO"].strip("/"), pid)(environ, start_response)
