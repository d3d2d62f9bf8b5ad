"""Two emperors behind Debian's HAProxy, as on two machines: the busy one gets less, the draining one nothing, and a
restart of all apps of one of them loses no request."""
import collections
import threading

import pytest

from harness import haproxy as haproxy_harness
from harness.emperor import Emperor
from harness.haproxy import is_up
from harness.ledger import Ledger
from harness.nginx import fetch, free_port
from harness.waiting import wait_until


class Box:
    """An emperor with an agent, and the app `shop` on a port."""

    def __init__(self, name, binaries, directory, apps):
        directory.mkdir()
        self.name, self.port, self.agent = name, free_port(), free_port()
        self.emperor = Emperor(binaries, directory, apps)
        self.emperor.start("--agent", f"127.0.0.1:{self.agent}")

    def write(self, ledger, **keys):
        self.emperor.write("shop", **ledger.app(VERSION=self.name), listen=[f"http:127.0.0.1:{self.port}"], **keys)
        self.emperor.wait_state("shop", "running")

    def server(self):
        return (f"127.0.0.1:{self.port} weight 100 agent-check agent-port {self.agent} agent-inter 200ms "
                'agent-send "shop\\n"')


@pytest.fixture
def boxes(binaries, scratch, apps):
    if not haproxy_harness.program():
        pytest.skip("haproxy is missing: scripts/setup.sh installs it")
    made = []
    try:
        for name in ("one", "two"):
            made.append(Box(name, binaries, scratch / name, apps))
        yield made
    finally:
        for box in made:
            box.emperor.stop()


@pytest.fixture
def balance(scratch):
    started = []

    def start(boxes):
        balancer = haproxy_harness.Balancer(scratch, free_port(), {box.name: box.server() for box in boxes})
        started.append(balancer)
        for box in boxes:
            balancer.wait_server(box.name, lambda row: row["agent_status"] == "L7OK" and is_up(row), "up")
        return balancer

    yield start
    for balancer in started:
        balancer.stop()


class Burden:
    """Requests beside the balancer, `clients` at once, each sleeping in the app."""

    def __init__(self, port, clients):
        self.port, self.ending = port, threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        while not self.ending.is_set():
            fetch(f"http://127.0.0.1:{self.port}/?id=burden&s=0.5")

    def __enter__(self):
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def test_the_busy_side_gets_measurably_less(boxes, balance, scratch, measured):
    one, two = boxes
    notes = Ledger(scratch)
    for box in boxes:
        box.write(notes, threads=4)
    balancer = balance(boxes)
    with Burden(one.port, clients=3):  # three of four threads, all the time
        busy = balancer.wait_server("one", lambda row: int(row["weight"]) <= 45, "less weight for the busy one", seconds=30)
        idle = balancer.server("two")
        served = collections.Counter()
        for number in range(300):
            status, _, body = fetch(f"http://127.0.0.1:{balancer.port}/?id=n{number}")
            assert status == 200
            served[body.split()[2].decode()] += 1
    measured(f"weights {busy['weight']} and {idle['weight']}; of 300 requests {served['one']} and {served['two']}")
    assert int(idle["weight"]) >= 80
    assert 0 < served["one"] * 1.5 < served["two"], served


def test_a_draining_side_gets_nothing_new(boxes, balance, scratch):
    one, two = boxes
    notes = Ledger(scratch)
    for box in boxes:
        box.write(notes, threads=2)
    balancer = balance(boxes)
    slow = []
    threads = [threading.Thread(target=lambda: slow.append(fetch(f"http://127.0.0.1:{balancer.port}/?id=slow&s=5")))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    balancer.wait_server("one", lambda row: row["scur"] == "1", "a slow request on each")
    assert one.emperor.ctl("stop", "--no-wait", "shop").returncode == 0
    balancer.wait_server("one", lambda row: row["status"].startswith("DRAIN"), "drain")
    before = balancer.server("one")["stot"]
    for number in range(50):
        status, _, body = fetch(f"http://127.0.0.1:{balancer.port}/?id=n{number}")
        assert status == 200 and body.split()[2] == b"two"
    assert balancer.server("one")["stot"] == before
    for thread in threads:
        thread.join()
    assert [answer[0] for answer in slow] == [200, 200], "what was under way is finished"


def test_a_restart_of_all_apps_of_one_side_loses_nothing(boxes, balance, scratch, measured):
    one, two = boxes
    ledger = Ledger(scratch)
    for box in boxes:
        box.write(ledger, threads=2, timeouts_keepalive="1s")
    balancer = balance(boxes)
    ledger.add("shop", balancer.port, clients=4, rate=200)
    with ledger:
        ledger.wait_answers(100)
        generation = one.emperor.status("shop")["generation"]
        done = one.emperor.ctl("restart", "*")
        assert done.returncode == 0, done.stderr
        assert one.emperor.status("shop")["generation"] > generation
        balancer.wait_server("one", is_up, "up again")
        before = int(balancer.server("one")["stot"])
        wait_until(lambda: int(balancer.server("one")["stot"]) > before, 10, "requests for the restarted side")
        ledger.wait_answers(100)
    assert ledger.failed == 0, ledger.summary()
    measured(ledger.summary())


def test_a_side_whose_emperor_ends_is_drained_and_comes_back(boxes, balance, scratch, measured):
    one, two = boxes
    ledger = Ledger(scratch)
    for box in boxes:
        box.write(ledger, threads=2, timeouts_keepalive="1s")
    balancer = balance(boxes)
    ledger.add("shop", balancer.port, clients=2, rate=100)
    with ledger:
        ledger.wait_answers(50)
        # Told first, as an operator does who takes a machine out: the agent drains it, then it may end.
        assert one.emperor.ctl("stop", "shop").returncode == 0
        balancer.wait_server("one", lambda row: not is_up(row), "out of the rotation")
        assert one.emperor.stop() == 0
        ledger.wait_answers(50)
        one.emperor.start("--agent", f"127.0.0.1:{one.agent}")
        assert not is_up(balancer.server("one"))
        assert one.emperor.ctl("start", "shop").returncode == 0
        balancer.wait_server("one", is_up, "back")
        ledger.wait_answers(50)
    assert ledger.failed == 0, ledger.summary()
