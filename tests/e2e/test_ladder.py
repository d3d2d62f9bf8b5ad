"""The reload ladder: every key of the schema is edited in a running vassal, and costs what its class promises."""
import copy
import grp
import json
import os
import pwd
import re
import shutil
import subprocess

from harness.load import Load
from harness.waiting import wait_until

VASSALS = 6  # edited side by side
IS_ROOT = os.geteuid() == 0


def user():
    return "nobody" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name


def group():
    return "nogroup" if IS_ROOT else grp.getgrgid(os.getegid()).gr_name


def samples(scratch):
    """Another valid value than the default, for each key."""
    return {
        "app": "probe:app", "chdir": str(scratch / "other"), "venv": str(scratch / "venv"), "python_path": [str(scratch)],
        "env": {"PYTHONDONTWRITEBYTECODE": "1", "VERSION": "2"}, "env_file": str(scratch / "more.env"), "mount": "/m",
        "before_start": "true", "watch": [str(scratch / "more.env")], "enabled": False,
        "listen": f"uwsgi:{scratch}/NAME.sock", "hosts": ["name.example.com"], "socket.mode": "0600",
        "socket.owner": user(), "socket.group": group(),
        "socket.backlog": 64, "trusted_proxies": ["127.0.0.1"], "workers": 3, "threads": 2, "preload": True,
        "stream_body": True, "static": {"/static": str(scratch / "other")}, "user": user(), "group": group(), "umask": "027",
        "timeouts.start": "50s", "timeouts.request": "50s", "timeouts.drain": "20s", "timeouts.kill": "4s",
        "timeouts.header": "9s", "timeouts.body": "50s", "timeouts.write": "50s", "timeouts.keepalive": "4s",
        "restart.initial": "200ms", "restart.max": "50s", "restart.stable": "9s", "recycle.max_requests": 1_000_000,
        "recycle.jitter": "20%", "recycle.max_rss": "8GiB", "recycle.max_age": "30d", "limits.header_size": "128KiB",
        "limits.headers": 100, "limits.body": "20MiB", "limits.body_memory": "64KiB", "limits.connections": 1000,
        "on_demand": True, "timeouts.idle": "10m", "restart.hold": "20s",
        "health.path": "/", "health.host": "www.example.com", "health.status": "200-499", "health.timeout": "9s",
        "health.attempts": 5, "autoreload": True, "log.slow": "10s", "rollout.observe": "1s", "rollout.max_error_rate": "20%",
        "log.file": str(scratch / "NAME.log"), "log.access": "json", "log.access_format": "{method} {status}",
        "log.format": "json", "log.rotate.size": "1MiB", "log.rotate.keep": 2, "log.journal": "off",
    }


# Beside another key, on the same vassal.
AFTER = {"log.access_format": "log.access", "health.path": "health.status"}
# Their promise is another one than their class's: tested by themselves.
APART = {"enabled"}


def classes(emperor):
    """key -> class, as the schema tells it."""
    document = json.loads(emperor.ctl("schema").stdout)
    found = {}

    def walk(prefix, node):
        for name, key in node.get("properties", {}).items():
            if told := re.search(r"Changed: (\w+)\.", key.get("description", "")):
                found[prefix + name] = told.group(1)
            elif "properties" in key:
                walk(prefix + name + ".", key)

    walk("", document)
    return found


def edit(document, key, value):
    where, *leaf = document, *key.split(".")
    while len(leaf) > 1:
        where = where.setdefault(leaf.pop(0), {})
    where[leaf[0]] = value


class Vassal:
    def __init__(self, emperor, name):
        self.emperor, self.name, self.keys = emperor, name, []
        self.document = {"app": "probe:application", "chdir": str(emperor.apps), "workers": 2,
                         "env": {"PYTHONDONTWRITEBYTECODE": "1"}}
        self.write()

    def write(self):
        self.emperor.write_text(self.name, json.dumps(self.document))

    def facts(self):
        shown = self.emperor.ctl_json("show", self.name)
        serving = {worker["pid"] for worker in shown["worker_list"] if worker["state"] == "serving"}
        events = [f"{entry['event']}: {entry['text']}" for entry in shown["history"]]
        return {"state": shown["state"], "generation": shown["generation"], "master": shown["pid"], "workers": serving,
                "events": events, "instances": len(shown["instances"]),
                "listeners": [one["address"] for one in shown["listeners"]]}

    def change(self, key, value):
        self.before = self.facts()
        value = json.loads(json.dumps(value).replace("NAME", self.name))
        edit(self.document, key, value)
        self.write()

    def expect(self, key, change):
        """What the class of the key promises, once it is done."""
        seen = {}

        def is_done():
            seen.update(self.facts())
            news = seen["events"][len(self.before["events"]):]
            if change in ("live", "recycle"):
                text = "applied in place" if change == "live" else "workers replaced"
                return f"reconfigured: {text}: {key}" in news
            return seen["generation"] == self.before["generation"] + 1 and seen["state"] == "running" and seen["instances"] == 1

        wait_until(is_done, 30, lambda: f"{key} ({change}) of {self.name}: {self.before} -> {seen}\n"
                                        f"{self.emperor.output()[-3000:]}", 0.05)
        if change in ("live", "recycle"):
            assert (seen["generation"], seen["master"]) == (self.before["generation"], self.before["master"]), key
        if change == "live":
            assert seen["workers"] >= self.before["workers"], f"{key}: workers were replaced"
        else:
            assert not seen["workers"] & self.before["workers"], f"{key}: workers were kept"


def test_every_key_costs_what_its_class_promises(emperor, apps, scratch, measured):
    (scratch / "other").mkdir()
    shutil.copy(apps / "probe.py", scratch / "other")
    (scratch / "more.env").write_text("MORE=1\n")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", scratch / "venv"], check=True, timeout=60)
    if IS_ROOT:
        os.chown(scratch, 65534, -1)  # sockets and logs of a vassal's own user lie in it
    values, promised = samples(scratch), classes(emperor)
    assert set(promised) == set(values), "each key of the schema needs a sample value here, and no other"

    vassals = [Vassal(emperor, f"v{number}") for number in range(VASSALS)]
    emperor.wait_running(*(vassal.name for vassal in vassals))
    at = {}
    for number, key in enumerate(key for key in promised if key not in APART and key not in AFTER):
        at[key] = vassals[number % VASSALS]
    for key, other in AFTER.items():
        at[key] = at[other]
    for key, vassal in at.items():
        vassal.keys.append(key)
    for vassal in vassals:  # a user of its own must not keep the others' files from being opened
        vassal.keys.sort(key=lambda key: key in ("user", "group"))
    for turn in range(max(len(vassal.keys) for vassal in vassals)):
        editing = [(vassal, vassal.keys[turn]) for vassal in vassals if turn < len(vassal.keys)]
        for vassal, key in editing:
            vassal.change(key, values[key])
        for vassal, key in editing:
            vassal.expect(key, promised[key])
    measured(f"{len(at)} keys: " + ", ".join(f"{list(promised.values()).count(one)} {one}" for one in
                                             ("live", "recycle", "rollout", "listeners")))


def test_enabled_is_live_in_that_no_file_is_needed_to_stop_and_start(emperor):
    vassal = Vassal(emperor, "probe")
    emperor.wait_running("probe")
    vassal.change("enabled", False)
    emperor.wait_state("probe", "stopped")
    vassal.change("enabled", True)
    emperor.wait_running("probe")
    assert vassal.facts()["generation"] == 2


def test_listeners_open_before_and_close_after(emperor, scratch):
    old, kept, new = (str(scratch / f"{name}.sock") for name in ("old", "kept", "new"))
    emperor.write("probe", listen=[f"uwsgi:{old}", f"uwsgi:{kept}"])
    wait_until(lambda: os.path.exists(kept) and emperor.state("probe") == "running", 20)
    with Load(kept, "/pid") as load, Load(old, "/sleep?s=0.5", threads=1) as leaving:
        wait_until(lambda: load.count > 20 and leaving.count > 0, 20)
        emperor.write("probe", listen=[f"uwsgi:{new}", f"uwsgi:{kept}"])
        wait_until(lambda: os.path.exists(new), 20)
        with Load(new, "/pid") as arriving:
            wait_until(lambda: arriving.count > 20, 20)
        assert arriving.failed == 0, arriving.summary()
        wait_until(lambda: not os.path.exists(old), 20, "the vanished address is gone")
    assert load.failed == 0, load.summary()


def test_live_and_recycle_edits_under_load_fail_no_request(emperor, measured):
    document = {"app": "probe:application", "chdir": str(emperor.apps), "workers": 2,
                "env": {"PYTHONDONTWRITEBYTECODE": "1"}, "log": {"access": "text"}}
    steps = [("timeouts.drain", "20s"), ("workers", 4), ("threads", 3), ("log.access_format", "{method} {status}"),
             ("recycle.max_requests", 300), ("workers", 2), ("limits.headers", 99), ("workers", 1), ("log.access", "off")]
    for preload in (False, True):
        name = f"probe{preload}"
        current = {**copy.deepcopy(document), "preload": preload}
        emperor.write_text(name, json.dumps(current))
        emperor.wait_running(name)
        master = emperor.status(name)["pid"]
        with Load(emperor.socket(name), "/pid") as load:
            for key, value in steps:
                before = load.count
                edit(current, key, value)
                emperor.write_text(name, json.dumps(current))
                wait_until(lambda: any(key in entry["text"] and entry["event"] == "reconfigured"
                                       for entry in emperor.ctl_json("show", name)["history"][-2:]), 30,
                           lambda: f"{key}: {value}\n{emperor.output()[-3000:]}", 0.05)
                wait_until(lambda: load.count > before + 20, 20)
        measured(f"preload {preload}: {load.summary()}")
        assert load.failed == 0, load.summary()
        assert emperor.status(name)["pid"] == master and emperor.status(name)["generation"] == 1


def test_a_worker_roll_that_fails_leaves_the_old_workers_and_says_why(emperor, scratch):
    shutil.copy(emperor.apps / "probe.py", scratch / "fragile.py")
    emperor.write("probe", app="fragile:application", chdir=scratch, restart_max="500ms")
    emperor.wait_running("probe")
    pid = emperor.pid("probe")
    (scratch / "fragile.py").write_text("import no_such_module\n")
    emperor.write("probe", app="fragile:application", chdir=scratch, restart_max="500ms", threads=2)
    note = "workers not replaced: import: ModuleNotFoundError: No module named 'no_such_module'"
    wait_until(lambda: emperor.status("probe")["reason"] == note, 20, lambda: str(emperor.status("probe")))
    assert emperor.pid("probe") == pid and emperor.state("probe") == "running"
    assert "No module named" in emperor.status("probe")["last_reload"]
    shutil.copy(emperor.apps / "probe.py", scratch / "fragile.py")
    wait_until(lambda: emperor.status("probe")["last_reload"] == "workers replaced", 20)
    assert emperor.pid("probe") != pid and emperor.status("probe")["generation"] == 1


def test_an_edit_is_applied_in_place_by_the_next_emperor_too(emperor):
    vassal = Vassal(emperor, "probe")
    emperor.wait_running("probe")
    before = vassal.facts()
    emperor.process.kill()
    emperor.wait()
    vassal.document["timeouts"] = {"drain": "11s"}
    vassal.write()
    emperor.start()
    wait_until(lambda: emperor.ctl_json("config", "probe")["values"]["timeouts"]["drain"] == 11_000, 20)
    after = vassal.facts()
    assert (after["master"], after["workers"]) == (before["master"], before["workers"])
