"""Rollouts of running apps: overtaken by newer edits, and many of them at once."""
import threading
import time

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until


@pytest.fixture
def ledger(scratch):
    return Ledger(scratch)


def test_a_newer_edit_overtakes_a_rollout_that_takes_long(emperor, ledger):
    def deploy(version, **env):
        emperor.write("shop", "deploys:application",
                      **{k: v for k, v in ledger.app(VERSION=version, **env).items() if k == "env"})

    deploy("1")
    emperor.wait_serving("shop")
    with ledger.add("shop", emperor.socket("shop"), rate=200):
        deploy("2", START="60")
        emperor.wait_state("shop", "reloading")
        wait_until(lambda: emperor.status("shop")["successor"], 15, "a successor")
        deploy("3")
        wait_until(lambda: ledger.wait_answers(5).answered()[-1].version == "3", 30, "the newest version")
    assert not ledger.lost, ledger.summary()
    assert {entry.version for entry in ledger.answered()} == {"1", "3"}


def test_a_rollout_has_a_deadline(emperor, ledger):
    keys = {"timeouts_start": "2s", "timeouts_kill": "1s"}
    emperor.write("shop", "deploys:application", env=ledger.app()["env"], **keys)
    emperor.wait_serving("shop")
    with ledger.add("shop", emperor.socket("shop"), rate=200):
        emperor.write("shop", "deploys:application", env=ledger.app(START="60")["env"], **keys)
        wait_until(lambda: emperor.status("shop")["last_reload"].startswith("failed"), 20, "the end of the rollout")
        assert "timeouts.start" in emperor.status("shop")["last_reload"]
    assert not ledger.lost, ledger.summary()


def test_rollouts_of_everything_take_turns(idle_emperor, scratch, ledger):
    config = scratch / "emperor.yaml"
    config.write_text("start_parallelism: 2\n")
    emperor = idle_emperor.start("--config", config)
    names = [f"app{i}" for i in range(24)]
    for name in names:
        emperor.write(name, **ledger.app(), timeouts_drain="5s")
    emperor.wait_serving(*names, seconds=60)
    for name in (names[0], names[12], names[23]):
        ledger.add(name, emperor.socket(name), clients=1, rate=40)
    ledger.__enter__()
    for name in names:
        emperor.write(name, **ledger.app(), timeouts_drain="5s", before_start="sleep 0.2")
    is_over, most = threading.Event(), []

    def sample():
        while not is_over.is_set():
            most.append(len(processes.masters_of(emperor.process.pid)))
            time.sleep(0.01)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        wait_until(lambda: all(row["last_reload"] == "ok" for row in emperor.apps_status().values()), 90, "24 rollouts", 0.2)
        assert emperor.ctl("reload", "*", timeout=120).returncode == 0
    finally:
        is_over.set()
        sampler.join()
        ledger.finish()
    assert not ledger.lost, ledger.summary()
    assert len(names) < max(most) <= len(names) + 2, max(most)
