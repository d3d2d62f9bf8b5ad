"""`watch:` reloads an app when a link is switched or a file changes; nothing else does."""
import os

import pytest

from harness.load import Load
from harness.waiting import wait_until


@pytest.fixture
def release(emperor, scratch):
    """current -> one; the app's text is its release's."""
    for name in ("one", "two"):
        (scratch / name).mkdir()
        (scratch / name / "main.py").write_text(
            f"def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{name}']\n")
    (scratch / "current").symlink_to("one")
    return scratch


def switch(link, target):
    aside = link.with_name(link.name + ".new")
    aside.symlink_to(target)
    os.replace(aside, link)


def texts(emperor):
    return emperor.get("shop").text


def test_a_switched_link_reloads_the_app_and_says_so(emperor, release):
    emperor.write("shop", "main:application", chdir=release / "current", watch=[str(release / "current")])
    emperor.wait_serving("shop")
    with Load(emperor.socket("shop"), threads=2) as load:
        for target in ("two", "one", "two"):
            switch(release / "current", target)
            wait_until(lambda: texts(emperor) == target, 10, f"release {target}")
            emperor.wait_state("shop", "running")
        for target in ("one", "two", "one", "two", "one"):  # in quick succession
            switch(release / "current", target)
        wait_until(lambda: texts(emperor) == "one", 10, "the last one")
        emperor.wait_state("shop", "running")
        before = load.bodies[b"one"]
        wait_until(lambda: load.bodies[b"one"] > before + 20, 10)
    assert load.failed == 0, load.summary()
    assert f"{release}/current changed" in emperor.ctl("show", "shop").stdout


def test_a_file_that_is_written_replaced_or_appears_reloads_the_app(emperor, release):
    (release / "one" / "settings").write_text("a")
    emperor.write("shop", "main:application", chdir=release / "one", watch=["settings", "later"])
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")

    def change(action, what):
        before = emperor.status("shop")["generation"]
        action()
        wait_until(lambda: emperor.status("shop")["generation"] > before, 10, what)
        emperor.wait_state("shop", "running")

    change(lambda: (release / "one" / "settings").write_text("longer"), "a written file")
    (release / "one" / "aside").write_text("another")
    change(lambda: os.replace(release / "one" / "aside", release / "one" / "settings"), "a replaced file")
    change(lambda: (release / "one" / "later").write_text("here"), "a file that appeared")
    change(lambda: (release / "one" / "later").unlink(), "a file that went")


def test_what_lies_in_a_watched_directory_is_no_reason(emperor, release):
    emperor.write("shop", "main:application", chdir=release / "one", watch=[str(release / "current"), "flag"])
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    before = emperor.status("shop")["generation"]
    (release / "one" / "noise").write_text("x")
    (release / "one" / "flag").write_text("x")  # seen: so the noise before it was seen too
    wait_until(lambda: emperor.status("shop")["generation"] > before, 10)
    emperor.wait_state("shop", "running")
    assert emperor.status("shop")["generation"] == before + 1
    assert "flag changed" in emperor.ctl("show", "shop").stdout


def test_a_link_that_was_switched_while_no_emperor_was_there_is_noticed(idle_emperor, scratch):
    import signal
    emperor = idle_emperor.start()
    for name in ("one", "two"):
        (scratch / name).mkdir()
        (scratch / name / "main.py").write_text(
            f"def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'{name}']\n")
    (scratch / "current").symlink_to("one")
    emperor.write("shop", "main:application", chdir=scratch / "current", watch=[str(scratch / "current")])
    emperor.wait_serving("shop")
    emperor.wait_state("shop", "running")
    emperor.send(signal.SIGKILL)
    emperor.wait(15)
    switch(scratch / "current", "two")
    emperor.start()
    wait_until(lambda: texts(emperor) == "two", 15)
