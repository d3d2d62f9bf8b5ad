"""Every way to die, under load, with a ledger: only what was inside of the dead process is lost, its place is taken at once, then
after a growing pause; the cause is on show; the neighbours notice nothing."""
import os
import re
import time

import pytest

from harness import processes
from harness.cgroup import MemoryCgroup
from harness.ledger import Ledger
from harness.waiting import wait_until

MEMORY = 192 << 20


class Scene:
    """`shop` (two workers) and its neighbour, both under a modest load. Deaths of shop's workers are in the ledger."""

    def __init__(self, emperor, directory, before_neighbour=None, **keys):
        self.emperor, self.directory, self.ledger = emperor, directory, Ledger(directory)
        self.broken = directory / "broken"
        self.keys = {"workers": 2, **keys}
        self.write()
        if before_neighbour:
            emperor.wait_serving("shop")
            before_neighbour()
        emperor.write("neighbour", **self.ledger.app())
        emperor.wait_serving("shop", "neighbour")
        emperor.wait_state("shop", "running")
        emperor.wait_state("neighbour", "running")
        self.ledger.add("shop", emperor.socket("shop"), clients=3, rate=60)
        self.ledger.add("neighbour", emperor.socket("neighbour"), clients=2, rate=60)

    def write(self, **env):
        app = self.ledger.app(BREAK=str(self.broken), **env)
        return self.emperor.write("shop", **{**app, "app": "crashes:application", **self.keys})

    def __enter__(self):
        self.ledger.__enter__()
        self.ledger.wait_answers(40, "neighbour")
        self.quiet = self.ledger.p99("neighbour")
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.ledger.wait_answers(40, "neighbour")
            self.ledger.wait_answers(20, "shop")
        self.ledger.finish()

    def check(self, measured):
        """Nobody lost what was not inside of a dead process, and the neighbour nothing at all."""
        p99 = self.ledger.p99("neighbour", self.began)
        measured(f"neighbour's p99 {self.quiet * 1000:.1f} ms, then {p99 * 1000:.1f} ms; {self.ledger.summary()}")
        assert not self.ledger.unexplained(), self.ledger.summary()
        assert not [entry for entry in self.ledger.lost if entry.target == "neighbour"], self.ledger.summary()
        assert p99 <= 10 * self.quiet + 0.05, "the neighbour waited"  # of a hundred requests it is the slowest

    def workers(self):
        return {worker["pid"] for worker in self.emperor.ctl_json("show", "shop")["worker_list"] if worker["state"] == "serving"}

    def master(self):
        """The one of the generation that serves; None while there is none."""
        return next((one["pid"] for one in self.emperor.ctl_json("show", "shop")["instances"] if one["role"] == "active"), None)

    def die(self, path):
        """A worker of shop ends by a request of ours; its line in the log: (reason, milliseconds until the next start)."""
        since, seen = time.monotonic(), len(self.exits())
        processes_before = self.workers()
        try:
            assert self.emperor.get("shop", path, timeout=30).status == 0
        except ConnectionError:
            pass
        wait_until(lambda: len(self.exits()) > seen, 15, self.emperor.output)
        pid, reason, retry = self.exits()[seen]
        assert pid in processes_before
        self.ledger.died(pid, since)
        return reason, retry

    def exits(self):
        """(pid, reason, milliseconds) of each end of a worker of shop that the log tells of."""
        line = r"worker exited vassal=shop .*?pid=(\d+) .*?reason=(\"[^\"]*\"|\S+) retry_ms=(\d+)"
        lines = re.findall(line, self.emperor.output())
        return [(int(pid), reason.strip('"'), int(retry)) for pid, reason, retry in lines]

    def history(self):
        return self.emperor.ctl_json("show", "shop")["history"]


@pytest.fixture
def cgroup(request):
    try:
        group = MemoryCgroup(request.node.name.partition("[")[0][-20:], MEMORY)
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield group
    wait_until(lambda: not (group.path / "cgroup.procs").read_text(), 10, "an empty cgroup")
    group.remove()


DEATHS = {
    "kill -9": ("/kill", "killed by signal 9 (SIGKILL)"),
    "segmentation fault": ("/segfault", "killed by signal 11 (SIGSEGV, segmentation fault)"),
    "os._exit(0)": ("/exit", "exit code 0"),
}


@pytest.mark.parametrize("path, reason", DEATHS.values(), ids=DEATHS.keys())
def test_a_worker_that_dies_is_replaced_at_once_then_later_and_later(emperor, scratch, measured, path, reason):
    with Scene(emperor, scratch, workers=1, restart_stable="1h") as scene:
        retries = []
        for _ in range(4):
            told, retry = scene.die(path)
            assert told == reason
            retries.append(retry)
            scene.ledger.wait_answers(1, "shop")
    measured(f"next starts after {retries} ms")
    scene.check(measured)
    assert retries[0] == 0 and all(80 * 2 ** n <= retry <= 120 * 2 ** n for n, retry in enumerate(retries[1:])), retries
    shown = emperor.ctl("show", "shop").stdout
    assert reason in shown and f"about to do {path}" in shown, shown
    assert emperor.status("shop")["workers"]["serving"] == 1


def test_a_worker_that_is_out_of_memory_is_recognised(cgroup, idle_emperor, scratch, measured):
    """shop's processes have a limit of their own, as a unit or a container gives it."""
    with cgroup.inside():
        emperor = idle_emperor.start()
    with Scene(emperor, scratch, before_neighbour=lambda: cgroup.let_out(emperor.process.pid)) as scene:
        assert scene.die("/eat") == ("killed by the kernel: out of memory", 0)
        # The next SIGKILL is not the kernel's.
        assert scene.die("/kill")[0] == "killed by signal 9 (SIGKILL)"
    scene.check(measured)
    assert "killed by the kernel: out of memory" in emperor.ctl("show", "shop").stdout


RESETS = {
    "it served for restart.stable": lambda scene: time.sleep(0.4),
    "an edit of its file": lambda scene: scene.write(VERSION="2"),
    "an operator's reload": lambda scene: scene.emperor.ctl("reload", "shop"),
}


@pytest.mark.parametrize("reset", RESETS.values(), ids=RESETS.keys())
def test_a_success_starts_the_count_of_crashes_anew(emperor, scratch, reset):
    is_stable = reset is RESETS["it served for restart.stable"]
    scene = Scene(emperor, scratch, workers=1, restart_stable="300ms" if is_stable else "1h")
    assert scene.die("/kill")[1] == 0
    emperor.wait_serving("shop")
    assert scene.die("/kill")[1] > 0
    emperor.wait_serving("shop")
    before = scene.workers()
    reset(scene)
    if not is_stable:
        wait_until(lambda: scene.workers() and not scene.workers() & before, 15, "another generation")
    assert scene.die("/kill")[1] == 0


def crashes_of(emperor):
    """(reason, seconds until the next attempt or 0) of each end of shop's master that its history tells of."""
    history = emperor.ctl_json("show", "shop")["history"]
    ends = [[entry["text"], 0.0] for entry in history if entry["event"] == "crashed"]
    pauses = [entry for entry in history if entry["event"] == "backoff"]
    for end, pause in zip(ends[len(ends) - len(pauses):], pauses):
        end[1] = float(re.search(r"next attempt in ([0-9.]+) s", pause["text"])[1])
    return ends


def test_a_master_that_is_killed_again_and_again_is_started_at_once_then_later_and_later(emperor, scratch, measured):
    with Scene(emperor, scratch, restart_stable="1h") as scene:
        for round_ in range(4):
            workers = scene.workers()
            scene.ledger.kill(scene.master())
            wait_until(lambda: len(crashes_of(emperor)) == round_ + 1, 10)
            if round_ < 3:
                wait_until(lambda: scene.workers() and not scene.workers() & workers, 15, emperor.output)
                scene.ledger.wait_answers(5, "shop")
        pauses = [pause for _, pause in crashes_of(emperor)]
    measured(f"next starts after {pauses} s")
    scene.check(measured)
    assert not scene.ledger.lost, "the workers of a dead master finish what they accepted"
    assert pauses[0] == 0 and all(0.07 * 2 ** n <= pause <= 0.13 * 2 ** n for n, pause in enumerate(pauses[1:])), pauses
    assert {reason for reason, _ in crashes_of(emperor)} == {"signal 9 (SIGKILL)"}
    assert emperor.status("shop")["restarts"] == 4


@pytest.mark.parametrize("reset", ["an edit", "a touch", "an operator's start"])
def test_a_change_or_an_order_ends_the_pause_after_crashes(emperor, scratch, reset):
    scene = Scene(emperor, scratch, workers=1, restart_initial="60s", restart_max="60s")
    for _ in range(2):
        master = scene.master()
        scene.ledger.kill(master)
        wait_until(lambda: emperor.state("shop") == "backoff" or scene.master() not in (None, master), 15, emperor.output)
    row = emperor.wait_state("shop", "backoff")
    assert row["reason"] == "signal 9 (SIGKILL)" and row["retry_at_us"] > time.time_ns() // 1000 + 30_000_000
    if reset == "an operator's start":
        assert emperor.ctl("start", "shop").returncode == 0
    elif reset == "an edit":
        scene.write(VERSION="2")
    else:
        emperor.path_of("shop").touch()
    emperor.wait_serving("shop", seconds=15)
    emperor.wait_state("shop", "running")


def test_a_mold_that_is_killed_costs_nobody_anything(emperor, scratch, measured):
    with Scene(emperor, scratch, preload=True) as scene:
        master, workers = scene.master(), scene.workers()
        for _ in range(2):
            mold, = set(processes.children_of(master)) - scene.workers()
            scene.ledger.kill(mold)
            emperor.wait_log("the mold ended: killed by signal 9 (SIGKILL); the next worker that is needed starts another")
            assert scene.workers() & workers
            assert scene.die("/exit")[1] in range(0, 121), "its replacement needs a new mold"
            wait_until(lambda: len(scene.workers()) == 2, 15, emperor.output)
    scene.check(measured)
    assert not scene.ledger.lost, scene.ledger.summary()


# ---- starts that come to nothing

STARTS = {
    "segmentation fault": ("segfault", "killed by signal 11 (SIGSEGV, segmentation fault)"),
    "os._exit(0)": ("exit", "exit code 0"),
    "an import that hangs": ("hang", "not ready within timeouts.start"),
    "an import that holds the lock": ("hold", "not ready within timeouts.start"),
}


@pytest.mark.parametrize("how, reason", STARTS.values(), ids=STARTS.keys())
def test_a_generation_that_does_not_start_leaves_the_old_one_in_place(emperor, scratch, measured, how, reason):
    with Scene(emperor, scratch, timeouts_start="2s", timeouts_kill="1s") as scene:
        workers = scene.workers()
        scene.broken.write_text(how)
        done = emperor.ctl("reload", "shop")
        assert done.returncode == 1 and reason in done.stderr and f"about to do {how} at import" in done.stderr, done.stderr
        scene.ledger.wait_answers(20, "shop")
        assert scene.workers() == workers
    scene.check(measured)
    assert not scene.ledger.lost
    assert reason in emperor.status("shop")["last_reload"]
    assert f"about to do {how} at import" in emperor.ctl("show", "shop").stdout


@pytest.mark.parametrize("kind, attempts", [("segmentation fault", 4), ("an import that hangs", 2)])
def test_a_first_start_that_fails_is_tried_later_and_later_until_it_works(emperor, scratch, kind, attempts):
    ledger, broken, (how, reason) = Ledger(scratch), scratch / "broken", STARTS[kind]
    broken.write_text(how)
    app = ledger.app(BREAK=str(broken))
    emperor.write("shop", **{**app, "app": "crashes:application"}, timeouts_start="2s", timeouts_kill="1s")

    def pauses():
        return [float(pause) for pause in re.findall(r"backoff vassal=shop .*?next attempt in ([0-9.]+) s", emperor.output())]

    wait_until(lambda: len(pauses()) >= attempts, 30, emperor.output)
    assert all(0.07 * 2 ** n <= pause <= 0.13 * 2 ** n for n, pause in enumerate(pauses()[:attempts])), pauses()
    assert emperor.state("shop") in ("backoff", "starting")
    assert reason in emperor.ctl("show", "shop").stdout and reason in emperor.ctl("why", "shop").stdout
    broken.unlink()
    emperor.wait_serving("shop", seconds=30)
    assert emperor.wait_state("shop", "running")["reason"] == ""


def test_a_replacement_that_never_becomes_ready_is_ended_and_the_others_serve(emperor, scratch, measured):
    with Scene(emperor, scratch, timeouts_start="2s") as scene:
        scene.broken.write_text("hang")
        scene.die("/kill")
        wait_until(lambda: any("not ready within timeouts.start" in reason for _, reason, _ in scene.exits()), 15, emperor.output)
        scene.ledger.wait_answers(20, "shop")
        assert len(scene.workers()) == 1 and emperor.state("shop") == "running"
        scene.broken.unlink()
        wait_until(lambda: len(scene.workers()) == 2, 20, emperor.output)
    scene.check(measured)
    assert not scene.ledger.lost


def test_an_app_that_blocks_sigterm_is_replaced_and_removed_like_any_other(emperor, scratch, measured):
    scene = Scene(emperor, scratch, timeouts_drain="2s", timeouts_kill="1s")
    scene.write(BLOCK_SIGTERM="1")
    with scene:
        first = scene.workers()
        assert emperor.ctl("reload", "shop").returncode == 0
        for pid in first:
            processes.wait_gone(pid)
    scene.check(measured)
    assert not scene.ledger.lost
    last = scene.workers()
    emperor.remove("shop")
    for pid in last:
        processes.wait_gone(pid)


def test_a_worker_whose_app_holds_the_lock_for_ever_is_replaced(emperor, scratch, measured):
    with Scene(emperor, scratch, timeouts_request="1s", timeouts_drain="1s") as scene:
        stuck = scene.emperor.get("shop", "/hold", timeout=30)
        assert stuck.status == 504
        wait_until(lambda: scene.exits(), 15, emperor.output)
        assert scene.exits()[0][1].startswith("request timeout: GET /hold after 1")
        wait_until(lambda: len(scene.workers()) == 2, 15, emperor.output)
    scene.check(measured)
    assert not scene.ledger.lost, "who waits in the queue beside it is served by the other worker"
    emperor.wait_log("crashes.py")
