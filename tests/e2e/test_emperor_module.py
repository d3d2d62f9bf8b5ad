"""`import emperor` in an app: facts, hooks, log fields, the reload that the app asks for, the request's id."""
import json
import pathlib
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import uwsgi
from harness.waiting import wait_until

STUB = pathlib.Path(__file__).resolve().parents[2] / "vassal/python/emperor.pyi"


def evaluate(socket, expression, path="/eval", **extra):
    answer = uwsgi.request(socket, path, "POST", expression.encode(), **extra)
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


@pytest.fixture
def curious(emperor):
    """curious(**keys) hosts apps/curious.py and returns a function that evaluates an expression there."""
    def host(name="shop", **keys):
        emperor.write(name, app="curious:application", **keys)
        emperor.wait_serving(name)
        return lambda expression, **more: evaluate(emperor.socket(name), expression, **more)
    return host


def all_workers(ask, expression, count):
    """expression's value by the id of the worker. Requests that take a while at the same time reach all of them."""
    seen = {}

    def is_complete():
        with ThreadPoolExecutor(count) as clients:
            answers = clients.map(ask, [f"(time.sleep(0.1), emperor.worker_id, {expression})[1:]"] * count)
            seen.update(dict(answers))
        return len(seen) == count
    wait_until(is_complete, 20, lambda: f"answers of {count} workers, not only {sorted(seen)}", 0.001)
    return seen


def test_the_facts_are_right_at_import_and_in_every_worker(curious):
    ask = curious(workers=2)
    assert ask("(emperor.vassal, emperor.generation, emperor.version)") == ["shop", 1, ask("AT_IMPORT['version']")]
    for worker, at_import in all_workers(ask, "AT_IMPORT", 2).items():
        assert at_import["worker_id"] == at_import["uwsgi_worker_id"] == worker
        assert at_import["vassal"] == "shop" and at_import["generation"] == 1
        assert at_import["request_id"] is None


def test_with_preload_the_mold_has_no_worker_id_and_each_copy_has_its_own(curious):
    ask = curious(workers=2, preload=True)
    values = all_workers(ask, "(AT_IMPORT, os.getpid(), os.getppid(), uwsgi.masterpid())", 2)
    assert sorted(values) == [1, 2]
    for at_import, pid, parent, master in values.values():
        assert at_import["worker_id"] == at_import["uwsgi_worker_id"] == 0
        assert at_import["pid"] != pid and at_import["masterpid"] == master == parent


@pytest.mark.parametrize("preload", [False, True])
def test_hooks_run_in_each_worker_in_order_before_it_serves(curious, preload):
    ask = curious(workers=2, preload=preload, env={"POST_FORK_HOOK": "1"})
    for worker, (hooks, pid) in all_workers(ask, "(HOOKS, os.getpid())", 2).items():
        names = [hook[0] for hook in hooks]
        assert names == ["first", "reload", "second", *(["two"] if worker == 2 else []), "from a hook", "attribute"]
        assert all(hook[1:] == [worker, pid] for hook in hooks if hook[0] != "reload")
        assert hooks[1][1].startswith("RuntimeError: emperor.reload(): a postfork hook runs")


@pytest.mark.parametrize("preload", [False, True])
def test_a_hook_that_fails_fails_the_start_with_its_traceback(emperor, preload):
    emperor.write("shop", app="curious:application", preload=preload, env={"FAILING_HOOK": "1"})
    row = emperor.wait_state("shop", "backoff", "failed")
    assert "OSError: the database of shop is away" in row["reason"]
    emperor.wait_log('raise OSError("the database of')


def test_a_failing_hook_of_a_new_deploy_leaves_the_old_one_serving(emperor, curious):
    ask = curious()
    emperor.write("shop", app="curious:application", env={"FAILING_HOOK": "1"})
    wait_until(lambda: "the database of shop is away" in json.dumps(emperor.ctl_json("show", "shop")), 20,
               "the failed reload", 0.05)
    assert ask("emperor.generation") == 1


def test_a_hook_registered_in_a_running_worker_runs_at_once(curious):
    ask = curious()
    assert ask("x = []\nanswer = [emperor.postfork(lambda: x.append(1)) is not None, x]", path="/exec") == [True, [1]]


def test_what_needs_a_worker_or_a_request_says_so_elsewhere(curious):
    ask = curious()
    seen = ask("AT_IMPORT")
    assert seen["reload"].startswith("RuntimeError: emperor.reload(): the app is being imported")
    assert seen["listen_queue"].startswith("RuntimeError: emperor.listen_queue(): the worker does not serve yet")
    assert seen["set_log_field"] == "RuntimeError: set_log_field(): this thread serves no request"
    thread = """
answer = []
def foreign():
    answer.append(tried(emperor.set_log_field, "a", "b"))
    answer.append(emperor.request_id())
    answer.append(emperor.listen_queue())
    answer.append(uwsgi.worker_id())
one = threading.Thread(target=foreign)
one.start()
one.join()
"""
    assert ask(thread, path="/exec") == ["RuntimeError: set_log_field(): this thread serves no request", None, 0, 1]


def test_log_fields_are_validated(curious):
    ask = curious()
    assert ask("emperor.set_log_field('user.name-1_x', 'ann')") is None
    assert ask("[tried(emperor.set_log_field, 'n', v) for v in (1, 2.5, True, 'ü', chr(0xdc80), 'a' * 5000)]") == [None] * 6
    for name in ("''", "'a b'", "'ä'", "'a' * 65", "'a\\n'"):
        assert ask(f"tried(emperor.set_log_field, {name}, 'x')").startswith("ValueError: set_log_field(): a name has")
    for value in ("None", "b'x'", "[]", "{}"):
        assert ask(f"tried(emperor.set_log_field, 'n', {value})").startswith("TypeError: set_log_field(): a value is")


def test_the_listen_queue_counts_clients_that_nobody_accepted(emperor, curious):
    ask = curious(threads=1)
    assert ask("emperor.listen_queue()") == 0
    # While the only thread works, three clients wait; then it asks.
    waiting = []
    code = ("end = time.time() + 15\nwhile emperor.listen_queue() < 3 and time.time() < end: time.sleep(0.01)\n"
            "answer = emperor.listen_queue()")
    packet = uwsgi.packet(uwsgi.variables_for("/exec", "POST", code.encode())) + code.encode()
    with uwsgi.connect(emperor.socket("shop")) as client:
        client.sendall(packet)
        try:
            waiting += [uwsgi.connect(emperor.socket("shop")) for _ in range(3)]
            answer = b""
            while block := client.recv(65536):
                answer += block
        finally:
            for one in waiting:
                one.close()
    assert int(uwsgi.parse(answer).body) >= 3


# ---- reload

def test_the_app_reloads_itself_without_losing_a_request(emperor, curious):
    ask = curious(workers=2)
    before = ask("os.getpid()")
    assert ask("[emperor.reload(reason='new prices\\n'), emperor.reload()]") == [True, False]
    def second():
        """In one request: the next one may still be answered by the first generation."""
        generation, pid = ask("[emperor.generation, os.getpid()]")
        return pid if generation == 2 else None

    assert wait_until(second, 20, "the second generation", 0.01) != before
    emperor.wait_state("shop", "running")
    shown = json.dumps(emperor.ctl_json("show", "shop"))
    assert re.search(r"requested by the app: new prices\\\\n \(worker [12]\)", shown), shown


def test_an_app_that_reloads_in_every_request_is_reloaded_once_in_ten_seconds(emperor, curious):
    ask = curious(workers=2)
    end = time.monotonic() + 4
    generations, count = set(), 0
    while time.monotonic() < end:
        generations.add(ask("(tried(emperor.reload, 'again'), emperor.generation)[1]"))
        count += 1
    assert generations <= {1, 2}, f"{count} requests"
    assert emperor.ctl("reload", "shop").returncode == 0, "an operator's reload is not overtaken"
    assert ask("emperor.generation") in (3, 4)


def test_a_reload_that_fails_leaves_the_app_serving_and_may_be_asked_for_again(emperor, scratch):
    code = "import emperor\ndef application(environ, start_response):\n    start_response('200 OK', [])\n" \
           "    return [str(emperor.reload() if environ['PATH_INFO'] == '/reload' else emperor.generation).encode()]\n"
    (scratch / "own.py").write_text(code)
    emperor.write("own", app="own:application", chdir=scratch)
    emperor.wait_serving("own")
    (scratch / "own.py").write_text("raise SystemError('half a deploy')\n")
    assert emperor.get("own", "/reload").text == "True"
    wait_until(lambda: "half a deploy" in json.dumps(emperor.ctl_json("show", "own")), 20, "the failed reload", 0.05)
    assert emperor.get("own").text == "1"
    (scratch / "own.py").write_text(code)

    def asks_until_reloaded():
        emperor.get("own", "/reload")
        return int(emperor.get("own").text) > 1
    wait_until(asks_until_reloaded, 40, "the reload after the repair", 0.3)


def test_a_child_of_the_app_cannot_ask(curious):
    ask = curious()
    code = """
import os
there, here = os.pipe()
child = os.fork()
if child == 0:
    os.write(here, tried(emperor.reload, "child").encode())
    os._exit(0)
os.close(here)
answer = os.read(there, 1000).decode()
os.waitpid(child, 0)
"""
    assert ask(code, path="/exec").startswith("RuntimeError: emperor.reload(): this process has no master to ask")
    assert ask("emperor.generation") == 1


# ---- threads of the app

@pytest.mark.parametrize("keys", [{"env": {"THREAD_AT_IMPORT": "1"}}, {"env": {"THREAD_IN_HOOK": "1"}},
                                  {"env": {"THREAD_IN_HOOK": "1"}, "preload": True},
                                  {"env": {"THREAD_AT_IMPORT": "1"}, "threads": 4}])
def test_threads_of_the_app_run_while_the_worker_is_idle(curious, keys):
    ask = curious(**keys)
    before = ask("TICKS")
    time.sleep(0.5)  # nobody asks anything
    assert ask("TICKS") - before >= 5


def test_thread_local_data_stays_with_its_serving_thread(curious):
    ask = curious(threads=3)
    code = "LOCAL.n = getattr(LOCAL, 'n', 0) + 1\nanswer = [threading.get_ident(), LOCAL.n]"
    counts = {}
    for _ in range(60):
        thread, count = ask(code, path="/exec")
        counts[thread] = counts.get(thread, 0) + 1
        assert count == counts[thread]


# ---- the request's id

def test_one_request_has_one_id_everywhere(emperor, curious):
    ask = curious()
    first, second = (ask("(environ['emperor.request_id'], emperor.request_id())") for _ in range(2))
    assert first[0] == first[1] != second[0] and re.fullmatch("[0-9a-f]{16}", first[0])
    assert ask("emperor.request_id()", HTTP_X_REQUEST_ID="req.7-A") == "req.7-A"
    assert ask("emperor.request_id()", HTTP_X_REQUEST_ID="a b") != "a b"
    failed = uwsgi.request(emperor.socket("shop"), "/raise", HTTP_X_REQUEST_ID="find-me")
    assert failed.status == 500 and "request id: find-me" in failed.text and failed.header("X-Request-ID") == "find-me"
    emperor.wait_log("request find-me GET /raise: ValueError: as asked")
    failed = uwsgi.request(emperor.socket("shop"), "/raise")
    number = failed.header("X-Request-ID")
    assert re.fullmatch("[0-9a-f]{16}", number) and number in failed.text
    emperor.wait_log(f"request {number} GET /raise: ValueError: as asked")


# ---- what is imported where

def test_outside_of_a_vassal_it_is_a_missing_module():
    done = subprocess.run(["/usr/bin/python3", "-c", "import emperor"], capture_output=True, text=True, cwd="/")
    assert "ModuleNotFoundError: No module named 'emperor'" in done.stderr


def test_an_apps_own_module_of_such_a_name_comes_first(emperor, scratch):
    (scratch / "emperor.py").write_text("MINE = 'the app\\'s own'\n")
    (scratch / "uwsgi.py").write_text(
        "import emperor, uwsgidecorators\ncalled = []\nuwsgidecorators.postfork(lambda: called.append('hook'))\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    return [(emperor.MINE + ' ' + str(called)).encode()]\n")
    emperor.write("own", app="uwsgi:application", chdir=scratch)
    emperor.wait_serving("own")
    assert emperor.get("own").text == "the app's own ['hook']"


def test_the_stub_for_editors_says_what_the_module_has(curious):
    import ast
    tree = ast.parse(STUB.read_text())
    functions = {node.name: [argument.arg for argument in node.args.posonlyargs + node.args.args]
                 for node in tree.body if isinstance(node, ast.FunctionDef)}
    variables = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    ask = curious()
    code = """
import inspect
public = {name: value for name, value in vars(emperor).items() if not name.startswith('_')}
answer = [{name: list(inspect.signature(value).parameters) for name, value in public.items() if callable(value)},
          sorted(name for name, value in public.items() if not callable(value))]
"""
    there, attributes = ask(code, path="/exec")
    assert there == functions
    assert set(attributes) == variables
    documented = ask("{name: (value.__doc__ or '') for name, value in vars(emperor).items() if callable(value)}")
    assert all(len(text) > 40 for text in documented.values())
    compile(STUB.read_text(), "emperor.pyi", "exec")


def test_a_worker_that_ends_calls_what_newrelic_registers(emperor, curious):
    curious(env={"ATEXIT": "1"})
    emperor.ctl("stop", "shop")
    emperor.wait_log("uwsgi.atexit ran in worker 1")


def test_help_reads_well(curious):
    ask = curious()
    text = ask("(__import__('pydoc').plain(__import__('pydoc').render_doc(emperor)))")
    for word in ("reload(reason='')", "set_log_field(name, value)", "listen_queue()", "postfork(function)",
                 "request_id()", "worker_id"):
        assert word in text
