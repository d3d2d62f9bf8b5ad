"""A deploy that turns out bad after its promotion is undone, by itself or by an operator, and nobody loses a request."""
import os
import shutil
import signal
import threading

import pytest

from harness import processes, uwsgi
from harness.ledger import Ledger
from harness.waiting import wait_until


@pytest.fixture
def ledger(scratch):
    return Ledger(scratch)


@pytest.fixture
def shop(emperor, ledger):
    """`shop` serves version 1 under load; deploy() writes its file anew."""
    def deploy(version, observe="off", env=None, **keys):
        made = ledger.app(VERSION=str(version), **(env or {}))
        return emperor.write("shop", "deploys:application", workers=2, env=made["env"], rollout={"observe": observe}, **keys)

    deploy(1)
    emperor.wait_serving("shop")
    emperor.deploy = deploy
    with ledger.add("shop", emperor.socket("shop"), clients=3, rate=300):
        yield emperor


def version_now(ledger):
    return ledger.wait_answers(5).answered("shop")[-1].version


def master_of(emperor, role):
    return next(one["pid"] for one in emperor.ctl_json("show", "shop")["instances"] if one["role"] == role)


# ---- by itself

def test_a_deploy_that_answers_500_is_rolled_back_and_costs_nothing_but_these_answers(shop, ledger):
    path = shop.deploy(2, observe="60s", env={"MOOD": "errors"})
    row = shop.wait_state("shop", "rolled back")
    assert "5xx" in row["reason"] and row["last_reload"].startswith("failed: "), row
    assert row["differing_keys"] == ["env", "rollout.observe"] and row["generation"] == 1
    assert version_now(ledger) == "1"
    shown = shop.ctl_json("show", "shop")
    assert shown["configuration"]["env"]["VERSION"] == "1"
    assert shown["rolled_back_configuration"]["env"]["VERSION"] == "2"
    page = shop.ctl("show", "shop").stdout
    assert "its file differs: env, rollout.observe" in page, page
    assert page.split("\nrolled back\n")[1].split("\n\n")[0].count("rollout.observe") == 1, page
    assert shop.ctl("status", "shop").returncode == 0, "it serves"
    wait_until(lambda: len(processes.masters_of(shop.process.pid)) == 1, 20, "the end of the bad one")

    errors = ledger.failed
    ledger.wait_answers(100)
    assert set(ledger.failures) <= {"status 500"} and ledger.failed == errors, ledger.summary()
    assert shop.status("shop")["generation"] == 1 and '"VERSION": "2"' in path.read_text(), "not tried again, the file left alone"

    shop.deploy(3, observe="1s")
    wait_until(lambda: version_now(ledger) == "3", 20, "the fix")
    row = shop.wait_state("shop", "running")
    assert row["last_reload"] == "ok" and not row["differing_keys"]
    assert ledger.failed == errors, ledger.summary()


def test_a_master_that_dies_while_it_is_observed_is_replaced_by_the_standby(shop, ledger):
    shop.deploy(2, observe="60s")
    row = shop.wait_state("shop", "observing")
    assert row["reason"].startswith("generation 2 for another ") and row["standby"] == 1, row
    wait_until(lambda: version_now(ledger) == "2", 20)
    worker = ledger.wait_answers(5).answered("shop")[-1].pid
    ledger.kill(master_of(shop, "active"))
    assert shop.wait_state("shop", "rolled back")["reason"] == "generation 2: signal 9 (SIGKILL)"
    wait_until(lambda: version_now(ledger) == "1", 20)
    processes.wait_gone(worker)
    ledger.wait_answers(50)
    assert not ledger.unexplained(), ledger.summary()


def test_a_good_deploy_ends_its_observation_and_the_standby_is_gone(shop, ledger):
    shop.deploy(2, observe="5s")
    shop.wait_state("shop", "observing")
    old = master_of(shop, "standby")
    ledger.wait_answers(20)
    shop.wait_state("shop", "running")
    processes.wait_gone(old)
    assert version_now(ledger) == "2"
    assert [one["role"] for one in shop.ctl_json("show", "shop")["instances"]] == ["active"]
    assert not ledger.lost, ledger.summary()


def test_an_edit_during_the_observation_replaces_what_is_observed(shop, ledger):
    shop.deploy(2, observe="60s")
    shop.wait_state("shop", "observing")
    shop.deploy(3)
    wait_until(lambda: version_now(ledger) == "3", 30, lambda: f"version 3; {shop.status('shop')}")
    shop.wait_state("shop", "running")
    assert not ledger.lost, ledger.summary()


def test_a_standby_that_crashes_costs_the_way_back_only(shop, ledger):
    shop.deploy(2, observe="60s")
    shop.wait_state("shop", "observing")
    os.kill(master_of(shop, "standby"), signal.SIGKILL)
    shop.wait_state("shop", "running")
    assert version_now(ledger) == "2"
    assert not ledger.lost, ledger.summary()


def test_an_observation_goes_on_under_the_next_emperor(shop, ledger):
    shop.deploy(2, observe="60s")
    shop.wait_state("shop", "observing")
    os.kill(shop.process.pid, signal.SIGKILL)
    shop.wait()
    shop.start()
    row = shop.wait_state("shop", "observing")
    assert row["generation"] == 2 and row["standby"] == 1
    ledger.kill(master_of(shop, "active"))
    shop.wait_state("shop", "rolled back")
    wait_until(lambda: version_now(ledger) == "1", 20)
    assert not ledger.unexplained(), ledger.summary()


# ---- by an operator

def test_an_operators_rollback_uses_the_standby(shop, ledger):
    shop.deploy(2, observe="60s")
    shop.wait_state("shop", "observing")
    assert shop.ctl("scale", "shop", "3").returncode == 0
    wait_until(lambda: shop.status("shop")["workers"]["configured"] == 3, 20)
    row = shop.wait_state("shop", "observing")
    assert row["generation"] == 2 and row["standby"] == 1, "in place: its observation goes on"
    done = shop.ctl("rollback", "shop")
    assert done.returncode == 0 and done.stdout == "shop: rolled back\n", done.stderr
    row = shop.status("shop")
    assert row["state"] == "rolled back" and row["generation"] == 1 and row["reason"].startswith("by operator ")
    again = shop.ctl("rollback", "shop")
    assert again.returncode == 1 and "rolled back already" in again.stderr
    scaled = shop.ctl("scale", "shop", "3")
    assert scaled.returncode == 1 and "it was rolled back (by operator" in scaled.stderr, "that would start what was rolled back"
    assert shop.status("shop")["generation"] == 1
    assert shop.ctl("reload", "shop").returncode == 0
    wait_until(lambda: version_now(ledger) == "2", 20)
    assert not ledger.lost, ledger.summary()


def test_a_rollback_outlives_the_emperor_until_the_file_changes(shop, ledger):
    path = shop.deploy(2)
    wait_until(lambda: version_now(ledger) == "2", 20)
    shop.wait_state("shop", "running")
    before = path.read_bytes()
    assert shop.ctl("rollback", "shop").returncode == 0
    assert version_now(ledger) == "1" and path.read_bytes() == before
    assert shop.state("shop") == "rolled back"

    os.kill(shop.process.pid, signal.SIGKILL)
    shop.wait()
    shop.start()
    row = shop.wait_state("shop", "rolled back")
    assert version_now(ledger) == "1" and row["differing_keys"] == ["env"], "adopted, and left as it was"
    assert not ledger.lost, ledger.summary()
    ledger.end("shop")

    shop.stop()
    shop.start()
    shop.wait_state("shop", "rolled back")
    assert shop.ctl_json("show", "shop")["configuration"]["env"]["VERSION"] == "1", "after a stop too"
    path.touch()
    shop.wait_state("shop", "running")
    assert shop.ctl_json("show", "shop")["configuration"]["env"]["VERSION"] == "2"


# ---- what was gone back to is what sleeps, wakes and is waited for

def ask(path, timeout=30):
    """The version that answers."""
    return uwsgi.request(path, "/version", timeout=timeout).text


def rolled_back(emperor, first, second):
    """`shop` serves version 1 with the keys `first` again, instead of its file's: version 2 with `second`."""
    emperor.write("shop", env={"VERSION": "1"}, **first)
    emperor.wait_state("shop", "running", "sleeping")
    assert emperor.ctl("start", "shop").returncode == 0
    emperor.write("shop", env={"VERSION": "2"}, **second)
    wait_until(lambda: emperor.status("shop")["generation"] == 2 and emperor.state("shop") == "running", 20)
    assert emperor.ctl("rollback", "shop").returncode == 0
    assert emperor.state("shop") == "rolled back"


def test_it_sleeps_and_wakes_as_the_configuration_says_that_it_runs(idle_emperor, scratch):
    """Its own idle time, its own address."""
    emperor, old, new = idle_emperor.start(), scratch / "old.sock", scratch / "new.sock"
    scratch.chmod(0o777)
    rolled_back(emperor, {"on_demand": True, "timeouts_idle": "1s", "listen": [f"uwsgi:{old}"]},
                {"on_demand": True, "timeouts_idle": "1h", "listen": [f"uwsgi:{new}"]})
    emperor.wait_state("shop", "sleeping")
    assert ask(old) == "1"
    assert not new.exists(), "nobody would answer there"
    emperor.wait_state("shop", "sleeping")
    os.kill(emperor.process.pid, signal.SIGKILL)
    emperor.wait()
    with uwsgi.connect(old, 30) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/version")))
        emperor.start()
        assert client.recv(1000).endswith(b"1")
    emperor.path_of("shop").touch()
    wait_until(lambda: new.exists() and ask(new) == "2", 20)


def test_a_reload_of_one_that_sleeps_lets_the_file_s_configuration_be_woken(emperor, scratch):
    old, new = scratch / "old.sock", scratch / "new.sock"
    scratch.chmod(0o777)
    sleepy = {"on_demand": True, "timeouts_idle": "1s"}
    rolled_back(emperor, {**sleepy, "listen": [f"uwsgi:{old}"]}, {**sleepy, "listen": [f"uwsgi:{new}"]})
    emperor.wait_state("shop", "sleeping")
    done = emperor.ctl("reload", "shop")
    assert done.returncode == 0 and "asleep" in done.stdout, done
    wait_until(new.exists, 10, "its address")
    assert ask(new) == "2" and not old.exists()
    assert emperor.wait_state("shop", "running")["generation"] == 4


def test_it_stays_up_where_only_its_file_is_on_demand(emperor):
    rolled_back(emperor, {}, {"on_demand": True, "timeouts_idle": "1s"})
    pid = emperor.pid("shop")
    emperor.write("other", on_demand=True, timeouts_idle="2s")
    emperor.wait_serving("other")
    emperor.wait_state("other", "sleeping")
    assert emperor.state("shop") == "rolled back" and processes.is_alive(pid)


def test_clients_of_one_in_backoff_outlive_the_emperor_at_its_own_address(idle_emperor, scratch):
    emperor, old = idle_emperor.start(), scratch / "old.sock"
    scratch.chmod(0o777)
    shutil.copy(emperor.apps / "probe.py", scratch / "main.py")
    patient = {"app": "main:application", "chdir": scratch, "restart_hold": "off", "restart_initial": "60s", "restart_max": "60s"}
    rolled_back(emperor, {**patient, "listen": [f"uwsgi:{old}"]}, {**patient, "listen": [f"uwsgi:{scratch}/new.sock"]})
    (scratch / "main.py").write_text("import no_such_module\n")
    os.kill(emperor.status("shop")["pid"], signal.SIGKILL)
    emperor.wait_state("shop", "backoff")
    with uwsgi.connect(old, 30) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/version")))
        os.kill(emperor.process.pid, signal.SIGKILL)
        emperor.wait()
        emperor.start()
        emperor.wait_state("shop", "backoff")
        shutil.copy(emperor.apps / "probe.py", scratch / "main.py")
        assert emperor.ctl("start", "shop").returncode == 0
        assert client.recv(1000).endswith(b"1")


def test_a_request_inside_what_was_rolled_back_from_outlives_the_emperor(idle_emperor):
    emperor, answers = idle_emperor.start(), []
    emperor.write("shop", env={"VERSION": "1"})
    emperor.wait_running("shop")
    emperor.write("shop", env={"VERSION": "2"})
    wait_until(lambda: emperor.status("shop")["generation"] == 2 and emperor.state("shop") == "running", 20)
    client = threading.Thread(target=lambda: answers.append(emperor.get("shop", "/sleep?s=6", timeout=30)))
    client.start()
    wait_until(lambda: emperor.status("shop")["workers"]["busy"] == 1, 10, "a busy worker")
    assert emperor.ctl("rollback", "shop").returncode == 0
    os.kill(emperor.process.pid, signal.SIGKILL)
    emperor.wait()
    emperor.start()
    emperor.wait_state("shop", "rolled back")
    client.join()
    assert answers and answers[0].text.startswith("slept"), emperor.output()


def test_its_clients_are_told_503_at_its_own_address(emperor, scratch):
    old = scratch / "old.sock"
    scratch.chmod(0o777)
    shutil.copy(emperor.apps / "probe.py", scratch / "main.py")
    keys = {"app": "main:application", "chdir": scratch, "restart_hold": "300ms", "restart_initial": "60s", "restart_max": "60s"}
    rolled_back(emperor, {**keys, "listen": [f"uwsgi:{old}"]},
                {**keys, "listen": [f"uwsgi:{scratch}/new.sock"], "restart_hold": "off"})
    (scratch / "main.py").write_text("import no_such_module\n")
    os.kill(emperor.status("shop")["pid"], signal.SIGKILL)
    emperor.wait_state("shop", "backoff")
    assert uwsgi.request(old, timeout=30).status == 503
    assert not (scratch / "new.sock").exists()


def test_without_an_earlier_configuration_there_is_no_way_back(shop):
    done = shop.ctl("rollback", "shop")
    assert done.returncode == 1 and "no other configuration of it has served" in done.stderr
    assert shop.ctl("rollback", "nobody").returncode == 5
