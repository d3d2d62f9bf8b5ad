"""What came of a case, against what must. Two measures: `exact` is what this project demands of its own server, statuses
and all; otherwise a refusal is any refusal, and variables that no standard defines are not looked at."""
import json
import time
from dataclasses import dataclass

import exchange

PASSED, DIFFERS, FAILED = "passed", "differs", "failed"
FACTS = ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT")  # of the codec's unit test, not of this connection
SERVERS_OWN = ("REQUEST_URI",)  # in nobody's standard
SILENCE = 0.25  # seconds without a reaction that count as waiting


@dataclass
class Verdict:
    suite: str
    name: str
    rule: str
    outcome: str
    detail: str = ""


def run_case(server, suite, case, exact):
    rule = case.get("rfc") or case.get("from") or case.get("pep", "")
    try:
        problem = (wsgi_problem if suite == "wsgi" else wire_problem)(server, case, exact)
    except OSError as error:
        problem = f"no connection: {error}"
    if problem is None:
        return Verdict(suite, case["name"], rule, PASSED)
    is_free = case.get("free") or problem.startswith("(policy)")
    return Verdict(suite, case["name"], rule, DIFFERS if is_free and not exact else FAILED, problem)


def seen(reply):
    if reply.status:
        return f"{reply.status} from the {'app' if reply.is_from_app else 'server'}{'' if reply.is_whole else ', not whole'}"
    return "closed without an answer" if reply.is_closed else "no answer"


def wire_problem(server, case, exact):
    with exchange.Connection(server) as connection:
        connection.send(exchange.raw_of(case))
        if "more" in case:
            came = connection.receive(SILENCE)
            return f"did not wait: {connection.received[:60]!r}" if came or connection.is_closed else None
        if "ping" in case or "skip" in case:
            return replies_problem(connection, case)
        reply = connection.answer()
        if "refuse" in case:
            return refusal_problem(connection, reply, case, exact)
        return accept_problem(connection, reply, case, exact)


def replies_problem(connection, case):
    wanted = exchange.latin(case.get("replies", ""))
    deadline = time.monotonic() + connection.timeout
    while len(connection.received) < len(wanted) and not connection.is_closed and time.monotonic() < deadline:
        connection.receive(deadline - time.monotonic())
    if connection.received[:len(wanted)] != wanted:
        return f"replied {connection.received[:60]!r}{', closed' if connection.is_closed else ''}"
    connection.received = connection.received[len(wanted):]
    if "ping" in case:
        return None if connection.is_closed_within() else "not closed"
    return follow_up_problem(connection)


def follow_up_problem(connection):
    """The connection goes on: another request is answered on it."""
    connection.send(exchange.request(connection.protocol, "GET", exchange.FOLLOW_UP, keep=True))
    reply = connection.answer()
    return None if reply.status == 200 and reply.body == b"plain" else f"the connection does not go on: {seen(reply)}"


def refusal_problem(connection, reply, case, exact):
    if exact:
        if reply.status != case["refuse"] or reply.is_from_app:
            return f"wanted {case['refuse']}, got {seen(reply)}"
        return None if connection.is_closed_within() else "refused, but not closed"
    if reply.is_from_app or 200 <= reply.status < 400:
        return f"accepted: {seen(reply)}"
    if reply.status == 0 and not reply.is_closed:
        return "waits for more"
    return None


def accept_problem(connection, reply, case, exact):
    if not reply.is_from_app or reply.status != 200 or not reply.is_whole:
        return f"not accepted: {seen(reply)}"
    answer = json.loads(reply.body)
    environ = answer["environ"]
    for key, value in case["accept"].items():
        if key in FACTS or (key in SERVERS_OWN and not exact):
            continue
        if not same(key, environ.get(key), value, exact):
            return f"{key} is {environ.get(key)!r}, not {value!r}"
    if "body" in case and answer["body"] != case["body"]:
        return f"the body is {answer['body'][:60]!r}"
    if "scheme" in case and answer["scheme"] != case["scheme"]:
        return f"the scheme is {answer['scheme']!r}"
    for key in case.get("absent", ()):
        # The length of a chunked body is known once it was read.
        if key in environ and not (key == "CONTENT_LENGTH" and environ[key] == str(len(answer["body"]))):
            return f"(policy) {key} is {environ[key]!r}"
    if "replies" in case and exchange.latin(case["replies"]) not in reply.raw:
        return "the reply beside the answer is missing"
    return keep_alive_problem(connection, case)


def same(key, got, wanted, exact):
    if got == wanted:
        return True
    if got is None:  # PEP 3333: what would be empty may be missing
        return wanted == "" and (not exact or key in ("CONTENT_LENGTH", "CONTENT_TYPE"))
    if exact:
        return False
    if key == "CONTENT_LENGTH":
        return got.isdigit() and int(got) == int(wanted)
    return got.replace(", ", ",") == wanted.replace(", ", ",")  # RFC 9110 5.6.1: the space is optional


def keep_alive_problem(connection, case):
    if "keep_alive" not in case:
        return None
    if case["keep_alive"]:
        return follow_up_problem(connection)
    return None if connection.is_closed_within() else "not closed"


def wsgi_problem(server, case, exact):
    reply = ask(server, case)
    if "is_cut" in case:
        if reply.is_whole and reply.status < 500:
            return f"looks whole: {seen(reply)} {reply.body[:60]!r}"
    elif case["status"] == 500 and not exact and (reply.status >= 400 or reply.status == 0):
        return None if reply.status else f"(policy) no 500, but {seen(reply)}"
    elif reply.status != case["status"] or not reply.is_whole:
        return f"wanted {case['status']}, got {seen(reply)} {reply.body[:80]!r}"
    elif "body" in case and reply.body != exchange.latin(case["body"]):
        return f"the body is {reply.body[:80]!r}"
    for name, value in case.get("headers", {}).items():
        if reply.headers.get(name) != value:
            return f"{name} is {reply.headers.get(name)!r}, not {value!r}"
    return behind_problem(server, case["then"]) if "then" in case else None


def ask(server, case):
    with exchange.Connection(server) as connection:
        method = case.get("method", "GET")
        connection.send(exchange.request(connection.protocol, method, case["path"], exchange.latin(case.get("send", ""))))
        return connection.answer(method)


def behind_problem(server, then):
    """What happened behind the answer may come a moment later than the answer."""
    deadline = time.monotonic() + 2
    while True:
        reply = ask(server, then)
        if reply.body == exchange.latin(then["body"]):
            return None
        if time.monotonic() > deadline:
            return f"{then['path']} then says {reply.body[:60]!r}"
        time.sleep(0.05)
