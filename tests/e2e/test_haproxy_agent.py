"""HAProxy's agent-check against --agent: each word has the effect that the line is chosen for, in Debian's HAProxy."""
import signal
import socket
import threading

import pytest

from harness import haproxy as haproxy_harness
from harness import uwsgi
from harness.haproxy import is_up
from harness.nginx import fetch, free_port
from harness.waiting import wait_until


@pytest.fixture
def balance(scratch):
    if not haproxy_harness.program():
        pytest.skip("haproxy is missing: scripts/setup.sh installs it")
    started = []

    def start(*arguments, **keywords):
        started.append(haproxy_harness.Balancer(scratch, free_port(), *arguments, **keywords))
        return started[-1]

    yield start
    for balancer in started:
        balancer.stop()


def server(port, agent, send='"shop\\n"', more=""):
    return f"127.0.0.1:{port} weight 100 agent-check agent-port {agent} agent-inter 100ms agent-send {send} {more}"


def ask(port, question, timeout=5):
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(question)
        return connection.makefile("rb").read()


def test_states_of_an_app_become_states_of_a_server(idle_emperor, balance):
    port, agent = free_port(), free_port()
    emperor = idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    emperor.write("shop", listen=[f"http:127.0.0.1:{port}"])
    emperor.wait_state("shop", "running")
    balancer = balance({"one": server(port, agent)})
    row = balancer.wait_server("one", lambda row: row["agent_status"] == "L7OK" and is_up(row), "up")
    assert row["weight"] == "100"
    url = f"http://127.0.0.1:{balancer.port}"

    # Stopping: what is under way is finished, nothing new comes.
    answers = []
    slow = threading.Thread(target=lambda: answers.append(fetch(f"{url}/sleep?s=5")))
    slow.start()
    balancer.wait_server("one", lambda row: row["scur"] == "1", "the slow request is there")
    assert emperor.ctl("stop", "--no-wait", "shop").returncode == 0
    sent = balancer.wait_server("one", lambda row: row["status"].startswith("DRAIN"), "drain")["stot"]
    assert fetch(f"{url}/")[0] == 503 and balancer.server("one")["stot"] == sent, "nobody else is there"
    slow.join()
    assert answers[0][0] == 200
    row = balancer.wait_server("one", lambda row: row["status"].startswith("DOWN"), "down")
    assert "stopped" in row["last_agt"] + row["agent_desc"] + balancer.command("show stat"), row

    # And back: `up` alone would leave it in drain, `ready` alone down.
    assert emperor.ctl("start", "shop").returncode == 0
    balancer.wait_server("one", lambda row: is_up(row) and row["weight"] == "100", "up again")
    assert fetch(f"{url}/")[0] == 200

    # A new emperor adopts what runs; meanwhile nobody answers, and HAProxy keeps what it knows.
    assert emperor.stop(signal.SIGQUIT) == 0
    row = balancer.wait_server("one", lambda row: row["agent_status"] == "L4CON", "nobody answers")
    assert is_up(row) and fetch(f"{url}/")[0] == 200
    idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    balancer.wait_server("one", lambda row: row["agent_status"] == "L7OK" and is_up(row), "answered by the next emperor")

    # What cannot start is down with the reason.
    emperor.write("crm", app="no_such_module:application", restart_initial="60s")
    emperor.wait_state("crm", "backoff")
    assert b"down #backoff: ModuleNotFoundError: No module named 'no_such_module'" in ask(agent, b"crm\n")


def test_the_runtime_api_s_terminator_and_fastcgi(idle_emperor, balance):
    port, agent = free_port(), free_port()
    emperor = idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    emperor.write("shop", listen=[f"fastcgi:127.0.0.1:{port}"])
    emperor.wait_state("shop", "running")
    balancer = balance({"one": server(port, agent, more="proto fcgi", send="shop;")}, backend=["use-fcgi-app python"],
                       sections="fcgi-app python\n    docroot /")
    balancer.wait_server("one", lambda row: row["agent_status"] == "L7OK" and is_up(row), "up")
    assert fetch(f"http://127.0.0.1:{balancer.port}/pid")[0] == 200


def test_a_sleeping_app_is_up_and_its_agent_does_not_wake_it(idle_emperor, balance):
    port, agent = free_port(), free_port()
    emperor = idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    emperor.write("shop", listen=[f"http:127.0.0.1:{port}"], on_demand=True)
    emperor.wait_state("shop", "sleeping")
    balancer = balance({"one": server(port, agent)})
    row = balancer.wait_server("one", lambda row: row["agent_status"] == "L7OK" and is_up(row), "up")
    assert row["weight"] == "100" and emperor.state("shop") == "sleeping"
    assert fetch(f"http://127.0.0.1:{balancer.port}/")[0] == 200
    emperor.wait_state("shop", "running")


def test_an_emperor_that_ends_drains(idle_emperor):
    agent = free_port()
    emperor = idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    emperor.write("shop")
    emperor.wait_running("shop")
    assert ask(agent, b"shop\n").startswith(b"up ready ")
    assert ask(agent, b"").startswith(b"up ready "), "the only app is meant"
    slow = threading.Thread(target=lambda: uwsgi.request(emperor.socket("shop"), "/sleep?s=5"))
    slow.start()
    wait_until(lambda: emperor.status("shop")["workers"]["busy"] == 1, 10, "a request under way")
    emperor.send(signal.SIGTERM)
    wait_until(lambda: ask(agent, b"shop\n") == b"drain\n", 5, "drain")
    slow.join()
    assert emperor.wait() == 0


def test_two_hundred_who_never_finish_a_question_delay_nobody(idle_emperor):
    agent = free_port()
    emperor = idle_emperor.start("--agent", f"127.0.0.1:{agent}")
    emperor.write("shop")
    emperor.wait_running("shop")
    held = [socket.create_connection(("127.0.0.1", agent)) for _ in range(200)]
    for connection in held[::2]:
        connection.sendall(b"sho")
    assert ask(agent, b"shop\n", timeout=2).startswith(b"up ready ")
    for number, connection in enumerate(held):
        connection.settimeout(5)
        line = connection.makefile("rb").read()
        # Who sent too late was answered as one who sends nothing.
        assert line.startswith(b"up ready ") or (number % 2 == 0 and line == b"down #no such app: sho\n"), line
        connection.close()
    assert ask(agent, b"shop\n").startswith(b"up ready ")
