"""Prometheus: promtool finds nothing to say, and a real Prometheus computes the right figures from what it scrapes."""
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from harness import stats
from harness.nginx import free_port
from harness.waiting import wait_until

NAMES = """emperor_build_info emperor_start_time_seconds emperor_config_last_reload_successful
emperor_config_last_reload_success_timestamp_seconds emperor_apps emperor_app_up emperor_app_info emperor_app_start_time_seconds
emperor_app_backoff_seconds emperor_app_restarts_total emperor_app_reloads_total emperor_app_requests_total
emperor_app_request_duration_seconds emperor_app_request_queue_seconds emperor_app_requests_in_progress
emperor_app_exceptions_total emperor_app_receive_bytes_total emperor_app_transmit_bytes_total
emperor_app_client_aborts_total emperor_app_read_errors_total emperor_app_write_errors_total emperor_app_workers
emperor_app_listen_queue_length emperor_app_listen_queue_limit emperor_app_weight emperor_app_cpu_seconds_total
emperor_app_resident_memory_bytes emperor_app_proportional_memory_bytes emperor_app_open_fds
emperor_app_memory_sample_age_seconds emperor_app_log_dropped_lines_total""".split()


def promtool(*arguments, **keywords):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing (scripts/setup.sh installs Debian's prometheus)")
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, **keywords)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    return done


@pytest.fixture
def shop(emperor):
    emperor.write("shop", workers=2)
    emperor.write_text("typo", "app: probe:application\nworker: 2\n")
    emperor.wait_serving("shop")
    emperor.wait_state("typo", "invalid")
    emperor.get("shop", "/pid")
    # Some figures are sampled in turn: they are there a moment after the first scrape.
    wait_until(lambda: b"emperor_app_open_fds{" in stats.get(emperor.runtime / "stats.sock", "/metrics")[2], 20, "samples", 0.2)
    return emperor


@pytest.mark.parametrize("target", ["/metrics", "/metrics?per_worker=1", "/metrics?vassal=shop"])
def test_promtool_has_nothing_to_say(shop, target):
    status, headers, body = stats.get(shop.runtime / "stats.sock", target)
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    promtool("check", "metrics", input=body.decode())
    families = [line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")]
    assert len(set(families)) == len(families)
    assert [name for name in NAMES if name not in families] == []
    assert any("_worker_" in name for name in families) == ("per_worker" in target)
    assert (b'app="typo"' in body) == ("vassal=" not in target)


def test_documented_metrics_are_those_that_there_are(source):
    text = (source / "docs/stats.md").read_text()
    for name in NAMES:
        suffix = "…" + name[len("emperor_app"):]
        assert name in text or suffix in text, f"{name} is not in docs/stats.md"


def test_promtool_accepts_alerts_and_example(source):
    for kind, file in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        promtool("check", kind, source / "configs/prometheus" / file)


def test_alerts_ask_for_metrics_that_there_are(source, shop):
    import re
    text = (source / "configs/prometheus/alerts.yml").read_text()
    known = stats.get(shop.runtime / "stats.sock", "/metrics")[2].decode()
    asked = set(re.findall(r"\bemperor_\w+", text))
    assert len(asked) >= 8
    assert [name for name in asked if not re.search(rf"^{name}[ {{]", known, re.M)] == []


def test_alerts_fire_when_they_should(source, scratch):
    """promtool plays hours in no time. An app with a long backoff has none while it tries; and every kind of lost line counts."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing (scripts/setup.sh installs Debian's prometheus)")
    app = '{instance="box", app="shop"}'
    figures = {"emperor_app_up": "0x40", "emperor_app_backoff_seconds": "45 30 15 0 " * 10,
               "emperor_app_log_dropped_lines_total": "0x40", "emperor_app_log_file_dropped_lines_total": "0x40",
               "emperor_app_log_journal_dropped_lines_total": "0x40", "emperor_app_access_dropped_lines_total": "0x40"}

    def fires(alert, more):
        series = [{"series": name + app, "values": values.strip()} for name, values in {**figures, **more}.items()]
        # So that promtool prints what it got.
        expected = [{"exp_labels": {"instance": "box", "app": "shop", "severity": "never"}}]
        steps = {"interval": "15s", "input_series": series,
                 "alert_rule_test": [{"eval_time": "8m", "alertname": alert, "exp_alerts": expected}]}
        path = scratch / "test.yml"
        rules = [str(source / "configs/prometheus/alerts.yml")]
        path.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "15s", "tests": [steps]}))
        done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=60)
        text = "".join((done.stdout + done.stderr).split())
        assert "got:[" in text, text
        return "got:[]" not in text

    assert fires("EmperorAppDown", {})
    assert not fires("EmperorAppDown", {"emperor_app_up": "1x40"})
    assert not fires("EmperorAppDown", {"emperor_app_backoff_seconds": "0x40"}), "one that sleeps or was stopped is not down"
    assert not fires("EmperorLogDropped", {})
    for kind in ("log", "log_file", "log_journal", "access"):
        assert fires("EmperorLogDropped", {f"emperor_app_{kind}_dropped_lines_total": "0x10 5x30"}), kind


class Prometheus:
    """A real one, in a directory of its own, that scrapes every second."""

    def __init__(self, directory, target, rules):
        self.port = free_port()
        configuration = directory / "prometheus.yml"
        configuration.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}, "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "emperor", "static_configs": [{"targets": [target]}]}]}))
        self.log = directory / "prometheus.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={directory}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: self.fetch("/-/ready") is not None, 60, lambda: self.log.read_text()[-3000:], 0.1)

    def fetch(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
                return response.read()
        except OSError:
            return None

    def ask(self, query):
        """labels (without job and instance) -> value"""
        answer = json.loads(self.fetch("/api/v1/query?" + urllib.parse.urlencode({"query": query})))
        assert answer["status"] == "success", answer

        def labels(row):
            return tuple(sorted((k, v) for k, v in row["metric"].items() if k not in ("job", "instance", "__name__")))
        return {labels(row): float(row["value"][1]) for row in answer["data"]["result"]}

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def test_a_real_prometheus_computes_the_right_figures(idle_emperor, scratch, source, measured):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is missing (scripts/setup.sh installs it)")
    port = free_port()
    emperor = idle_emperor.start("--stats", f"127.0.0.1:{port}")
    emperor.write("shop", workers=1, threads=1)
    emperor.wait_serving("shop")
    prometheus = Prometheus(scratch, f"127.0.0.1:{port}", source / "configs/prometheus/alerts.yml")
    app = (("app", "shop"),)
    try:
        wait_until(lambda: prometheus.ask("emperor_app_up") == {app: 1}, 30, lambda: prometheus.log.read_text()[-3000:], 0.1)
        before = stats.document(emperor.runtime / "stats" / "shop.sock")
        began = time.time()
        for _ in range(40):
            assert emperor.get("shop", "/pid").status == 200
        for _ in range(10):
            assert emperor.get("shop", "/sleep?s=0.06").status == 200
        after = before["totals"]["2xx"] + 50
        requests = 'emperor_app_requests_total{code="2xx"}'
        wait_until(lambda: list(prometheus.ask(requests).values()) == [after], 20, lambda: str(prometheus.ask(requests)), 0.1)
        span = int(time.time() - began) + 20
        # rate() extrapolates to the ends of its range: half and double are what it may be off in so short a life.
        rate = list(prometheus.ask(f'rate({requests}[{span}s]) * {span}').values())[0]
        assert 25 <= rate <= 100, rate
        low, high = (list(prometheus.ask(
            f"histogram_quantile({part}, sum by (app, le) "
            f"(increase(emperor_app_request_duration_seconds_bucket[{span}s])))").values())[0]
            for part in (0.5, 0.95))
        assert 0 < low <= 0.025, "four of five requests are quick"
        assert 0.05 <= high <= 0.25, "one of five takes 60 ms"
        count = list(prometheus.ask("emperor_app_request_duration_seconds_count").values())[0]
        total = list(prometheus.ask("emperor_app_request_duration_seconds_sum").values())[0]
        assert count >= 50 and total >= 0.6
        assert prometheus.ask('count(emperor_app_workers{state="idle"})') == {(): 1}
        rules = json.loads(prometheus.fetch("/api/v1/rules"))["data"]["groups"][0]["rules"]
        assert len(rules) >= 8
        wait_until(lambda: all(rule["health"] == "ok" for rule in
                               json.loads(prometheus.fetch("/api/v1/rules"))["data"]["groups"][0]["rules"]), 20,
                   "evaluated rules", 0.2)
        measured(f"rate over {span} s: {rate:.1f} of 50 requests; p50 {low * 1000:.1f} ms, p95 {high * 1000:.0f} ms")
    finally:
        prometheus.stop()
