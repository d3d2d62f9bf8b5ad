"""Trace context and request ids through the front ends: W3C headers arrive unchanged on every protocol."""
import http.client
import json

from harness.nginx import free_port
from test_gateways import APP

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1,b=2;c"}
LOCATIONS = {
    "/uwsgi/": "include /etc/nginx/uwsgi_params; uwsgi_param HTTP_X_REQUEST_ID $request_id; uwsgi_pass unix:{directory}/u.sock;",
    "/fastcgi/": "include /etc/nginx/fastcgi_params; fastcgi_param HTTP_X_REQUEST_ID $request_id; fastcgi_pass unix:{directory}/f.sock;",
    "/scgi/": "include /etc/nginx/scgi_params; scgi_param HTTP_X_REQUEST_ID $request_id; scgi_pass unix:{directory}/s.sock;",
}
ASK = APP.replace('if path == "/environ":', 'if path.endswith("/environ"):')


def test_trace_context_and_request_id_arrive_on_every_protocol(emperor, scratch, nginx):
    directory = scratch / "traced"
    directory.mkdir()
    directory.chmod(0o777)
    (directory / "gateway.py").write_text(ASK)
    port = free_port()
    emperor.write_text("traced",
                       f"app: gateway:application\nchdir: {directory}\nsocket: {{mode: '0666'}}\n"
                       f"listen: ['uwsgi:{directory}/u.sock', "
                       f"'fastcgi:{directory}/f.sock', 'scgi:{directory}/s.sock', 'http:127.0.0.1:{port}']\n")
    emperor.wait_state("traced", "running")
    front = nginx({path: rules.format(directory=directory) for path, rules in LOCATIONS.items()})

    for path in LOCATIONS:
        seen = json.loads(front.get(f"{path}environ", headers=TRACE)[2])
        assert (seen["HTTP_TRACEPARENT"], seen["HTTP_TRACESTATE"]) == tuple(TRACE.values()), path
        assert len(seen["emperor.request_id"]) == 32, f"nginx's own id: {path}"
        assert seen["emperor.request_id"] == seen["HTTP_X_REQUEST_ID"]

    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", "/environ", headers={**TRACE, "X-Request-ID": "of-a-client"})
    seen = json.loads(client.getresponse().read())
    client.close()
    assert (seen["HTTP_TRACEPARENT"], seen["HTTP_TRACESTATE"]) == tuple(TRACE.values())
    assert seen["emperor.request_id"] != "of-a-client", "nobody is trusted over HTTP unless trusted_proxies says so"
