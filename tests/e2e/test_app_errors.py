"""An app that misbehaves: the client gets a 500 with a request id, the log says exactly what was wrong."""
import re
import socket

import pytest

from harness import uwsgi
from harness.waiting import wait_until

# path -> words that the log must contain: the exception, or the broken rule and by what
FAULTS = {
    "/raises": ["ValueError: deliberate failure", "Traceback", "faulty.py"],
    "/raises_after_start": ["KeyError: 'after start_response'", "Traceback"],
    "/text_body": ["bytes", "str"],
    "/bare_text_body": ["bytes", "str"],
    "/no_start_response": ["start_response"],
    "/returns_none": ["iterable of bytes", "None"],
    "/status_is_int": ["status", "int"],
    "/status_without_reason": ["status", "two hundred"],
    "/header_value_is_int": ["header", "int"],
    "/header_with_newline": ["header", "X-Split"],
    "/headers_not_a_list": ["headers must be a list", "{'Content-Type'"],
    "/twice_without_exc_info": ["start_response", "exc_info"],
    "/exits": ["SystemExit"],
}


@pytest.fixture
def faulty(emperor):
    emperor.write("faulty", "faulty:application")
    return emperor.wait_serving("faulty")


def test_each_fault_is_a_500_with_a_request_id_and_a_log_line_that_names_the_rule(faulty):
    problems = []
    for path, words in FAULTS.items():
        seen = len(faulty.output())
        answer = faulty.get("faulty", path)
        if answer.status != 500:
            problems.append(f"{path}: status {answer.status}")
            continue
        found = re.search(r"[0-9a-f]{8,}", answer.text) or re.search(r"[0-9a-f]{8,}", answer.header("X-Request-ID"))
        if not found:
            problems.append(f"{path}: no request id in {answer.text!r}")
            continue
        try:
            faulty.wait_log(found.group(0), 5, seen)
            for word in words:
                faulty.wait_log(word, 5, seen)
        except AssertionError as error:
            problems.append(f"{path}: {error}")
        if "evil" in answer.header("Set-Cookie"):
            problems.append(f"{path}: a header was split")
    assert not problems, "\n".join(problems)


def test_the_worker_survives_every_fault(faulty):
    pid = faulty.get("faulty", "/pid").text
    for path in FAULTS:
        faulty.get("faulty", path)
    assert faulty.get("faulty", "/pid").text == pid


def test_an_exception_in_the_middle_ends_the_response_and_is_logged(faulty):
    answer = faulty.get("faulty", "/raises_in_iteration")
    assert answer.status == 200 and answer.body == b"first block"
    faulty.wait_log("RuntimeError: in the middle")


def test_a_client_that_goes_away_is_counted_closed_and_not_noisy(faulty):
    seen = len(faulty.output())
    with uwsgi.connect(faulty.socket("faulty")) as client:
        client.sendall(uwsgi.packet(uwsgi.variables_for("/slow_stream")))
        assert client.recv(1000)
    wait_until(lambda: faulty.get("faulty", "/count_closed").text == "1", 15, "close() of the abandoned response")
    assert "Traceback" not in faulty.output()[seen:]


def test_a_half_request_disturbs_nobody(faulty):
    packet = uwsgi.packet(uwsgi.variables_for("/pid"))
    with uwsgi.connect(faulty.socket("faulty")) as client:
        client.sendall(packet[:20])
        assert faulty.get("faulty", "/pid").status == 200
        client.sendall(packet[20:])
        client.shutdown(socket.SHUT_WR)
        assert b"200" in client.recv(1000)


def test_an_unread_upload_does_not_reset_the_answer(faulty):
    body = b"x" * 300_000
    for _ in range(5):
        answer = faulty.get("faulty", "/pid", method="POST", body=body)
        assert answer.status == 200 and answer.text.isdigit()
