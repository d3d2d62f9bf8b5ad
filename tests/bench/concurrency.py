"""Threads that share what comes in: 4 threads, 16 kept HTTP connections, an app that sleeps 10 ms. 400 requests a second
are possible, 40 ms each; the bars are 95 % of that and a 99th percentile of twice that."""
import request
import servers
from load import Load, ask
from report import Row


def measure(workshop, scale):
    path = workshop.directory / "request-sleeping"
    path.write_bytes(request.http())
    vassal = workshop.vassal("--threads", "4", app="sleeping:application", listen=[f"http:127.0.0.1:{servers.free_port()}"])
    try:
        ask(workshop, vassal.address, Load("keep", path, 64))
        figures = ask(workshop, vassal.address, Load("keep", path, max(400, int(4000 * scale))))
    finally:
        workshop.stop_all()
    rate = Row("sleeping-rate", "4 threads, 16 connections, app sleeps 10 ms: rate",
               value=figures["requests"] / figures["seconds"],
               unit="/s", bar=380, is_floor=True, ours="of 400 possible", figures=figures)
    slow = Row("sleeping-p99", "… 99th percentile", value=figures["p99_us"] / 1000, unit="ms", bar=80,
               ours=f"p50 {figures['p50_us'] / 1000:.1f} ms", figures=figures)
    for row in (rate, slow):
        if figures["failed"]:
            row.problem = f"{figures['failed']} failed requests"
        yield row
