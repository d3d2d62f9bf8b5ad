"""A memory cgroup of a test's own, where this machine lets one be made: v1 or v2. Processes that start inside stay inside."""
import contextlib
import os
import pathlib

ROOT = pathlib.Path("/sys/fs/cgroup")


def own_memory_cgroup():
    """(this process's memory cgroup, is it v2), or the reason why there is none."""
    lines = [line.split(":", 2) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            for place in (ROOT / "memory" / path.lstrip("/"), ROOT / "memory"):
                if (place / "cgroup.procs").exists():
                    return place, False
    for number, _, path in lines:
        place = ROOT / path.lstrip("/")
        if number == "0" and "memory" in (place / "cgroup.controllers").read_text().split():
            return place, True
    raise OSError("this process is in no memory cgroup")


class MemoryCgroup:
    """Raises OSError where the machine does not allow it."""

    def __init__(self, name, limit):
        self.parent, self.is_v2 = own_memory_cgroup()
        self.path = self.parent / f"emperor-test-{name}-{os.getpid()}"
        self.path.mkdir()
        try:
            if self.is_v2 and not (self.path / "memory.max").exists():
                raise OSError("the memory controller is not delegated to child cgroups")
            (self.path / ("memory.max" if self.is_v2 else "memory.limit_in_bytes")).write_text(str(limit))
        except OSError:
            self.path.rmdir()
            raise

    @contextlib.contextmanager
    def inside(self):
        """This process, and what it starts meanwhile, are in it."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (self.parent / "cgroup.procs").write_text(str(os.getpid()))

    def let_out(self, pid):
        """That process, and what it starts from now on, are not in it any more; its children stay."""
        (self.parent / "cgroup.procs").write_text(str(pid))

    def remove(self):
        self.path.rmdir()
