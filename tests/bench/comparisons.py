"""The rows that compare processor time per request: against uWSGI above the floor, against gunicorn, through nginx, the
herd, and the heavy requests."""
import request
import servers
from load import Load, Subject, alternate
from report import Row

NOISY = 0.15  # the loop does the same thing every time: when its rounds differ so much, the machine is not ours


def us(figures):
    return f"{figures['cpu_us']:.2f} µs" if figures["cpu_us"] < 1000 else f"{figures['cpu_us'] / 1000:.2f} ms"


def judge_answers(row, result):
    failed = {name: figures["failed"] for name, figures in result.items() if figures["failed"]}
    if failed:
        row.problem = f"failed requests: {failed}"
    return row


class Comparisons:
    def __init__(self, workshop, rounds, scale):
        self.workshop, self.rounds, self.scale = workshop, rounds, scale

    def load(self, mode, payload, requests, connections=16):
        path = self.workshop.directory / "request"
        path.write_bytes(payload)
        return Load(mode, path, max(1, int(requests * self.scale)), connections)

    def measure(self, running, load, processors=None):
        subjects = {name: Subject(server.address, load, {"server": server}) for name, server in running.items()}
        try:
            return alternate(self.workshop, subjects, self.rounds, processors)
        finally:
            self.workshop.stop_all()

    # ---- (ours - loop) / (uWSGI - loop)

    def above_floor(self, row, ours, theirs):
        running = {"emperor": ours(), "uwsgi": theirs(), "loop": self.workshop.loop()}
        result = self.measure(running, self.load("once", request.packet(), 20000))
        mine, peer, floor = (result[name]["cpu_us"] for name in ("emperor", "uwsgi", "loop"))
        row.value, row.bar = (mine - floor) / (peer - floor) if peer > floor else None, 0.45
        row.ours, row.theirs = us(result["emperor"]), f"uWSGI {us(result['uwsgi'])}, loop {floor:.2f} µs"
        row.spread, row.figures = max(figures["spread"] for figures in result.values()), result
        row.is_noisy = result["loop"]["spread"] > NOISY or floor >= min(mine, peer)
        if row.is_noisy:
            row.notes.append(f"loop's rounds: {result['loop']['rounds']} µs: this machine is too busy to judge on")
        return judge_answers(row, result)

    def uwsgi(self):
        return self.above_floor(Row("uwsgi", "uwsgi, 1 × 1: (ours − loop) / (uWSGI − loop)", "uWSGI"),
                                self.workshop.vassal, self.workshop.uwsgi)

    def uwsgi_access_log(self):
        return self.above_floor(Row("access-log", "the same, access log to a file on both", "uWSGI"),
                                lambda: self.workshop.vassal("--access-log", "text"), lambda: self.workshop.uwsgi(log=True))

    def uwsgi_threads(self):
        return self.above_floor(Row("threads", "the same, 1 × 4 threads on both", "uWSGI"),
                                lambda: self.workshop.vassal("--threads", "4"), lambda: self.workshop.uwsgi("--threads", "4"))

    # ---- plain ratios

    def ratio(self, row, running, load, bar, processors=None):
        result = self.measure(running, load, processors)
        (_, mine), (name, peer) = list(result.items())[:2]
        row.value, row.bar, row.figures = mine["cpu_us"] / peer["cpu_us"], bar, result
        row.ours, row.theirs = us(mine), f"{name} {us(peer)}"
        row.spread = max(figures["spread"] for figures in result.values())
        row.is_noisy = row.spread > 2 * NOISY
        return judge_answers(row, result)

    def http(self):
        yield self.http_on(f"127.0.0.1:{servers.free_port()}", f"127.0.0.1:{servers.free_port()}",
                           f"127.0.0.1:{servers.free_port()}", "http", "TCP")
        yield self.http_on(*map(self.workshop.socket, ("http-emperor", "http-gunicorn", "http-loop")), "http-unix",
                           "a unix socket")

    def http_on(self, ours, theirs, floor, key, where):
        running = {"emperor": self.workshop.vassal(listen=[f"http:{ours}"]), "gunicorn": self.workshop.gunicorn(str(theirs)),
                   "loop": self.workshop.loop_http(str(floor))}
        row = self.ratio(Row(key, f"HTTP keep-alive, 16 connections, {where}", "gunicorn gthread"), running,
                         self.load("keep", request.http(), 6000), 0.05)
        mine, peer, bare = (row.figures[name]["cpu_us"] for name in running)
        row.theirs += f", loop {bare:.2f} µs"
        row.notes.append(f"the floor, a bare C recv/send loop, is at {bare / peer:.3f}; above it: "
                         f"(ours − loop) / (gunicorn − loop) = {(mine - bare) / (peer - bare):.3f}")
        return row

    def herd(self):
        """All processors for everybody: on one, an idle worker could not wake up beside the busy one."""
        everywhere = self.workshop.for_servers | self.workshop.for_client
        eight = self.workshop.vassal("--workers", "8", name="eight", processors=everywhere)
        one = self.workshop.vassal(name="one", processors=everywhere)
        return self.ratio(Row("herd", "8 workers, 2 clients, against 1 worker", "own 1 worker"),
                          {"eight": eight, "one worker": one}, self.load("once", request.packet(), 20000, 2), 1.40, everywhere)

    def against_uwsgi(self, key, what, app, load, ours=(), theirs=()):
        vassal, uwsgi = self.workshop.vassal(*ours, app=app), self.workshop.uwsgi(*theirs, app=app)
        return self.ratio(Row(key, what, "uWSGI"), {"emperor": vassal, "uWSGI": uwsgi}, load, 1.05)

    def download(self):
        return self.against_uwsgi("download", "10 MB response", "large:application", self.load("whole", request.packet(), 60, 1))

    def upload(self):
        """uWSGI leaves a body in the socket until the app reads it; `stream_body` says the same here."""
        return self.against_uwsgi("upload", "10 MB upload, streamed on both", "large:application", self.upload_load(),
                                  ours=("--set", "stream_body=true"))

    def upload_buffered(self):
        """The default here: a slow client's body is collected before a thread is given to it."""
        return self.against_uwsgi("upload-buffered", "10 MB upload, collected in a temporary file on both", "large:application",
                                  self.upload_load(), theirs=("--post-buffering", str(1 << 20)))

    def upload_load(self):
        return self.load("whole", request.packet("POST", bytes(10_240_000)), 60, 1)

    def flask(self):
        return self.against_uwsgi("flask", "Flask view, 1 KiB of JSON", "flask_json:application",
                                  self.load("once", request.packet(), 2500))

    def django(self):
        return self.against_uwsgi("django", "Django view with a template", "django_page:application",
                                  self.load("once", request.packet(), 1500))

    # ---- protocols behind nginx

    def protocols(self):
        """One vassal on four sockets, one nginx before it: which protocol costs what, on both sides."""
        where = {name: self.workshop.socket(name) for name in ("uwsgi-in", "fastcgi-in", "http-in", "scgi-in")}
        vassal = self.workshop.vassal(listen=[f"{name.split('-')[0]}:{path}" for name, path in where.items()])
        include = "include /etc/nginx/{0}_params; {0}_pass {1};"
        passes = {
            "uwsgi": include.format("uwsgi", f"unix:{where['uwsgi-in']}"),
            "FastCGI, kept": "fastcgi_keep_conn on; " + include.format("fastcgi", "kept_fastcgi"),
            "FastCGI": include.format("fastcgi", f"unix:{where['fastcgi-in']}"),
            "SCGI": include.format("scgi", f"unix:{where['scgi-in']}"),
            "HTTP, kept": "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; "
                          "proxy_pass http://kept_http;",
            "HTTP": f"proxy_set_header Host $host; proxy_pass http://unix:{where['http-in']};",
        }
        upstreams = [f"upstream kept_{name} {{ server unix:{where[name + '-in']}; keepalive 32; }}"
                     for name in ("fastcgi", "http")]
        nginx = self.workshop.nginx([f"location /{number}/ {{ rewrite ^/[0-9](/.*)$ $1 break; {what} }}"
                                     for number, what in enumerate(passes.values())], upstreams)
        subjects = {}
        for number, name in enumerate(passes):
            path = self.workshop.directory / f"request-{number}"
            path.write_bytes(request.http(f"/{number}{request.PATH}"))
            subjects[name] = Subject(nginx.address, Load("keep", path, int(8000 * self.scale)),
                                     {"vassal": vassal, "nginx": nginx})
        try:
            result = alternate(self.workshop, subjects, self.rounds)
        finally:
            self.workshop.stop_all()
        base = result["uwsgi"]["cpu_us"]
        for name, figures in result.items():
            row = Row(f"nginx-{name.lower().replace(', ', '-')}", f"nginx → {name}: nginx + vassal, against uwsgi", "own uwsgi",
                      figures["cpu_us"] / base, spread=figures["spread"], figures=figures)
            row.ours = f"{figures['cpu_us']:.1f} µs"
            row.theirs = f"vassal {figures['cpu_us_vassal']:.1f}, nginx {figures['cpu_us_nginx']:.1f} µs"
            yield judge_answers(row, {name: figures})
