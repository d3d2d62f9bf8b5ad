"""PEP 3333 as an app sees it, over the uwsgi socket and over HTTP."""
import http.client
import json

import pytest

from harness.nginx import free_port


@pytest.fixture(params=["uwsgi", "http"])
def ask(request, emperor):
    """ask(uri, method, body) -> (status, headers as a function, body), by either protocol."""
    if request.param == "uwsgi":
        emperor.write("strict", "strict:application")
        emperor.wait_serving("strict")

        def by_uwsgi(uri, method="GET", body=b"", **extra):
            answer = emperor.get("strict", uri, method=method, body=body, **extra)
            return answer.status, answer.header, answer.body

        return by_uwsgi
    port = free_port()
    emperor.write("strict", "strict:application", listen=[f"uwsgi:{emperor.socket('strict')}", f"http:127.0.0.1:{port}"])
    emperor.wait_serving("strict")

    def by_http(uri, method="GET", body=b"", **extra):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, uri, body or None)
            response = connection.getresponse()
            return response.status, lambda name: ", ".join(response.headers.get_all(name, [])), response.read()
        finally:
            connection.close()

    return by_http


def test_the_validator_finds_no_fault(ask):
    lines = b"first line\nsecond\nlast without newline"
    assert ask("/read", "POST", lines, CONTENT_TYPE="text/plain")[::2] == (200, lines)
    assert ask("/read")[::2] == (200, b"")
    assert ask("/iterate", "POST", lines)[::2] == (200, b"3 lines, %d bytes" % len(lines))
    assert ask("/generator")[::2] == (200, b"block 0\nblock 1\nblock 2\n")
    assert ask("/write")[::2] == (200, b"written, twice, then returned")
    assert ask("/exc_info")[::2] == (503, b"replaced head")
    assert ask("/errors")[::2] == (200, b"said")
    assert ask("/generator?with=query&and=%C3%A9")[0] == 200


def test_close_is_called_once_per_response(ask):
    seen = [ask("/close")[2] for _ in range(3)]
    assert seen == [b"closed %d times before" % number for number in range(3)]


def test_a_large_body_arrives_whole(ask):
    body = b"0123456789abcdef" * 65536 * 3  # 3 MiB: beyond limits.body_memory, through a temporary file
    status, _, echoed = ask("/read", "POST", body)
    assert status == 200 and echoed == body
    status, _, large = ask("/large")
    assert status == 200 and len(large) == 160 * 65536


def test_file_wrapper_takes_files_and_file_like_objects(ask, apps):
    status, _, body = ask("/file")
    assert status == 200 and body == (apps / "strict.py").read_bytes()
    status, _, body = ask("/bytes_io")
    assert status == 200 and body == b"from memory " * 1000


def test_head_204_and_304_carry_no_body(ask):
    status, header, body = ask("/large", "HEAD")
    assert (status, body) == (200, b"")
    assert ask("/no_content")[::2] == (204, b"")
    status, header, body = ask("/not_modified")
    assert (status, body) == (304, b"") and header("ETag") == '"1"'


def test_repeated_and_latin_1_headers_pass_unchanged(ask):
    status, header, body = ask("/cookies")
    assert (status, body) == (200, b"tuple body")
    assert header("Set-Cookie") == "a=1, b=2" and header("X-Latin") == "caf\xe9"


@pytest.mark.parametrize("workers, threads", [(1, 1), (2, 1), (1, 2), (2, 3)])
def test_the_multi_flags_tell_the_truth(emperor, workers, threads):
    emperor.write("probe", workers=workers, threads=threads)
    emperor.wait_serving("probe")
    environ = json.loads(emperor.get("probe", "/environ").text)
    assert environ["wsgi.multiprocess"] is (workers > 1)
    assert environ["wsgi.multithread"] is (threads > 1)
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.version"] == [1, 0] and environ["wsgi.url_scheme"] == "http"


def test_the_environ_has_what_pep_3333_asks_for(emperor):
    emperor.write("probe", mount="/shop")
    emperor.wait_serving("probe")
    environ = json.loads(emperor.get("probe", "/shop/environ?a=1", HTTP_X_THING="yes", HTTP_PROXY="http://evil/",
                                     UWSGI_FILE="/etc/passwd").text)
    assert environ["SCRIPT_NAME"] == "/shop" and environ["PATH_INFO"] == "/environ" and environ["QUERY_STRING"] == "a=1"
    assert environ["REQUEST_METHOD"] == "GET" and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["SERVER_NAME"] == "localhost" and environ["SERVER_PORT"] == "80"
    assert environ["HTTP_X_THING"] == "yes" and "HTTP_PROXY" not in environ
    assert "HTTP_CONTENT_TYPE" not in environ and environ.get("UWSGI_FILE") is None


def test_https_from_the_proxy_gives_the_url_scheme(emperor):
    emperor.write("probe")
    emperor.wait_serving("probe")
    assert json.loads(emperor.get("probe", "/environ", HTTPS="on", REQUEST_SCHEME="https").text)["wsgi.url_scheme"] == "https"
    assert json.loads(emperor.get("probe", "/environ", HTTP_X_FORWARDED_PROTO="https").text)["wsgi.url_scheme"] == "http"
