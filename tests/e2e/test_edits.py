"""Edits in quick succession, in every manner that editors and deploy tools know, beside operators' commands, under load:
nobody loses a request, and the newest file is what serves."""
import itertools
import json
import os
import subprocess
import sys
import threading

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until

PAUSES = (0.0, 0.02, 0.12, 0.0, 0.3, 0.05, 0.15, 0.0)  # around the settle time of 0.1 s


class Shop:
    def __init__(self, emperor, scratch):
        self.emperor, self.scratch, self.ledger = emperor, scratch, Ledger(scratch)
        self.path, self.versions = emperor.path_of("shop"), itertools.count(1)
        self.rename(self.path)
        emperor.wait_running("shop")
        self.ledger.add("shop", emperor.socket("shop"), clients=3, rate=150)

    def text(self):
        """The next version; every other one differs in keys of other classes, too."""
        version = next(self.versions)
        app = self.ledger.app(VERSION=str(version), START="0.2" if version % 3 == 0 else "0")
        keys = {"app": "deploys:application", "chdir": str(self.emperor.apps), "workers": 1 + version % 3,
                "timeouts": {"drain": f"{10 + version}s"}, "env": {"PYTHONDONTWRITEBYTECODE": "1", **app["env"]}}
        self.version = str(version)
        return json.dumps(keys, indent=1)

    def in_place(self, path):
        path.write_text(self.text())

    def in_pieces(self, path):
        text = self.text()
        with open(path, "w") as file:
            for start in range(0, len(text), 80):
                file.write(text[start:start + 80])
                file.flush()

    def rename(self, path):
        aside = path.with_suffix(".part")
        aside.write_text(self.text())
        os.replace(aside, path)

    def recreate(self, path):
        text = self.text()
        path.unlink()
        path.write_text(text)

    def flip_link(self, path):
        target, link = self.scratch / f"{next(self.versions)}.yaml", path.with_suffix(".link")
        target.write_text(self.text())
        link.symlink_to(target)
        os.replace(link, path)

    def break_and_mend(self, path):
        aside = path.with_suffix(".part")
        aside.write_text("app: [\n")
        os.replace(aside, path)
        self.rename(path)

    def converge(self):
        self.ledger.wait_answers(5)
        wait_until(lambda: self.ledger.answered()[-1].version == self.version, 20,
                   lambda: f"version {self.version}; {self.emperor.status('shop')}\n{self.emperor.output()[-3000:]}")
        self.emperor.wait_state("shop", "running")
        wait_until(lambda: len(processes.masters_of(self.emperor.process.pid)) == 1, 20, "one master")


@pytest.fixture
def shop(emperor, scratch):
    return Shop(emperor, scratch)


MANNERS = {"in place": Shop.in_place, "in pieces": Shop.in_pieces, "renamed over": Shop.rename,
           "removed and made anew": Shop.recreate, "a link that is switched": Shop.flip_link,
           "broken and mended": Shop.break_and_mend}


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS.keys())
def test_quick_edits_lose_nothing_and_the_last_one_serves(shop, manner):
    pause = threading.Event()  # never set: the pauses are the subject
    with shop.ledger:
        shop.ledger.wait_answers(5)
        for seconds in PAUSES * 2:
            manner(shop, shop.path)
            pause.wait(seconds)
        shop.converge()
        shop.ledger.wait_answers(20)
    assert not shop.ledger.lost, shop.ledger.summary()
    assert " invalid " not in shop.emperor.output() or manner is Shop.break_and_mend


COMMANDS = (["reload"], ["scale", "3"], ["rollback"], ["reload"], ["restart"], ["start"], ["scale", "1"], ["rollback"],
            ["reload"], ["restart"])
OUTCOMES = ("overtaken by", "refused", "rolled back", "invalid", "error")


def test_operators_commands_beside_edits_are_all_answered_and_lose_nothing(shop):
    pause, answers, threads = threading.Event(), [], []

    def order(command, *rest):
        answers.append((command, shop.emperor.ctl(command, "shop", *rest)))

    with shop.ledger:
        shop.ledger.wait_answers(5)
        manners = itertools.cycle(MANNERS.values())
        for seconds, command in zip(PAUSES * 2, COMMANDS * 2):
            threads.append(threading.Thread(target=order, args=command))
            threads[-1].start()
            if not shop.path.is_symlink():
                next(manners)(shop, shop.path)
            else:
                shop.rename(shop.path)
            pause.wait(seconds)
        for thread in threads:
            thread.join(90)
        shop.rename(shop.path)
        shop.converge()
        shop.ledger.wait_answers(20)
    assert not shop.ledger.lost, shop.ledger.summary()
    assert len(answers) == len(threads)
    for command, done in answers:
        assert done.returncode in (0, 1), (command, done)
        assert done.returncode == 0 or any(word in done.stderr for word in OUTCOMES), done


# ---- changes that go on for longer than the second after which the emperor looks in any case

class Noise:
    """Something else in the directory changes all the time. A process of its own: it waits for nobody's interpreter lock."""

    def __init__(self, directory):
        self.file = directory / "notes"

    def __enter__(self):
        code = "import sys, time\nwhile True:\n    open(sys.argv[1], 'w').close()\n    time.sleep(0.01)\n"
        self.process = subprocess.Popen([sys.executable, "-c", code, self.file])
        wait_until(self.file.exists, 10, "noise")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_a_file_that_is_made_anew_in_the_middle_of_a_long_burst_was_never_away(shop):
    pause, start = threading.Event(), len(shop.emperor.output())
    with shop.ledger:
        shop.ledger.wait_answers(5)
        with Noise(shop.path.parent):
            for _ in range(3):
                pause.wait(0.7)
                text = shop.text()
                shop.path.unlink()
                pause.wait(0.5)
                shop.path.write_text(text)
        shop.converge()
        shop.ledger.wait_answers(20)
    assert not shop.ledger.lost, shop.ledger.summary()
    assert " removed " not in shop.emperor.output()[start:]


def test_a_file_that_is_removed_in_the_middle_of_a_long_burst_is_gone_at_last(shop):
    with Noise(shop.path.parent):
        shop.path.unlink()
        wait_until(lambda: shop.emperor.status("shop") is None, 10, "its end, while the burst goes on")


SLOW_WRITER = """
import sys, time
with open(sys.argv[1], "w", buffering=1) as file:
    for line in sys.stdin.readlines():
        file.write(line)
        time.sleep(0.02)
"""


def test_a_file_that_takes_long_to_be_written_is_taken_when_it_is_whole(shop):
    """Each of its beginnings is a valid file. The noise: a writer that pauses for 0.1 s has not ended the burst."""
    start = len(shop.emperor.output())
    whole = json.loads(shop.text()) | {"before_start": "true"}
    lines = [f"# line {number}\n" for number in range(80)]
    lines[:0] = [f"{key}: {json.dumps(whole[key])}\n" for key in ("app", "chdir", "env")]
    lines += [f"{key}: {json.dumps(whole[key])}\n" for key in ("workers", "timeouts", "before_start")]
    with shop.ledger:
        shop.ledger.wait_answers(5)
        with Noise(shop.path.parent):
            subprocess.run([sys.executable, "-c", SLOW_WRITER, shop.path], input="".join(lines), text=True, check=True,
                           timeout=60)
        wait_until(lambda: shop.emperor.ctl_json("config", "shop")["values"].get("before_start") == "true", 20, "the whole file")
        shop.converge()
    assert not shop.ledger.lost, shop.ledger.summary()
    assert shop.emperor.output()[start:].count(" reloading ") == 1, shop.emperor.output()[start:]
