"""Released SDKs from PyPI in an app: installed into a scratch venv; skipped, with pip's words, where PyPI refuses."""
import json
import subprocess

import pytest

from harness.waiting import wait_until

PACKAGES = ["sentry-sdk", "prometheus-client", "opentelemetry-sdk", "opentelemetry-instrumentation-wsgi", "newrelic"]

SENTRY = """
import json, warnings
said = []
warnings.showwarning = lambda message, *more, **named: said.append(str(message))
import sentry_sdk
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport
from sentry_sdk.client import check_uwsgi_thread_support

class Kept(Transport):
    events = []
    def capture_envelope(self, envelope):
        self.events += [item.payload.json for item in envelope.items if item.headers.get("type") == "event"]

sentry_sdk.init(dsn="http://a@127.0.0.1:1/1", transport=Kept)

def inner(environ, start_response):
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("for sentry")
    start_response("200 OK", [])
    values = [event["exception"]["values"][-1]["value"] for event in Kept.events]
    return [json.dumps([check_uwsgi_thread_support(), said, values]).encode()]

application = SentryWsgiMiddleware(inner)
"""

PROMETHEUS = """
import os
import uwsgi
from prometheus_client import values
values.ValueClass = values.MultiProcessValue(process_identifier=uwsgi.worker_id)
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess
requests = Counter("requests", "all of them")

def application(environ, start_response):
    requests.inc()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    start_response("200 OK", [])
    return [generate_latest(registry) + "".join(sorted(os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"]))).encode()]
"""

OPENTELEMETRY = """
import json, threading
from uwsgidecorators import postfork
from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

spans = []
class Kept(SpanExporter):
    def export(self, batch):
        spans.extend(f"{s.context.trace_id:032x} {s.parent.span_id:016x}" for s in batch if s.parent)
        return SpanExportResult.SUCCESS

@postfork
def start():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Kept(), schedule_delay_millis=50))
    trace.set_tracer_provider(provider)

def inner(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([spans, sorted(t.name for t in threading.enumerate())]).encode()]

application = OpenTelemetryMiddleware(inner)
"""

NEWRELIC = """
import json
import uwsgi
from newrelic.core.environment import environment_settings

def application(environ, start_response):
    start_response("200 OK", [])
    found = {str(key): str(value) for key, value in environment_settings()}
    return [json.dumps([found.get("Dispatcher"), found.get("Dispatcher Version")]).encode()]
"""


@pytest.fixture(scope="session")
def sdk_venv(session_directory):
    """With the packages, or the reason why not: {package: pip's last words}."""
    venv = session_directory / "sdks"
    subprocess.run(["/usr/bin/python3", "-m", "venv", venv], check=True, timeout=120)
    refused = {}
    for package in PACKAGES:
        try:
            done = subprocess.run([venv / "bin/pip", "install", "-q", "--disable-pip-version-check", "--only-binary",
                                   ":all:", "--retries", "1",
                                   "--timeout", "10", package], capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                refused[package] = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"pip: exit {done.returncode}"
        except subprocess.TimeoutExpired:
            refused[package] = "pip: no answer in 120 s"
    return venv, refused


@pytest.fixture
def hosted(emperor, scratch, sdk_venv):
    def host(source, *packages, **keys):
        venv, refused = sdk_venv
        for package in packages:
            if package in refused:
                pytest.skip(f"{package} cannot be installed: {refused[package]}")
        (scratch / "instrumented.py").write_text(source)
        emperor.write("sdk", app="instrumented:application", chdir=scratch, venv=str(venv), **keys)
        emperor.wait_serving("sdk", seconds=60)
    return host


@pytest.mark.parametrize("preload", [False, True])
def test_sentry_is_content_and_sees_exceptions(emperor, hosted, preload):
    hosted(SENTRY, "sentry-sdk", preload=preload)
    assert emperor.get("sdk", "/raise").status == 500
    assert json.loads(emperor.get("sdk").body) == [True, [], ["for sentry"]]
    emperor.wait_log("GET /raise: ValueError: for sentry")


def test_prometheus_counts_by_worker(emperor, hosted, scratch):
    directory = scratch / "metrics"
    directory.mkdir()
    directory.chmod(0o777)
    hosted(PROMETHEUS, "prometheus-client", env={"PROMETHEUS_MULTIPROC_DIR": str(directory)})
    text = emperor.get("sdk").text
    assert "requests_total 2.0" in text and "counter_1.db" in text, text


def test_opentelemetry_started_in_a_hook_exports_from_its_thread_and_continues_the_trace(emperor, hosted):
    hosted(OPENTELEMETRY, "opentelemetry-sdk", "opentelemetry-instrumentation-wsgi", preload=True)
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    emperor.get("sdk", HTTP_TRACEPARENT=f"00-{trace}-{parent}-01")
    wait_until(lambda: f"{trace} {parent}" in json.loads(emperor.get("sdk").body)[0], 15, "an exported span of the trace", 0.05)


def test_newrelic_names_the_dispatcher(emperor, hosted):
    hosted(NEWRELIC, "newrelic")
    dispatcher = json.loads(emperor.get("sdk").body)
    assert dispatcher[0].lower() == "uwsgi" and "2.0.30-emperor" in dispatcher[1]
