"""The demo's three apps behind nginx and directly: Django with its database, admin and static files, Flask, plain WSGI."""
import http.cookiejar
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from harness.nginx import fetch, free_port

APPS = ("hello", "flask", "django")


@pytest.fixture
def hosted(idle_emperor, scratch, source, nginx):
    """configs/ as the demo uses it, in a directory of its own: (emperor, nginx's base URL, direct base URLs)."""
    for folder in ("apps", "apps.d"):
        shutil.copytree(source / "configs" / folder, scratch / folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = scratch / "apps" / "django"
    (project / "data").mkdir()
    subprocess.run(["/usr/bin/python3", "manage.py", "collectstatic", "--noinput"], cwd=project, check=True, capture_output=True)
    idle_emperor.vassals.rmdir()
    idle_emperor.vassals = scratch / "apps.d"
    ports = {name: free_port() for name in APPS}
    emperor = idle_emperor.start(env={"DEMO_RUNTIME_DIR": str(idle_emperor.runtime),
                                      **{f"DEMO_{name.upper()}_PORT": str(port) for name, port in ports.items()}})
    for name in APPS:
        emperor.wait_state(name, "running", seconds=60)
    sockets = {name: f"uwsgi_pass unix:{emperor.socket(name)};" for name in APPS}
    server = nginx({"/hello": sockets["hello"], "/flask": sockets["flask"], "/": sockets["django"],
                    "/static/": f"alias {project}/data/static/;"})
    return emperor, server, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


def test_the_three_apps_answer_through_nginx_and_directly(hosted):
    emperor, server, direct = hosted
    for base in (server.url, direct["hello"]):
        status, _, body = fetch(base + "/hello")
        assert (status, body) == (200, b"Hello from Emperor.\n")
    for base in (server.url, direct["flask"]):
        assert b"<h1>Notice board</h1>" in fetch(base + "/flask/")[2]
        assert json.loads(fetch(base + "/flask/whoami")[2])["script_name"] == "/flask"
        assert fetch(base + "/flask/notices", b"text=hello")[0] == 201
        assert fetch(base + "/flask/slow")[2].count(b"line") == 5
        assert fetch(base + "/flask/missing")[0] == 404
        assert fetch(base + "/flask/fail")[0] == 500
    emperor.wait_log("this route fails on purpose")


def test_django_s_pages_forms_admin_and_static_files(hosted):
    emperor, server, direct = hosted
    made = emperor.ctl("exec", "django", "--", "sh", "-c",
                       "DJANGO_SUPERUSER_PASSWORD=demo exec /usr/bin/python3 manage.py createsuperuser --noinput "
                       "--username demo --email d@x.org")
    assert made.returncode == 0, made.stderr
    for base in (server.url, direct["django"]):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

        def ask(path, **form):
            data = urllib.parse.urlencode(form).encode() if form else None
            return fetch(base + path, data, opener=opener)

        def token(page):
            return re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1).decode()

        note = f"written through {base}"
        status, _, page = ask("/", csrfmiddlewaretoken=token(ask("/")[2]), text=note)
        assert status == 200 and note.encode() in page
        assert note in json.loads(ask("/api/notes")[2])["notes"]
        login = ask("/admin/")[2]
        page = ask("/admin/login/?next=/admin/", csrfmiddlewaretoken=token(login), username="demo", password="demo",
                   next="/admin/")[2]
        assert b"Site administration" in page
        assert ask("/missing")[0] == 404
    assert fetch(server.url + "/static/notes/style.css")[0] == 200
    assert fetch(server.url + "/static/admin/css/base.css")[0] == 200


def test_uploads_and_downloads_pass_nginx_whole(emperor, nginx):
    emperor.write("strict", "strict:application")
    emperor.wait_serving("strict")
    server = nginx({"/": f"uwsgi_pass unix:{emperor.socket('strict')};"})
    body = b"0123456789abcdef" * 65536 * 5
    status, _, echoed = server.get("/read", body, {"Content-Type": "application/octet-stream"})
    assert status == 200 and echoed == body
    assert len(server.get("/large")[2]) == 160 * 65536


def test_nginx_sees_no_error_over_reloads(emperor, nginx):
    emperor.write("probe", workers=2)
    emperor.wait_serving("probe")
    server = nginx({"/": f"uwsgi_pass unix:{emperor.socket('probe')};"})
    statuses = set()
    for _ in range(5):
        reload = subprocess.Popen([emperor.binaries / "emperorctl", "--runtime-dir", emperor.runtime, "reload", "probe"],
                                  stdout=subprocess.DEVNULL)
        while reload.poll() is None:
            statuses.add(server.get("/pid")[0])
        assert reload.returncode == 0
    assert statuses == {200}, server.errors()
