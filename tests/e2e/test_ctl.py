"""emperorctl: what each command says, in tables and JSON, and the exit codes 0 to 7."""
import json
import re
import subprocess

import pytest

from harness.waiting import wait_until


@pytest.fixture
def shop(emperor):
    emperor.write("shop", workers=2, env={"COLOUR": "blue"})
    emperor.write("blog")
    emperor.write("shop-admin")
    emperor.wait_serving("shop", "blog", "shop-admin")
    for name in ("shop", "blog", "shop-admin"):
        emperor.wait_state(name, "running")
    return emperor


def test_status_is_a_table_and_json(shop):
    done = shop.ctl("status")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0].split()[:3] == ["APP", "STATE", "GEN"]
    assert [line.split()[:2] for line in lines[1:]] == [["blog", "running"], ["shop", "running"], ["shop-admin", "running"]]
    assert "\x1b" not in done.stdout, "no colours off a terminal"
    rows = shop.apps_status()
    assert rows["shop"]["workers"]["configured"] == 2 and rows["shop"]["generation"] == 1
    assert shop.ctl("-o", "name", "status").stdout.split() == ["blog", "shop", "shop-admin"]


def test_globs_choose_apps(shop):
    assert shop.ctl("-o", "name", "status", "shop*").stdout.split() == ["shop", "shop-admin"]
    assert shop.ctl("reload", "shop*").returncode == 0
    rows = shop.apps_status()
    assert (rows["shop"]["generation"], rows["shop-admin"]["generation"], rows["blog"]["generation"]) == (2, 2, 1)


def test_exit_codes_0_to_7(shop, scratch, binaries):
    assert shop.ctl("status", "shop").returncode == 0
    (scratch / "broken.py").write_text("raise RuntimeError('no')\n")
    shop.write("late", "broken:application", chdir=scratch)
    shop.wait_state("late", "backoff")
    assert shop.ctl("reload", "late").returncode == 1
    assert shop.ctl("frobnicate").returncode == 2 and shop.ctl("status", "--no-such-option").returncode == 2
    assert shop.ctl("reload").returncode == 2
    assert shop.ctl("stop", "blog").returncode == 0
    assert shop.ctl("status", "blog").returncode == 3 and shop.ctl("status").returncode == 0
    done = shop.ctl("reload", "shp")
    assert done.returncode == 5 and "shop" in done.stderr
    done = subprocess.run([binaries / "emperorctl", "--runtime-dir", scratch / "nowhere", "status"],
                          capture_output=True, text=True)
    assert done.returncode == 7 and str(scratch / "nowhere") in done.stderr


def test_a_reload_of_nothing_but_stopped_apps_is_answered_at_once(shop):
    assert shop.ctl("stop", "*").returncode == 0
    done = shop.ctl("--timeout", "20s", "reload", "*")
    assert done.returncode == 0 and "nothing to reload" in done.stderr, done.stderr
    assert shop.ctl_json("reload", "*") == {"outcomes": []}


def test_output_that_cannot_be_written_is_a_failure(shop):
    with open("/dev/full", "w") as full:
        done = subprocess.run([shop.binaries / "emperorctl", "--runtime-dir", shop.runtime, "nginx", "print"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "could not be written" in done.stderr


def test_a_reload_that_takes_too_long_is_exit_6_and_goes_on(shop):
    shop.write("slow", env={"IMPORT_SECONDS": "2"})
    shop.wait_state("slow", "running")
    pid = shop.pid("slow")
    assert shop.ctl("--timeout", "300ms", "reload", "slow").returncode == 6
    shop.generation_change("slow", pid)
    pid = shop.pid("slow")
    assert shop.ctl("reload", "--no-wait", "slow").returncode == 0
    assert shop.pid("slow") == pid, "--no-wait does not wait"
    shop.generation_change("slow", pid)


def test_show_is_a_readable_page(shop):
    page = shop.ctl("show", "shop").stdout
    for word in ("shop", "running", str(shop.path_of("shop")), str(shop.socket("shop")), str(shop.pid("shop"))):
        assert word in page, page
    shown = shop.ctl_json("show", "shop")
    shown = shown if "worker_list" in shown else next(iter(shown.values()))
    shown = shown[0] if isinstance(shown, list) else shown
    assert len(shown["worker_list"]) == 2 and shown["history"]


def test_config_gives_each_value_its_origin(shop):
    shop.write_text("_defaults", "timeouts: {request: 45s}\n")
    wait_until(lambda: "_defaults.yaml" in shop.ctl("config", "shop").stdout, 15, "the defaults in use")
    lines = shop.ctl("config", "shop").stdout.splitlines()
    for key, value, origin in (("timeouts.request", "45s", "_defaults.yaml:1"), ("workers", "2", "shop.yaml:"),
                               ("threads", "1", "default")):
        line = next(line for line in lines if line.split()[:1] == [key])
        assert re.search(rf"\b{value}\b", line) and origin in line, line


def test_explain_tells_type_default_and_reload_class(shop):
    done = shop.ctl("explain", "timeouts.request")
    assert done.returncode == 0 and "60s" in done.stdout and "default" in done.stdout.lower()
    assert "timeouts.drain" in shop.ctl("explain", "timeouts").stdout
    done = shop.ctl("explain", "wokers")
    assert done.returncode != 0 and "workers" in done.stderr


def test_schema_is_draft_07_and_knows_every_key(shop, source):
    schema = json.loads(shop.ctl("schema").stdout)
    assert "draft-07" in schema["$schema"] and schema["properties"].keys() >= {"app", "listen", "timeouts", "workers"}
    assert schema["additionalProperties"] is False
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    jsonschema.validate({"app": "a:b", "workers": 2}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"app": "a:b", "wokers": 2}, schema)


def test_version_names_both(shop):
    text = shop.ctl("version").stdout
    assert text.count("0.1.0") >= 2 or "0.1.0" in text


def test_check_without_findings_is_exit_0(shop):
    assert shop.ctl("check", shop.vassals).returncode == 0
    assert shop.ctl("check", shop.path_of("shop")).returncode == 0


def test_every_command_has_help_with_an_example(shop):
    for command in ("status", "show", "start", "stop", "restart", "reload", "exec", "logs", "check", "explain",
                    "schema", "config", "version"):
        done = shop.ctl(command, "--help")
        assert done.returncode == 0 and "emperorctl" in done.stdout and command in done.stdout, command


def test_exec_runs_in_the_app_s_place_and_passes_the_exit_code(shop):
    done = shop.ctl("exec", "shop", "--", "sh", "-c", "pwd; echo $COLOUR; exit 9")
    assert done.returncode == 9 and done.stdout.split() == [str(shop.apps), "blue"]
    done = shop.ctl("exec", "shop", "--", "python", "-c", "import probe, sys; print(sys.version_info[:2])")
    assert done.returncode == 0 and done.stdout.strip() == "(3, 11)", done.stderr


def test_the_control_socket_speaks_lines_of_json(shop):
    import socket
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(shop.runtime / "control.sock"))
        stream = client.makefile("rwb")
        for line, code in ((b'{"id":1,"command":"status","args":{}}\n', None), (b"not json\n", "bad_request"),
                           (b'{"id":3,"command":"dance","args":{}}\n', "unknown_command"),
                           (b'{"id":4,"command":"show","args":{"app":"nobody"}}\n', "no_such_app")):
            stream.write(line)
            stream.flush()
            answer = json.loads(stream.readline())
            assert answer["ok"] is (code is None), answer
            assert code is None or answer["error"]["code"] == code, answer
