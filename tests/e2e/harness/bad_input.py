"""Every bad vassal file of the contract: its bytes, where the (first) error stands, and words of its message."""
from dataclasses import dataclass, field


@dataclass
class Bad:
    text: bytes
    place: str                      # "LINE:COL", "LINE:" or "" for the file as a whole
    words: list = field(default_factory=list)
    name: str = "old"               # of the file, without .yaml


def bad(text, place, *words, **keys):
    return Bad(text.encode() if isinstance(text, str) else text, place, list(words), **keys)


HEAD = "app: probe:application\n"

CASES = {
    "unknown key": bad(HEAD + "wokers: 4\n", "2:1", "unknown key", "wokers", "did you mean", "workers"),
    "unknown nested key": bad(HEAD + "timeouts:\n  reqest: 5s\n", "3:3", "reqest", "did you mean", "request"),
    "uwsgi option": bad(HEAD + "harakiri: 60\n", "2:1", "harakiri", "timeouts.request"),
    "uwsgi option with dashes": bad(HEAD + "max-requests: 100\n", "2:1", "max-requests"),
    "later word": bad(HEAD + "daemons: []\n", "2:1", "daemons", "not available in this version"),
    "wrong type": bad(HEAD + "workers: four\n", "2:10", "workers", "four"),
    "list for a number": bad(HEAD + "threads: [1, 2]\n", "2:10", "threads"),
    "map for a text": bad("app: {a: b}\n", "1:6", "app"),
    "out of range": bad(HEAD + "workers: 100000\n", "2:10", "workers"),
    "duration without unit": bad(HEAD + "timeouts: {request: 30}\n", "2:21", "timeouts.request", "unit"),
    "bad mode": bad(HEAD + "socket: {mode: '0999'}\n", "2:16", "socket.mode"),
    "bad listen address": bad(HEAD + "listen: [ftp:/tmp/x.sock]\n", "2:10", "listen", "ftp"),
    "relative socket path": bad(HEAD + "listen: uwsgi:x.sock\n", "2:9", "listen"),
    "duplicate key": bad(HEAD + "workers: 1\nworkers: 2\n", "3:1", "duplicate key", "workers"),
    "two documents": bad(HEAD + "---\n" + HEAD, "2:1", "second document"),
    "alias bomb": bad("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)) + HEAD, "", "alias"),
    "tab indentation": bad(HEAD + "env:\n\tDEBUG: '1'\n", "3:1", "tab"),
    "empty file": bad("", "", "app"),
    "only a comment": bad("# nothing yet\n", "", "app"),
    "not a map": bad("- app\n", "1:1", "keys with values"),
    "not UTF-8": bad(HEAD.encode() + b"env: {NAME: 'caf\xe9'}\n", "2:", "UTF-8"),
    "syntax error": bad(HEAD + "env: {A: 1\n", "", "}"),
    "missing app": bad("workers: 2\n", "", "app"),
    "app without a module": bad("app: ':application'\n", "1:", "app"),
    "unknown variable": bad(HEAD + "env: {HOME2: '${NO_SUCH_VARIABLE}'}\n", "2:", "NO_SUCH_VARIABLE", ":-"),
    "required variable": bad(HEAD + "env: {HOME2: '${NO_SUCH_VARIABLE:?set the region}'}\n", "2:", "set the region"),
    "missing chdir": bad(HEAD + "chdir: /no/such/directory\n", "2:8", "/no/such/directory"),
    "missing venv": bad(HEAD + "venv: /no/such/venv\n", "2:7", "/no/such/venv"),
    "missing env_file": bad(HEAD + "env_file: /no/such.env\n", "2:11", "/no/such.env"),
    "unknown user": bad(HEAD + "user: no-such-user\n", "2:7", "no-such-user"),
    "unknown socket group": bad(HEAD + "socket: {group: no-such-group}\n", "2:17", "no-such-group"),
    "path too long for a socket": bad(HEAD + f"listen: uwsgi:/tmp/{'x' * 120}.sock\n", "2:9", "listen"),
    "name a shell would trip over": bad(HEAD, "", "name", name="two words; rm"),
    "name with a leading dash": bad(HEAD, "", "name", name="-dash"),
    "many errors at once": bad("wokers: 1\nthreads: x\nchdri: /\n", "1:1", "wokers", "threads", "chdri", "app"),
}
