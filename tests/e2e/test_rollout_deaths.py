"""Whoever is killed at whichever step of a rollout, under load: only what was inside of a dead worker is lost, and in the end the
newest file serves, from one generation."""
import os
import signal

import pytest

from harness import processes
from harness.ledger import Ledger
from harness.waiting import wait_until


class Rollout:
    """`shop` serves version 1 under load while version 2 is on its way."""

    def __init__(self, emperor, scratch, preload):
        self.emperor, self.ledger, self.preload = emperor, Ledger(scratch), preload
        self.deploy(1)
        emperor.wait_running("shop")
        self.old = emperor.status("shop")["pid"]
        self.new = 0
        self.ledger.add("shop", emperor.socket("shop"), clients=3, rate=150)
        self.ledger.add("slow", emperor.socket("shop"), clients=1, uri="/?s=0.7")

    def deploy(self, version, start=0.0, probe=0.0):
        app = self.ledger.app(VERSION=str(version), START=str(start), PROBE=str(probe))
        self.emperor.write("shop", "deploys:application", workers=2, env=app["env"], preload=self.preload,
                           health={"path": "/healthz"})

    def successor(self):
        shown = self.emperor.ctl_json("show", "shop")["instances"]
        return next((one for one in shown if one["role"] == "successor"), None)

    def successor_in(self, step):
        one = self.successor()
        return one and one.get("step") == step and one

    def workers_of(self, master):
        return [pid for pid in processes.children_of(master) if processes.is_alive(pid)]

    # ---- the steps: each returns when the rollout is in the middle of it

    def importing(self):
        self.deploy(2, start=2)
        self.new = wait_until(lambda: self.successor_in("import"), 10)["pid"]

    def probing(self):
        self.deploy(2, probe=2)
        self.new = wait_until(lambda: self.successor_in("health"), 10)["pid"]

    def promoting(self):
        """Its workers have said that they are ready, and the emperor has not heard it."""
        self.deploy(2, start=0.7)
        self.new = wait_until(self.successor, 10)["pid"]
        os.kill(self.emperor.process.pid, signal.SIGSTOP)
        wait_until((self.ledger.notes / "imported-2").exists, 10)
        wait_until(lambda: all(processes.stat_of(pid)[0] == "S" for pid in self.workers_of(self.new)), 5)

    def draining(self):
        """The new one serves; the old one finishes a request."""
        self.ledger.wait_answers(1, "slow")
        self.deploy(2)
        wait_until(lambda: self.emperor.status("shop")["generation"] == 2, 10)
        self.new = self.emperor.status("shop")["pid"]

    # ---- the victims

    def go_on(self):
        if processes.is_alive(self.emperor.process.pid):
            os.kill(self.emperor.process.pid, signal.SIGCONT)

    def kill_workers(self, master):
        for pid in self.workers_of(master):
            if processes.is_alive(pid):  # the first one's death may have been the end of a start
                self.ledger.kill(pid)

    def kill_master(self, master):
        os.kill(master, signal.SIGKILL)
        self.go_on()
        processes.wait_gone(master)

    def kill_emperor(self, with_keeper=False):
        pids = [self.emperor.process.pid]
        if with_keeper:
            pids.append(self.emperor.keeper())
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.emperor.process.wait()
        for pid in pids[1:]:
            processes.wait_gone(pid)

    def restart_emperor(self, with_keeper=False, times=1):
        for turn in range(times):
            self.kill_emperor(with_keeper)
            start = len(self.emperor.output())
            self.emperor.start(wait=turn == times - 1)
            self.emperor.wait_log("emperor started", start=start)


    def upgrade(self):
        self.go_on()
        done = self.emperor.ctl("upgrade")
        assert done.returncode == 0, done.stderr


STEPS = {"import": Rollout.importing, "probe": Rollout.probing, "promotion": Rollout.promoting, "drain": Rollout.draining}
VICTIMS = {
    "the new master": lambda rollout: rollout.kill_master(rollout.new),
    "the new workers": lambda rollout: rollout.kill_workers(rollout.new),
    "the old master": lambda rollout: rollout.kill_master(rollout.old),
    "the old workers": lambda rollout: rollout.kill_workers(rollout.old),
    "both masters": lambda rollout: [rollout.kill_master(pid) for pid in (rollout.old, rollout.new)],
    "the emperor": lambda rollout: rollout.restart_emperor(),
    "the emperor, twice": lambda rollout: rollout.restart_emperor(times=2),
    "emperor and keeper, twice": lambda rollout: rollout.restart_emperor(with_keeper=True, times=2),
    "nobody, but the emperor is upgraded": lambda rollout: rollout.upgrade(),
    "the emperor and the new master": lambda rollout: [rollout.kill_master(rollout.new), rollout.restart_emperor()],
    "the emperor and the old master": lambda rollout: [rollout.kill_master(rollout.old), rollout.restart_emperor()],
}


@pytest.mark.parametrize("victim", VICTIMS.values(), ids=VICTIMS.keys())
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_a_death_in_the_middle_of_a_rollout_costs_nothing_but_what_was_inside(idle_emperor, scratch, step, victim, measured):
    emperor = idle_emperor.start()
    rollout = Rollout(emperor, scratch, preload=step in (Rollout.probing, Rollout.draining))
    ledger = rollout.ledger
    with ledger:
        ledger.wait_answers(20, "shop")
        try:
            step(rollout)
            victim(rollout)
        finally:
            rollout.go_on()
        ledger.wait_answers(20, "shop")
        wait_until(lambda: emperor.state("shop") == "running" and len(emperor.ctl_json("show", "shop")["instances"]) == 1, 30,
                   lambda: f"calm: {emperor.ctl_json('show', 'shop')}")
        if emperor.ctl_json("show", "shop")["configuration"]["env"]["VERSION"] == "1":
            # What was killed before it proved itself is not tried again until something changes.
            assert "signal 9 (SIGKILL)" in emperor.status("shop")["last_reload"], emperor.status("shop")
            emperor.path_of("shop").touch()
        wait_until(lambda: ledger.answered("shop")[-1].version == "2", 20, lambda: f"version 2; {emperor.status('shop')}")
        wait_until(lambda: len(emperor.ctl_json("show", "shop")["instances"]) == 1, 20)
        ledger.wait_answers(20, "shop")
        assert {entry.version for entry in ledger.answered("shop")[-20:]} == {"2"}
    measured(ledger.summary())
    assert not ledger.unexplained(), ledger.summary()
    assert len(processes.masters_of(emperor.process.pid)) <= 1, "no master but the one that serves"
