"""Bad input: `emperorctl check` names file, line and column with a caret line, all errors in one pass, exit 2; a running
emperor shows the vassal `invalid` and whatever ran before keeps running."""
import json
import os
import re
import subprocess

import pytest

from harness import processes
from harness.bad_input import CASES
from harness.nginx import free_port

PLACE = re.compile(r"^(?P<file>.+?\.ya?ml)(?::(?P<line>\d+)(?::(?P<column>\d+))?)?: error: (?P<message>.+)$", re.M)


def errors_in(text):
    return [(match["file"], f"{match['line'] or ''}:{match['column'] or ''}", match["message"]) for match in PLACE.finditer(text)]


@pytest.mark.parametrize("what", CASES)
def test_check_names_place_and_reason(idle_emperor, what):
    case = CASES[what]
    path = idle_emperor.vassals / f"{case.name}.yaml"
    path.write_bytes(case.text)
    done = idle_emperor.ctl("check", idle_emperor.vassals)
    report = done.stdout + done.stderr
    assert done.returncode == 2, report
    found = errors_in(report)
    assert found and all(file == str(path) for file, _, _ in found), report
    if case.place:
        assert any(place.startswith(case.place) for _, place, _ in found), f"expected {case.place} in\n{report}"
        assert re.search(r"^ +\| +\^", report, re.M), f"no caret line in\n{report}"
    for word in case.words:
        assert word in report, f"{word!r} is missing in\n{report}"


def test_all_errors_of_all_files_come_in_one_pass(idle_emperor):
    for number in range(3):
        (idle_emperor.vassals / f"bad{number}.yaml").write_text(f"app: probe:application\nwokers: {number}\nthreads: none\n")
    (idle_emperor.vassals / "good.yaml").write_text("app: probe:application\n")
    done = idle_emperor.ctl("check", idle_emperor.vassals)
    assert done.returncode == 2 and len(errors_in(done.stdout + done.stderr)) == 6, done.stdout + done.stderr


EDITS = {what: case for what, case in CASES.items() if case.name == "old"}  # the others are about the file's name


@pytest.mark.parametrize("what", EDITS)
def test_a_bad_edit_is_shown_and_the_old_one_keeps_running(fleet_of_bad_edits, what):
    case = CASES[what]
    emperor, name = fleet_of_bad_edits, "v" + re.sub(r"\W", "-", what)
    row = emperor.wait_state(name, "invalid")
    assert emperor.get(name).text == "ok"
    shown = row["reason"] + json.dumps(emperor.ctl_json("show", name), ensure_ascii=False)
    if case.words:
        assert case.words[0] in shown, shown


@pytest.fixture(scope="module")
def fleet_of_bad_edits(binaries, session_directory, apps):
    """One emperor for the whole table: every vassal runs first, then gets its bad edit."""
    from harness.emperor import Emperor
    directory = session_directory / "bad-edits"
    directory.mkdir()
    emperor = Emperor(binaries, directory, apps)
    names = {what: "v" + re.sub(r"\W", "-", what) for what in EDITS}
    for name in names.values():
        emperor.write(name)
    emperor.start()
    processes.expected.add(emperor.process.pid)
    emperor.wait_serving(*names.values(), seconds=60)
    for what, name in names.items():
        emperor.write_text(name, CASES[what].text)
    # An empty file is given a second to be an editor's half-written one.
    yield emperor
    processes.expected.remove(emperor.process.pid)
    assert emperor.stop() == 0


def test_a_first_file_that_is_bad_starts_when_it_is_mended(emperor):
    emperor.write_text("shop", "app: probe:application\nwokers: 2\n")
    row = emperor.wait_state("shop", "invalid")
    assert "wokers" in row["reason"]
    emperor.write("shop")
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")


def test_a_directory_and_an_unreadable_file_are_named(idle_emperor):
    (idle_emperor.vassals / "folder.yaml").mkdir()
    (idle_emperor.vassals / "link.yaml").symlink_to("/no/such/target.yaml")
    done = idle_emperor.ctl("check", idle_emperor.vassals)
    report = done.stdout + done.stderr
    assert done.returncode == 2 and "folder.yaml" in report and "directory" in report and "link.yaml" in report, report


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_an_error(idle_emperor):
    path = idle_emperor.write("secret")
    path.chmod(0)
    done = idle_emperor.ctl("check", path)
    assert done.returncode == 2 and "secret.yaml" in done.stdout + done.stderr


def test_a_group_writable_file_is_refused(emperor):
    path = emperor.write("open")
    path.chmod(0o664)
    row = emperor.wait_state("open", "invalid")
    assert "group may write" in row["reason"]
    path.chmod(0o644)
    emperor.wait_serving("open")


def test_a_venv_of_another_python_is_refused(idle_emperor, scratch):
    venv = scratch / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    (venv / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.2\ninclude-system-site-packages = false\n")
    path = idle_emperor.write("old", venv=str(venv))
    done = idle_emperor.ctl("check", path)
    report = done.stdout + done.stderr
    assert done.returncode == 2 and "3.9" in report and "3.11" in report, report


def test_two_vassals_that_claim_one_address_are_both_told(idle_emperor):
    port = free_port()
    for name in ("one", "two"):
        idle_emperor.write(name, listen=f"http:127.0.0.1:{port}")
    done = idle_emperor.ctl("check", idle_emperor.vassals)
    report = done.stdout + done.stderr
    assert done.returncode == 2 and len(errors_in(report)) == 2 and "one" in report and "two" in report, report


def test_an_address_in_use_is_named_and_taken_when_it_is_free(emperor):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        emperor.write("probe", listen=[f"http:127.0.0.1:{port}", f"uwsgi:{emperor.socket('probe')}"])
        row = emperor.wait_state("probe", "invalid")
        assert str(port) in row["reason"] and "in use" in row["reason"], row
    emperor.path_of("probe").touch()
    emperor.wait_serving("probe")


def test_an_edit_to_an_address_in_use_keeps_the_old_generation(emperor):
    import socket
    emperor.write("probe")
    emperor.wait_serving("probe")
    with socket.create_server(("127.0.0.1", 0)) as held:
        emperor.write("probe", listen=[f"uwsgi:{emperor.socket('probe')}", f"http:127.0.0.1:{held.getsockname()[1]}"])
        emperor.wait_state("probe", "invalid")
        assert emperor.serves("probe")


def test_emperor_check_judges_a_directory_without_starting_anything(idle_emperor):
    idle_emperor.write("good")
    command = [idle_emperor.binaries / "emperor", "--check", "--vassals", idle_emperor.vassals, "--runtime-dir",
               idle_emperor.runtime]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    (idle_emperor.vassals / "bad.yaml").write_text("app: probe:application\nwokers: 1\n")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "bad.yaml:2:1: error:" in done.stdout + done.stderr
    assert not (idle_emperor.runtime / "control.sock").exists()
