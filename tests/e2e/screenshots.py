#!/usr/bin/python3
"""The fleet behind scripts/screenshots.sh: apps of every state under a little load, and the pictures."""
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from harness import browser, uwsgi  # noqa: E402
from harness.emperor import Emperor  # noqa: E402
from harness.nginx import free_port  # noqa: E402

APP = '''
import random, sys, time
def application(environ, start_response):
    path = environ["PATH_INFO"]
    time.sleep(random.expovariate(1 / {mean}))
    if path == "/slow":
        time.sleep(6)
    print("%s %s 200" % (environ["REQUEST_METHOD"], path), file=sys.stderr, flush=True)
    failed = random.random() < {failing}
    if failed:
        print("ERROR checkout: payment provider did not answer", file=sys.stderr, flush=True)
    start_response("503 Service Unavailable" if failed else "200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 200]
'''
SECONDS = int(os.environ.get("SECONDS_OF_LOAD", "75"))  # of load: charts want some points
# name, mean seconds, failing share, workers, requests per second
FLEET = [("shop", 0.012, 0.004, 4, 30), ("blog", 0.004, 0, 2, 12), ("api", 0.003, 0.002, 4, 45),
         ("intranet", 0.02, 0, 2, 3), ("wiki", 0.03, 0, 2, 5),
         ("search", 0.008, 0, 3, 18), ("newsletter", 0.05, 0, 1, 1), ("billing", 0.025, 0.01, 2, 4)]


def make(emperor, directory):
    for name, mean, failing, workers, _ in FLEET:
        (directory / f"{name}.py").write_text(APP.format(mean=mean, failing=failing))
        emperor.write(name, f"{name}.py", directory, workers=workers, env={"DJANGO_SETTINGS_MODULE": f"{name}.settings"})
    (directory / "crm.py").write_text("import stripe_client\n")
    emperor.write("crm", "crm.py", directory)
    emperor.write("maps", "blog.py", directory, on_demand=True)
    emperor.write_text("forum", f"app: blog.py\nchdir: {directory}\nwokers: 4\n")
    emperor.write("archive", "blog.py", directory)
    emperor.wait_running(*[row[0] for row in FLEET], "archive")
    emperor.ctl("stop", "archive")


def load(emperor, name, rate, end):
    waves = random.Random(name)
    while time.monotonic() < end.wait_until and not end.is_set():
        end.wait(waves.expovariate(rate * (1 + 0.6 * waves.random())))
        try:
            emperor.get(name, waves.choice(["/", "/cart", "/products/42", "/login", "/search?q=tea"]), timeout=10)
        except OSError:
            pass


def take(drive, url, out):
    sizes = [("1280", 1280, 900), ("390", 390, 844)]
    for scheme in ("light", "dark"):
        for label, width, height in sizes:
            drive.open(url, width, height, scheme)
            drive.wait("document.querySelectorAll('tbody tr[data-app]').length >= 12"
                       " && document.querySelector('.spark .line').getAttribute('d')")
            drive.shot(out / f"fleet-{label}-{scheme}.png")
            drive.open(f"{url}#/app/shop", width, height if width < 800 else 1320, scheme)
            drive.wait("document.querySelectorAll('.chart canvas').length === 5"
                       " && document.querySelectorAll('table.workers tbody tr').length > 0"
                       " && document.querySelectorAll('.log > div').length > 5"
                       " && document.querySelectorAll('.config tbody tr').length > 2")
            drive.shot(out / f"app-{label}-{scheme}.png", whole=width < 800)


def states(drive, url, emperor, out):
    """Not found, gone: what one sees when something is not there."""
    drive.open(f"{url}#/app/forum", 1280, 900, "light")
    drive.wait("document.querySelector('.why')?.textContent.includes('forum.yaml')")
    drive.shot(out / "app-invalid-1280-light.png")
    drive.open(url, 1280, 900, "dark")
    drive.wait("document.querySelectorAll('tbody tr[data-app]').length >= 12")
    emperor.stop(signal.SIGQUIT)
    drive.wait("document.body.dataset.link === 'gone'")
    drive.shot(out / "gone-1280-dark.png")


def main():
    root = HERE.parents[1]
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="emperor-shots-"))
    scratch.chmod(0o755)
    emperor = Emperor(root / "build/release/bin", scratch, scratch)
    drive, end = None, threading.Event()
    try:
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        emperor.start("--http", f"127.0.0.1:{port}")
        make(emperor, scratch)
        end.wait_until = time.monotonic() + SECONDS + 60
        threads = [threading.Thread(target=load, args=(emperor, name, rate, end)) for name, _, _, _, rate in FLEET]
        threads.append(threading.Thread(target=lambda: [uwsgi_slow(emperor, end) for _ in range(30)]))
        for thread in threads:
            thread.start()
        drive = browser.Browser(browser.install(root / "build" / "browser"))
        drive.open(url)  # somebody looks: points every 5 s
        time.sleep(SECONDS)
        take(drive, url, out)
        end.set()
        for thread in threads:
            thread.join()
        states(drive, url, emperor, out)
        emperor.start()
    finally:
        end.set()
        if drive:
            drive.close()
        if emperor.process and emperor.process.poll() is None:
            emperor.stop(signal.SIGTERM)
        shutil.rmtree(scratch, ignore_errors=True)
    print("\n".join(sorted(str(path) for path in out.glob("*.png"))))


def uwsgi_slow(emperor, end):
    if not end.is_set():
        try:
            uwsgi.request(emperor.socket("shop"), "/slow", timeout=15)
        except OSError:
            pass


if __name__ == "__main__":
    main()
