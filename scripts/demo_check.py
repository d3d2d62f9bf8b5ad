#!/usr/bin/python3
"""What `scripts/demo.sh --check` requests, and what it expects: every URL of the three demo apps through nginx, over
the apps' own HTTP ports and over their uwsgi sockets, then one reload. Prints one line per check; exit 0 or 1."""
import argparse
import http.cookiejar
import json
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

failures = 0


def report(ok, what, detail):
    global failures
    failures += not ok
    print(f"  {'ok  ' if ok else 'FAIL'} {what}: {detail}", flush=True)


def fetch(opener, url, data=None, headers=()):
    """Status, headers and text of a response, whatever its status."""
    body = None if data is None else urllib.parse.urlencode(data).encode()
    request = urllib.request.Request(url, body, dict(headers))
    try:
        with opener.open(request, timeout=15) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except OSError as error:
        return 0, {}, str(error)


def expect(opener, url, status, contains, data=None, headers=()):
    got, _, text = fetch(opener, url, data, headers)
    ok = got == status and contains in text
    report(ok, ("POST " if data else "GET ") + url,
           f"{got}" if ok else f"{got}, expected {status} with {contains!r}: {text[:200]!r}")
    return text


def expect_uwsgi(path, uri, contains):
    """One request as nginx sends it, straight to a uwsgi socket."""
    variables = {"REQUEST_METHOD": "GET", "REQUEST_URI": uri, "PATH_INFO": uri, "QUERY_STRING": "", "CONTENT_LENGTH": "",
                 "CONTENT_TYPE": "", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
                 "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
    block = b"".join(struct.pack("<H", len(part)) + part.encode() for item in variables.items() for part in item)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(15)
            client.connect(path)
            client.sendall(struct.pack("<BHB", 0, len(block), 0) + block)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
    except OSError as error:
        return report(False, f"uwsgi {path} {uri}", error)
    ok = answer.split(b"\r\n", 1)[0].endswith(b"200 OK") and contains.encode() in answer
    return report(ok, f"uwsgi {path} {uri}", answer.split(b"\r\n", 1)[0].decode() if ok else repr(answer[:200]))


def visit_django(base):
    """Pages, a form with its CSRF cookie, and the admin with the demo user."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = expect(opener, base + "/", 200, "<h1>Notes</h1>")

    def token(text):
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        return found.group(1) if found else ""

    note = f"written through {base}"
    expect(opener, base + "/", 200, note, {"csrfmiddlewaretoken": token(page), "text": note}, {"Referer": base + "/"})
    expect(opener, base + "/api/notes", 200, "written through")
    page = expect(opener, base + "/admin/", 200, "Log in")
    form = {"csrfmiddlewaretoken": token(page), "username": "demo", "password": "demo", "next": "/admin/"}
    expect(opener, base + "/admin/login/?next=/admin/", 200, "Site administration", form, {"Referer": base + "/admin/"})
    expect(opener, base + "/missing", 404, "Not Found")


def visit_flask(base):
    opener = urllib.request.build_opener()
    expect(opener, base + "/flask/", 200, "<h1>Notice board</h1>")
    expect(opener, base + "/flask/whoami", 200, '"script_name":"/flask"')
    expect(opener, base + "/flask/notices", 201, '"count"', {"text": "seen by the check"})
    expect(opener, base + "/flask/slow", 200, "line 4")
    expect(opener, base + "/flask/fail", 500, "Internal Server Error")


def worker_pids(base):
    """The pids that answer, and "status N" for every request that was not answered well."""
    opener, found = urllib.request.build_opener(), set()
    for _ in range(16):
        status, _, text = fetch(opener, base + "/flask/whoami")
        found.add(str(json.loads(text)["pid"]) if status == 200 else f"status {status}")
    return found


def reload_flask(ctl, base):
    before = worker_pids(base)
    done = subprocess.run([*ctl, "reload", "flask"], capture_output=True, text=True, timeout=60)
    report(done.returncode == 0, "emperorctl reload flask", done.stdout.strip() or done.stderr.strip())
    # The old workers stop accepting a moment after the new ones began.
    for _ in range(50):
        after = worker_pids(base)
        if not before & after:
            break
        time.sleep(0.1)
    all_answered = all(pid.isdigit() for pid in before | after)
    report(all_answered and not before & after, "flask's workers",
           f"{', '.join(sorted(before))} before the reload, {', '.join(sorted(after))} after it")
    shown = subprocess.run([*ctl, "-o", "json", "status"], capture_output=True, text=True, timeout=60)
    report(shown.returncode == 0, "emperorctl -o json status", f"exit {shown.returncode}, {len(shown.stdout)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nginx", required=True, help="base URL of the demo's nginx")
    parser.add_argument("--runtime", required=True, help="runtime directory of the demo's emperor")
    parser.add_argument("--emperorctl", required=True)
    parser.add_argument("--http", action="append", default=[], metavar="APP=PORT")
    arguments = parser.parse_args()
    ports = dict(item.split("=") for item in arguments.http)
    direct = {app: f"http://127.0.0.1:{port}" for app, port in ports.items()}
    plain = urllib.request.build_opener()

    for base in (arguments.nginx, direct["hello"]):
        expect(plain, base + "/hello", 200, "Hello from Emperor.")
    for base in (arguments.nginx, direct["flask"]):
        visit_flask(base)
    for base in (arguments.nginx, direct["django"]):
        visit_django(base)
    expect(plain, arguments.nginx + "/static/notes/style.css", 200, "font:")
    expect(plain, arguments.nginx + "/static/admin/css/base.css", 200, "body")
    expect_uwsgi(f"{arguments.runtime}/sockets/hello.sock", "/hello", "Hello from Emperor.")
    expect_uwsgi(f"{arguments.runtime}/sockets/flask.sock", "/flask/", "Notice board")
    expect_uwsgi(f"{arguments.runtime}/sockets/django.sock", "/api/notes", "notes")
    reload_flask([arguments.emperorctl, "--runtime-dir", arguments.runtime], arguments.nginx)
    print(f"  {failures} of the checks failed" if failures else "  every check passed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
