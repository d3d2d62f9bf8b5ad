"""What an operator asks before something is done: diff, check --import; and what is done without a file: scale."""
import json
import os
import subprocess

from harness import processes
from harness.load import Load
from harness.waiting import wait_until


def pids(emperor, name):
    return {worker["pid"] for worker in emperor.ctl_json("show", name)["worker_list"] if worker["state"] == "serving"}


# ---- scale

def test_scale_holds_until_the_file_says_another_number(emperor):
    emperor.write("probe", workers=1)
    emperor.wait_running("probe")
    with Load(emperor.socket("probe"), "/pid") as load:
        done = emperor.ctl("scale", "probe", "3")
        assert (done.returncode, done.stdout) == (0, "probe: 3 workers, until its file says another number\n"), done.stderr
        assert len(pids(emperor, "probe")) >= 3, "the one that was alone may be there twice: it is replaced"
    assert load.failed == 0, load.summary()
    assert "scaled by an operator (file: workers 1)" in emperor.ctl("status", "probe").stdout
    assert emperor.status("probe")["workers"]["file"] == 1

    assert emperor.ctl("reload", "probe").returncode == 0
    emperor.write("probe", workers=1, timeouts_drain="9s")
    wait_until(lambda: emperor.ctl_json("config", "probe")["values"]["timeouts"]["drain"] == 9000, 20)
    assert emperor.status("probe")["workers"]["configured"] == 3

    emperor.process.kill()
    emperor.wait()
    emperor.start()
    emperor.wait_state("probe", "running")
    assert emperor.status("probe")["workers"]["configured"] == 3
    assert emperor.status("probe")["generation"] == 2, "nothing but the reload brought a new generation"
    assert emperor.ctl("diff").stdout == "no difference\n"

    emperor.write("probe", workers=2, timeouts_drain="9s")
    wait_until(lambda: len(pids(emperor, "probe")) == 2, 20, lambda: str(emperor.status("probe")))
    assert emperor.status("probe")["workers"].get("file") is None


def test_scale_takes_ranges_and_is_reset(emperor):
    emperor.write("probe", workers=2)
    emperor.wait_running("probe")
    assert emperor.ctl("scale", "probe", "1-4").returncode == 0
    workers = emperor.status("probe")["workers"]
    assert (workers["least"], workers["configured"]) == (1, 4)
    assert emperor.ctl("scale", "probe", "--reset").stdout == "probe: 2 workers, as its file says\n"
    assert emperor.status("probe")["workers"].get("file") is None
    for wrong in ("0", "300", "4-2"):
        done = emperor.ctl("scale", "probe", wrong)
        assert done.returncode == 2 and "'workers' must be" in done.stderr, wrong
    for wrong in (("many",), ("2-",), ("",), ()):
        assert emperor.ctl("scale", "probe", *wrong).returncode == 2, wrong
    assert emperor.ctl("scale", "other", "2").returncode == 5


# ---- diff

def test_diff_against_files_that_are_not_deployed(emperor, scratch):
    emperor.write("shop", workers=2, env={"DB_PASSWORD": "old", "COLOUR": "red"})
    emperor.write("crm")
    emperor.wait_running("shop", "crm")
    fresh = scratch / "fresh"
    fresh.mkdir()
    document = json.loads(emperor.path_of("shop").read_text())
    document["workers"], document["env"]["DB_PASSWORD"], document["env"]["COLOUR"] = 4, "new", "blue"
    (fresh / "shop.yaml").write_text(json.dumps(document))
    (fresh / "blog.yaml").write_text("app: blog.wsgi:application\n")
    done = emperor.ctl("diff", "--against", fresh)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("blog: added (new file)\n"
                           "shop: changed, rollout (edited)\n"
                           "  env.COLOUR: red -> blue\n"
                           "  env.DB_PASSWORD: *** -> ***\n"
                           "  workers: 2 -> 4\n"
                           "crm: removed (it is not among the files)\n")
    assert "env.DB_PASSWORD: old -> new" in emperor.ctl("diff", "--reveal", "--against", fresh / "shop.yaml").stdout
    differences = emperor.ctl_json("diff", "shop", "--against", fresh)["differences"]
    assert [(one["app"], one["class"]) for one in differences] == [("shop", "rollout")]
    assert emperor.status("shop")["generation"] == 1, "nothing was done"
    (fresh / "shop.yaml").write_text("app: x\nworkesr: 2\n")
    done = emperor.ctl("diff", "--against", fresh / "shop.yaml")
    assert done.returncode == 2 and "did you mean 'workers'" in done.stdout
    assert f"{fresh}/shop.yaml:2:1: " in done.stdout and "\\n" not in done.stdout, done.stdout


def test_diff_shows_what_was_not_applied(emperor, scratch):
    emperor.write("probe")
    emperor.wait_running("probe")
    assert emperor.ctl("diff").stdout == "no difference\n"
    assert emperor.ctl("diff", "prob").returncode == 5
    emperor.write("probe", app="no_such_module:app")
    wait_until(lambda: "failed" in emperor.status("probe")["last_reload"], 20)
    done = emperor.ctl("diff", "probe")
    assert done.stdout.startswith("probe: differs from its file, rollout (failed: "), done.stdout
    assert "  app: probe:application -> no_such_module:app\n" in done.stdout
    emperor.path_of("probe").write_text("app: x\nworkesr: 2\n")
    emperor.wait_state("probe", "invalid")
    done = emperor.ctl("diff", "probe")
    assert done.returncode == 2 and done.stdout.startswith("probe: invalid (the last valid one runs)\n"), done.stdout
    assert "did you mean 'workers'" in done.stdout


def test_diff_of_one_that_sleeps_where_it_was_rolled_back_to(emperor):
    emperor.write("probe", on_demand=True, timeouts_idle="2s")
    emperor.wait_state("probe", "sleeping")
    emperor.ctl("start", "probe")
    wait_until(lambda: emperor.status("probe")["generation"] == 1, 20)
    emperor.write("probe", on_demand=True, timeouts_idle="2s", env={"COLOUR": "blue"})
    wait_until(lambda: "COLOUR" in emperor.ctl("config", "probe").stdout, 20)
    emperor.ctl("start", "probe")  # it may sleep again by now
    wait_until(lambda: emperor.status("probe")["generation"] == 2, 20)
    assert emperor.ctl("rollback", "probe").returncode == 0
    emperor.wait_state("probe", "sleeping")
    assert emperor.ctl("diff", "probe").stdout.startswith("probe: differs from its file")


# ---- usage errors

def test_a_usage_error_is_a_document_where_one_was_asked_for(emperor):
    done = emperor.ctl("-o", "json", "statsu")
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "usage"


# ---- check --import

def test_check_import_really_imports_and_leaves_nothing(scratch, binaries, apps, tmp_path):
    def check(*arguments):
        return subprocess.run([binaries / "emperorctl", "--runtime-dir", tmp_path, *map(str, arguments)], capture_output=True,
                              text=True, timeout=60)

    good, bad, slow, wrong = (scratch / f"{name}.yaml" for name in ("good", "bad", "slow", "wrong"))
    (scratch / "app.py").write_text("import os, subprocess\nprint('importing as', os.environ['WHO'])\n"
                                    "child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
                                    "def application(environ, start_response): pass\n")
    (scratch / "broken.py").write_text("import no_such_module\n")
    (scratch / "forever.py").write_text("import time\ntime.sleep(1000)\n")
    good.write_text("app: app:application\nenv: {WHO: me}\nchdir: .\nbefore_start: touch before_start_ran\n")
    bad.write_text("app: broken\nchdir: .\n")
    slow.write_text("app: forever\nchdir: .\ntimeouts: {start: 1s}\n")
    wrong.write_text("app: app\nworkesr: 1\n")

    done = check("check", "--import", good)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert f"{good}: imported in " in done.stdout and "importing as me" in done.stderr
    assert not (scratch / "before_start_ran").exists()
    done = check("check", "--import", bad)
    assert done.returncode == 1
    assert "not imported: import: ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    assert "Traceback (most recent call last):" in done.stderr
    done = check("check", "--import", slow)
    assert done.returncode == 1 and "not imported within 1000 ms (timeouts.start)" in done.stderr
    assert check("check", "--import", wrong, good).returncode == 2
    answer = json.loads(check("-o", "json", "check", "--import", good, bad).stdout)
    assert {os.path.basename(one["file"]): one["ok"] for one in answer["imports"]} == {"good.yaml": True, "bad.yaml": False}
    assert check("check", good).returncode == 0, "without --import nothing is imported"
    assert not [pid for pid in processes.descendants_of(os.getpid()) if "1000" in processes.command_line(pid)]
