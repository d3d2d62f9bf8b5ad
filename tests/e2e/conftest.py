"""Fixtures: the binaries, a scratch directory, an emperor in it, an nginx in front; and the check that a test left
nothing behind: no process, no socket."""
import os
import pathlib
import shutil
import tempfile

import pytest

from harness import nginx as nginx_harness
from harness import processes
from harness.emperor import Emperor, leftovers
from harness.waiting import wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = ("emperor", "vassal", "emperorctl")

processes.become_subreaper()


def pytest_terminal_summary(terminalreporter):
    """Figures that a test measured stand in the report, whether or not output is captured, and whoever ran it."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind
               if getattr(report, "when", "") == "teardown"]
    lines = [line for report in reports for name, line in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture
def measured(request):
    return lambda line: request.node.user_properties.append(("measured", f"{request.node.name}: {line}"))


@pytest.fixture(scope="session")
def source():
    return ROOT


@pytest.fixture(scope="session")
def session_directory():
    """Open to every user, because a root emperor's vassals are other users (pytest's own directories are not)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="emperor-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def binaries(session_directory):
    """Copies: a checkout below /root is closed to other users."""
    built = pathlib.Path(os.environ.get("EMPEROR_BIN", ROOT / "build/release/bin"))
    missing = [name for name in PROGRAMS if not (built / name).exists()]
    if missing:
        pytest.exit(f"no {', '.join(missing)} in {built}: build first, or set EMPEROR_BIN", returncode=1)
    target = session_directory / "bin"
    target.mkdir()
    for name in PROGRAMS:
        shutil.copy(built / name, target / name)
    return target


@pytest.fixture(scope="session")
def apps(session_directory):
    """The test apps, copied to where every user can read them."""
    return pathlib.Path(shutil.copytree(HERE / "apps", session_directory / "apps", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def scratch(session_directory):
    path = pathlib.Path(tempfile.mkdtemp(prefix="t-", dir=session_directory))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """No test leaves a process. Strays are ended, so that they do not disturb the next test, and reported."""
    yield
    try:
        wait_until(lambda: not processes.reap_strays(), 3)
    except AssertionError:
        strays = processes.reap_strays()
        shown = [f"{pid} {processes.command_line(pid)}" for pid in strays]
        for pid in strays:
            processes.kill_tree(pid)
        wait_until(lambda: not processes.reap_strays(), 5, "the end of killed strays")
        pytest.fail(f"processes left behind: {shown}")


@pytest.fixture
def idle_emperor(binaries, scratch, apps, request):
    """Not started yet. Afterwards it is stopped and must have left nothing, unless the test ended it itself."""
    emperor = Emperor(binaries, scratch, apps)
    yield emperor
    if emperor.process is None:
        return
    if emperor.process.poll() is None:
        try:
            emperor.stop()
        except AssertionError:
            processes.kill_tree(emperor.process.pid)
            emperor.process.wait()
            raise
        assert leftovers(scratch) == [], "sockets left behind by a stopped emperor"
    if request.node.stash.get(FAILED, False):
        print(f"---- the emperor's log\n{emperor.output()[-8000:]}")


@pytest.fixture
def emperor(idle_emperor):
    return idle_emperor.start()


@pytest.fixture
def nginx(scratch):
    servers = []

    def start(locations=None, upstreams=None, **keywords):
        servers.append(nginx_harness.Nginx(scratch, locations, upstreams, **keywords))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        item.stash[FAILED] = True
