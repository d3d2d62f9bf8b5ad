"""Debian's Chromium, driven by playwright-core from npm (a pinned version, installed into a scratch directory)."""
import json
import pathlib
import select
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PLAYWRIGHT = "playwright-core@1.65.1"


class Unavailable(Exception):
    """With the reason: no browser, no node, or a registry that refuses."""


def install(directory):
    """playwright-core below `directory`; it holds no browser, Debian's is used."""
    for program in ("node", "npm", "chromium"):
        if not shutil.which(program):
            raise Unavailable(f"no {program}: scripts/setup.sh --test installs it")
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / "node_modules" / "playwright-core").exists():
        return directory
    (directory / "package.json").write_text('{"private": true}\n')
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", PLAYWRIGHT],
                          cwd=directory, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise Unavailable(f"npm refused {PLAYWRIGHT}: {(done.stderr.strip().splitlines() or [done.returncode])[-1]}")
    return directory


class Browser:
    """One page at a time: open(), then the others act on it. Code is JavaScript, an expression."""

    def __init__(self, directory):
        self.process = subprocess.Popen(["node", HERE / "browser_driver.mjs"], cwd=directory, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def _ask(self, operation, seconds=30, **arguments):
        self.process.stdin.write(json.dumps({"operation": operation, **arguments}) + "\n")
        assert select.select([self.process.stdout], [], [], seconds)[0], f"the browser did not answer {operation} {arguments}"
        answer = json.loads(self.process.stdout.readline() or '{"ok": false, "error": "the browser ended"}')
        assert answer["ok"], f"{operation} {arguments}: {answer['error']}"
        return answer["result"]

    def open(self, url, width=1280, height=800, scheme="light"):
        self._ask("open", url=url, width=width, height=height, scheme=scheme)
        return self

    def evaluate(self, code):
        return self._ask("evaluate", code=code)

    def wait(self, code, seconds=15):
        try:
            return self._ask("wait", code=code, timeout=seconds * 1000, seconds=seconds + 10)
        except AssertionError as error:
            shown = self.evaluate("document.body.innerText.slice(0, 1500)")
            raise AssertionError(f"{error}\ncomplaints: {self.complaints()}\nthe page:\n{shown}") from None

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")

    def click(self, selector):
        self._ask("click", selector=selector)

    def fill(self, selector, text):
        self._ask("fill", selector=selector, text=text)

    def press(self, key):
        self._ask("press", key=key)

    def shot(self, path, whole=False):
        self._ask("shot", path=str(path), whole=whole)

    def complaints(self):
        return self._ask("complaints")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
