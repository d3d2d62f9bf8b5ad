"""An unprivileged nginx of a test's own: its own prefix, its own port."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

from harness.waiting import wait_until

CONFIGURATION = """daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log info;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    access_log {prefix}/access.log;
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
    client_max_body_size 64m;
{upstreams}
    server {{
        listen 127.0.0.1:{port};
        include /etc/nginx/uwsgi_params;
{locations}
    }}
}}
"""


def program():
    return shutil.which("nginx") or "/usr/sbin/nginx"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


# What stands around server blocks that are tested as they are.
AROUND = """daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log {prefix}/access.log;
    client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
    include {prefix}/servers.conf;
}}
"""
PARAMETERS = ("uwsgi_params", "fastcgi_params", "scgi_params", "mime.types")


class Nginx:
    """`locations`: location prefix -> directive, e.g. {"/": "uwsgi_pass unix:/…/blog.sock;"}. With `servers` instead: the text of
    whole server blocks, in which ports and the runtime directory are the caller's business."""

    def __init__(self, directory, locations=None, upstreams=None, servers=None, port=None):
        self.prefix = pathlib.Path(directory) / "nginx"
        self.prefix.mkdir()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        if servers is not None:
            self._start_with(servers)
            return
        lines = "\n".join(f"        location {where} {{ {what} }}" for where, what in locations.items())
        groups = "\n".join(f"    upstream {name} {{ {what} }}" for name, what in (upstreams or {}).items())
        configuration = self.prefix / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(prefix=self.prefix, port=self.port, locations=lines, upstreams=groups))
        self._start(configuration)

    def _start_with(self, servers):
        for name in PARAMETERS:  # `include uwsgi_params` is looked for beside the configuration
            shutil.copy(f"/etc/nginx/{name}", self.prefix / name)
        (self.prefix / "servers.conf").write_text(servers)
        configuration = self.prefix / "nginx.conf"
        configuration.write_text(AROUND.format(prefix=self.prefix))
        self.tested = subprocess.run([program(), "-t", "-p", self.prefix, "-e", self.prefix / "error.log", "-c", configuration],
                                     capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
        assert self.tested.returncode == 0, self.tested.stderr
        for path in self.prefix.iterdir():
            if path.name != "servers.conf":
                path.chmod(0o755 if path.is_dir() else 0o644)
        for name in ("error.log", "access.log", "nginx.pid", "body", "proxy", "fastcgi", "uwsgi", "scgi"):
            path = self.prefix / name
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        self._start(configuration)

    def _start(self, configuration):
        become = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("www-data")
            for path in (self.prefix, configuration):
                os.chown(path, account.pw_uid, account.pw_gid)
            become = ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups"]
        self.process = subprocess.Popen([*become, program(), "-p", self.prefix,
                                         "-e", self.prefix / "error.log", "-c", configuration], stdin=subprocess.DEVNULL)
        wait_until(self._listens, 10, self.errors)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def errors(self):
        log = self.prefix / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def get(self, uri, data=None, headers=None, method=None):
        return fetch(self.url + uri, data, headers, method)


def fetch(url, data=None, headers=None, method=None, opener=None):
    """(status, headers, body) of a response, whatever its status."""
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with (opener.open if opener else urllib.request.urlopen)(request, timeout=20) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
