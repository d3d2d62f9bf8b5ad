"""What an app finds around it: environment, working directory, umask, import paths, its venv, before_start."""
import json
import os
import pathlib
import subprocess

import pytest

from harness.waiting import wait_until


def process_of(emperor, name="probe"):
    emperor.wait_serving(name)
    return json.loads(emperor.get(name, "/process").text)


def test_the_environment_is_clean(idle_emperor):
    emperor = idle_emperor.start(env={"SECRET_OF_THE_OPERATOR": "1", "PYTHONSTARTUP": "/x", "TZ": "Europe/Vienna"})
    emperor.write("probe", env={"COLOUR": "blue", "NUMBER": "1"})
    seen = process_of(emperor)
    assert "SECRET_OF_THE_OPERATOR" not in seen["env"] and "PYTHONSTARTUP" not in seen["env"]
    assert seen["env"]["COLOUR"] == "blue" and seen["env"]["NUMBER"] == "1" and seen["env"]["TZ"] == "Europe/Vienna"
    assert {"PATH", "HOME", "USER", "LOGNAME"} <= seen["env"].keys()
    assert seen["utf8"] == 1


def test_env_wins_over_env_file(emperor, scratch):
    (scratch / "app.env").write_text("# comment\nFROM_FILE=yes\nBOTH=file\nQUOTED=\"two words\"\n\n")
    emperor.write("probe", env_file=str(scratch / "app.env"), env={"BOTH": "key"})
    env = process_of(emperor)["env"]
    assert (env["FROM_FILE"], env["BOTH"], env["QUOTED"]) == ("yes", "key", "two words")


def test_chdir_umask_and_python_path(emperor, scratch):
    (scratch / "library").mkdir()
    (scratch / "library" / "extra_module.py").write_text("WORD = 'found'\n")
    (scratch / "work").mkdir()
    (scratch / "work" / "site_app.py").write_text(
        "import extra_module, probe\nassert extra_module.WORD == 'found'\napplication = probe.application\n")
    emperor.write("probe", "site_app:application", chdir=scratch / "work", umask="0027",
                  python_path=[str(scratch / "library"), str(emperor.apps)])
    seen = process_of(emperor)
    assert seen["cwd"] == str(scratch / "work") and seen["umask"] == 0o027
    assert str(scratch / "library") in seen["path"]


def test_variables_of_the_emperor_and_the_name_expand(idle_emperor):
    emperor = idle_emperor.start(env={"REGION": "south"})
    emperor.write("probe", env={"WHERE": "${REGION}-${ZONE:-a}", "WHO": "{name}"})
    env = process_of(emperor)["env"]
    assert (env["WHERE"], env["WHO"]) == ("south-a", "probe")


@pytest.fixture(scope="module")
def venv(session_directory):
    path = session_directory / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", path], check=True)
    package = path / "lib/python3.11/site-packages/only_in_venv"
    package.mkdir()
    (package / "__init__.py").write_text("WORD = 'venv'\n")
    return path


def test_a_venv_gives_its_packages_and_its_interpreter(emperor, scratch, venv):
    (scratch / "venv_app.py").write_text("import only_in_venv, probe\napplication = probe.application\n")
    emperor.write("probe", "venv_app:application", chdir=scratch, python_path=str(emperor.apps), venv=str(venv))
    seen = process_of(emperor)
    assert seen["prefix"] == str(venv) and seen["executable"].startswith(str(venv / "bin"))
    assert seen["env"]["VIRTUAL_ENV"] == str(venv) and seen["env"]["PATH"].startswith(str(venv / "bin"))
    assert not any("dist-packages" in entry for entry in seen["path"]), "Debian's packages show through the venv"


def test_without_the_venv_its_packages_are_missing_and_the_reason_is_shown(emperor, scratch):
    (scratch / "venv_app.py").write_text("import only_in_venv\n")
    emperor.write("probe", "venv_app:application", chdir=scratch)
    row = emperor.wait_state("probe", "backoff", "failed")
    assert "No module named 'only_in_venv'" in json.dumps(row)


def test_before_start_runs_once_per_generation_in_the_app_s_surroundings(emperor, scratch):
    emperor.write("probe", workers=2, env={"MARK": str(scratch / "mark")}, before_start='pwd >> "$MARK"')
    process_of(emperor)
    assert (scratch / "mark").read_text().splitlines() == [str(emperor.apps)]
    assert emperor.ctl("reload", "probe").returncode == 0
    assert len((scratch / "mark").read_text().splitlines()) == 2


def test_a_failing_before_start_keeps_the_old_generation(emperor, scratch):
    flag = scratch / "fail"
    emperor.write("probe", before_start=f'if [ -e {flag} ]; then echo "migration 7 failed" >&2; exit 4; fi')
    emperor.wait_serving("probe")
    pid = emperor.pid("probe")
    flag.touch()
    done = emperor.ctl("reload", "probe")
    assert done.returncode == 1 and "before_start" in done.stderr and "migration 7 failed" in done.stderr
    assert "4" in done.stderr and emperor.pid("probe") == pid


@pytest.mark.parametrize("app, body", [("probe:application", "ok"), ("probe.py:application", "ok"), ("probe.py", "ok"),
                                       ("probe:factory()", "made"), ("probe:instance", "an object"), ("probe:app", "ok")])
def test_every_form_of_app_is_found(emperor, app, body):
    emperor.write("probe", app)
    emperor.wait_serving("probe")
    assert emperor.get("probe").text == body


def test_a_symlinked_release_directory_is_followed_at_each_reload(emperor, scratch):
    for number in (1, 2):
        (scratch / f"release{number}").mkdir()
        (scratch / f"release{number}" / "main.py").write_text(
            f"def application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n    return [b'release {number}']\n")
    current = scratch / "current"
    current.symlink_to("release1")
    emperor.write("probe", "main:application", chdir=current)
    emperor.wait_serving("probe")
    assert emperor.get("probe").text == "release 1"
    (scratch / "next").symlink_to("release2")
    os.replace(scratch / "next", current)
    assert emperor.ctl("reload", "probe").returncode == 0
    # The old worker stops accepting a moment after the new one began.
    wait_until(lambda: emperor.get("probe").text == "release 2", 5, "the new release")
    assert pathlib.Path(current).resolve().name == "release2"
