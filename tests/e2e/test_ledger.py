"""The ledger itself: it must not take a lost request for an answered one, nor one death for another's loss."""
import os
import socket
import struct
import threading

import pytest

from harness.ledger import Entry, Ledger
from harness.nginx import free_port


def respond(client, how, identity):
    body = f"{identity} 1 1"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "timeout":
        client.recv(1)  # until the client gives up
    elif how != "empty answer":
        client.sendall({"cut answer": head + body[:-3], "cut head": head[:30], "wrong body": head + "other" + body[5:],
                        "status 503": "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "": head + body}[how].encode())


@pytest.fixture
def server():
    """Serves each request in one way until the test is over; returns its port."""
    held = []

    def start(how):
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                with client:
                    line = client.recv(65536).split(b"\r\n")[0].decode()
                    respond(client, how, line.split("id=")[1].split(" ")[0])

        thread = threading.Thread(target=serve)
        thread.start()
        held.append((listener, thread))
        return listener.getsockname()[1]

    yield start
    for listener, thread in held:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


@pytest.mark.parametrize("how", ["reset", "timeout", "empty answer", "cut answer", "cut head", "wrong body", "status 503"])
def test_each_way_to_lose_a_request_has_its_name(server, how):
    ledger = Ledger(timeout=0.2)
    port = server(how)
    with ledger.add("x", port, clients=1):
        while not ledger.count:
            pass
    assert set(ledger.failures) == {"cut answer" if how == "cut head" else how}, ledger.summary()
    assert ledger.unexplained() == ledger.lost


def test_refused_and_missing_sockets_have_names_too(scratch):
    ledger = Ledger(timeout=1)
    ledger.add("none", scratch / "none.sock", clients=1).add("refused", free_port(), clients=1)
    with ledger:
        while len({entry.target for entry in ledger.select()}) < 2:
            pass
    assert set(ledger.failures) == {"no socket", "refused"}


def test_a_kept_connection_answers_many(server):
    # One answer per connection, no `Connection: close`: the second request on it must count as lost.
    ledger = Ledger(timeout=1)
    with ledger.add("x", server(""), clients=1):
        while ledger.count < 4:
            pass
    assert {entry.lost for entry in ledger.select()} >= {"", "empty answer"} or "reset" in ledger.failures
    assert all(entry.held_by == 1 for entry in ledger.lost)


def test_only_what_was_inside_of_a_dead_process_is_explained(scratch):
    ledger = Ledger(scratch)
    (ledger.notes / "7").write_text("a-1\na-2\n")
    (ledger.notes / "8").write_text("a-5\n")
    ledger.entries = [Entry("a-1", "a", 1, 2, pid=7), Entry("a-2", "a", 3, 5, lost="reset"),
                      Entry("a-3", "a", 3, 5, lost="reset"),
                      Entry("a-4", "a", 3, 5, lost="reset"), Entry("a-5", "a", 3, 5, lost="reset"),
                      Entry("a-6", "a", 6, 7, lost="reset"), Entry("a-7", "a", 3, 5, lost="reset", held_by=7)]
    death = ledger.died(7, 4, 4.5, at_the_door=1)
    assert [entry.identity for entry in ledger.during(death)] == ["a-2", "a-7"]
    left = [entry.identity for entry in ledger.unexplained()]
    assert left == ["a-4", "a-5", "a-6"], "one at the door; begun by another; after the death"


def test_a_rate_is_kept_and_an_app_s_requests_are_noted(emperor, scratch, measured):
    ledger = Ledger(scratch)
    emperor.write("shop", **ledger.app(VERSION="7"), workers=2)
    emperor.wait_serving("shop")
    ledger.add("shop", emperor.socket("shop"), clients=2, rate=50)
    with ledger:
        ledger.wait_answers(50)
    measured(ledger.summary())
    assert not ledger.lost
    entries = ledger.select()
    took = entries[-1].ended - entries[0].ended
    assert len(entries) / took < 100, "at most twice the rate, whatever a busy machine makes up for"
    noted = {name for pid in os.listdir(ledger.notes) for name in ledger.begun_by(pid)}
    assert {entry.identity for entry in entries} <= noted
    assert {entry.version for entry in entries} == {"7"} and all(entry.pid for entry in entries)
