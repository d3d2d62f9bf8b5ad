"""What run.py and compare.py have in common: the harness of the end-to-end tests, and a directory to play in."""
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
E2E = HERE.parent / "e2e"
BUILT = HERE.parents[1] / "build/release/bin"
sys.path[:0] = [str(E2E)]
sys.dont_write_bytecode = True


def new_directory(name):
    """Open to every user: a root emperor's vassals may be others."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"emperor-{name}-"))
    path.chmod(0o755)
    return path


def copy_app(directory):
    apps = pathlib.Path(shutil.copytree(HERE / "app", directory / "app", ignore=shutil.ignore_patterns("__pycache__")))
    shutil.copy(E2E / "apps" / "ledger.py", apps)
    return apps


def copy_programs(built, directory):
    """A checkout below /root is closed to other users."""
    target = directory / "bin"
    target.mkdir()
    for name in ("emperor", "vassal", "emperorctl"):
        shutil.copy(built / name, target / name)
    return target
