"""An emperor with a dashboard, and a client of its API."""
import json
import urllib.error
import urllib.request

from harness.nginx import free_port

TOKEN = "0123456789abcdef-e2e"


class Dashboard:
    """start() gives the emperor --http and a token; the port stays over restarts."""

    def __init__(self, emperor):
        self.emperor, self.port = emperor, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token_file = emperor.directory / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.token_file.chmod(0o600)

    def start(self, *options):
        self.emperor.start("--http", f"127.0.0.1:{self.port}", "--http-token-file", self.token_file, *options)
        return self

    def ask(self, path, method="GET", body=None, token=None, headers=None):
        """(status, text)."""
        request = urllib.request.Request(self.url + path, method=method, headers=dict(headers or {}),
                                         data=None if body is None else json.dumps(body).encode())
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def json(self, path, **keywords):
        status, text = self.ask(path, **keywords)
        assert status == 200, f"{path}: {status} {text}"
        return json.loads(text)

    def rows(self):
        return {row["name"]: row for row in self.json("/api/v1/rows")["rows"]}
