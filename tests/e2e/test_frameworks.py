"""Flask and Django apps that use the server's modules the way people do: hooks, log fields and ids from middleware."""
import json

import pytest

FLASK = """
import emperor, uwsgi
from flask import Flask, g, jsonify, request

app = Flask(__name__)
opened = []

@emperor.postfork
def open_database():
    opened.append(emperor.worker_id)

@app.before_request
def note():
    emperor.set_log_field("endpoint", request.endpoint or "none")
    uwsgi.set_logvar("method", request.method)

@app.get("/")
def facts():
    return jsonify(id=request.environ["emperor.request_id"], same=emperor.request_id(), opened=opened,
                   vassal=emperor.vassal, worker=uwsgi.worker_id(), queue=emperor.listen_queue())
"""

DJANGO = """
import django
from django.conf import settings
settings.configure(DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
                   MIDDLEWARE=[__name__ + ".ServerMiddleware"])
django.setup()

import emperor
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from uwsgidecorators import postfork

opened = []

@postfork
def open_database():
    opened.append(emperor.worker_id)

class ServerMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        emperor.set_log_field("view", request.resolver_match.url_name)
        response["X-Request-ID"] = request.META["emperor.request_id"]
        return response

def facts(request):
    return JsonResponse({"id": request.META["emperor.request_id"], "same": emperor.request_id(), "opened": opened,
                         "vassal": emperor.vassal, "worker": emperor.worker_id, "queue": emperor.listen_queue()})

urlpatterns = [path("", facts, name="facts")]
application = get_wsgi_application()
"""


@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("name, source, app", [("flask", FLASK, "site_app:app"), ("django", DJANGO, "site_app:application")])
def test_a_framework_uses_the_servers_modules(emperor, scratch, name, source, app, preload):
    (scratch / "site_app.py").write_text(source)
    emperor.write("site", app=app, chdir=scratch, preload=preload)
    emperor.wait_serving("site", seconds=60)
    answer = emperor.get("site", "/", HTTP_X_REQUEST_ID="from.front-end")
    facts = json.loads(answer.body)
    assert facts == {"id": "from.front-end", "same": "from.front-end", "opened": [1], "vassal": "site", "worker": 1, "queue": 0}
    if name == "django":
        assert answer.header("X-Request-ID") == "from.front-end"
