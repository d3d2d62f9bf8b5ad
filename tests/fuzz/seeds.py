#!/usr/bin/python3
"""Writes the seeds of the fuzz targets `http`, `chunked`, `fastcgi`, `scgi` (conformance cases, as the bytes that a client
sends), `proxy_protocol` and `config` (the example of each key, and YAML that people seldom write; the conformance cases of
config are seeds by themselves). The seeds of the other targets are written by hand."""
import json
import pathlib
import re
import struct

here = pathlib.Path(__file__).resolve().parent

HTTP = """origin_form percent_decoded_path_as_latin_1 absolute_form_replaces_host options_asterisk one_leading_empty_line
underscore_name_is_dropped repeated_fields_are_joined repeated_cookies_are_joined_with_semicolons expect_continue
http_1_0_keep_alive close_is_honoured content_length_body content_length_with_leading_zeros chunked_in_capitals
transfer_encoding_twice unknown_coding_before_chunked http_2_preface""".split()
CHUNKED = """chunks_with_extension_and_trailer chunk_size_overflow chunk_longer_than_its_size
chunk_extension_with_bare_cr trailer_with_nul trailer_fields_are_dropped trailer_with_obs_fold
chunk_extensions_of_all_kinds chunk_extension_with_lf_in_quotes""".split()

RECORDS = {"begin": 1, "abort": 2, "params": 4, "stdin": 5}
IP4 = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack("!HH", 4711, 443)
IP6 = bytes.fromhex("20010db8000000000000000000000001" "20010db8000000000000000000000002") + struct.pack("!HH", 4711, 443)
SSL = b"\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3"
YAML = {
    "block_texts": "app: >-\n  a:\n  b\nenv:\n  A: |+\n    one\n\n    two\n\n  B: 'it''s'\n  C: \"\\u00e9\\x41\\n\\\n    d\"\n",
    "anchors": "app: &a a:b\nenv: &e {A: *a, B: ${HOME:-x}}\nbefore_start: *a\n",
    "merge": "x: &x {A: 1}\napp: a:b\nenv:\n  <<: *x\n  <<: [*x, *x]\n",
    "tags": "!!map\napp: !!str a:b\nworkers: !!int '2'\nthreads: !<tag:yaml.org,2002:int> 3\nenv: !!binary aGVsbG8=\n",
    "directives": "%YAML 1.2\n%TAG ! tag:example.com,2000:\n---\napp: a:b\n...\n# end\n",
    "two_documents": "app: a:b\n---\napp: c:d\n",
    "byte_order_mark": "\ufeffapp: a:b\r\nworkers: 2\r\n",
    "carriage_returns": "app: a:b\rworkers: 2\r",
    "complex_keys": "? app\n: a:b\n? [workers]\n: 2\n? {a: b}\n: c\n",
    "flow": "{app: a:b, env: {A: [], B: {}, 'C': , D}, listen: [http::80, [uwsgi:/a.sock], {}], }\n",
    "numbers": "app: a:b\nworkers: 0x10\nthreads: 1_0\nlimits: {body: 1.5G, header_size: .inf, headers: -0}\n"
               "timeouts: {start: 1e3, request: 1m30s, drain: ~}\n",
    "more_variables": "app: ${A:-${B:-c}}:d\nenv: {X: '${', Y: '$$', Z: '${HOME?no}', W: '{name}{nam', V: '${HOME:+y}'}\n",
    "deep": "app: a:b\nenv: " + "[" * 100 + "]" * 100 + "\n",
    "tabs": "app:\ta:b\nenv:\n\tA: b\n",
    "unicode": "app: a:b\nenv: {\u540d\u524d: \U0001f600, A: \"\\ud83d\\ude00\", B: \u2028}\n",
    "more_settings": "workers=2\nenv.A=b\nlisten=[http::80, uwsgi:/x]\ntimeouts={start: 1s}\nenv.=\n=\napp\n",
}


def write(target, name, content):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def field(number, size):
    return number.to_bytes(size, "big")


def pairs(variables):
    return b"".join(field(len(key), 1) + field(len(value), 1) + key.encode() + value.encode("latin-1")
                    for key, value in variables.items())


def record(padding, kind, request, *more):
    if kind == "begin":
        content = field(more[1] if len(more) > 1 else 1, 2) + field(int(bool(more)), 1) + bytes(5)
    else:
        content = more[0] if more else ""
        content = pairs(content) if isinstance(content, dict) else content.encode("latin-1")
    number = RECORDS.get(kind) or int(kind)
    return bytes([1, number]) + field(request, 2) + field(len(content), 2) + bytes([padding, 0]) + content + bytes(padding)


def fastcgi(case):
    if "raw" in case:
        return case["raw"].encode("latin-1")
    return b"".join(record(case.get("padding", 0), *one) for one in case["records"])


def scgi(case):
    block = case.get("block", "").encode("latin-1")
    return case["raw"].encode("latin-1") if "raw" in case else b"%d:%s," % (len(block), block)


def proxied(command, kind, content):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, kind]) + field(len(content), 2) + content


PROXY = {
    "line_of_tcp4": b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\nGET / HTTP/1.1\r\n",
    "line_of_tcp6": b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n",
    "line_of_unknown": b"PROXY UNKNOWN ffff::1 1 2\r\n",
    "line_that_is_too_long": b"PROXY UNKNOWN " + b"a" * 92 + b"\r\n",
    "request": b"POST / HTTP/1.1\r\n",
    "binary_ip4": proxied(1, 0x11, IP4),
    "binary_ip6": proxied(1, 0x21, IP6),
    "binary_unix": proxied(1, 0x31, b"/run/a.sock".ljust(108, b"\0") * 2),
    "binary_local": proxied(0, 0, b""),
    "binary_encrypted": proxied(1, 0x11, IP4 + SSL),
    "binary_with_checksum": proxied(1, 0x11, IP4 + b"\x03\0\4\x1e\xaf\x4b\xaa"),
    "binary_with_wrong_checksum": proxied(1, 0x11, IP4 + SSL + b"\x03\0\4abcd"),
}


def cases(path):
    return json.loads((here.parent / "conformance" / path).read_text())


def write_gateways():
    for target, path, encode in (("fastcgi", "fastcgi/records.json", fastcgi), ("scgi", "scgi/packets.json", scgi)):
        for case in cases(path):
            write(target, re.sub(r"[^a-z0-9]+", "_", case["name"].lower()).strip("_"), encode(case))
    requests = [case for case in cases("fastcgi/records.json") if "body" in case and case.get("keep_alive")]
    write("fastcgi", "several_requests", b"".join(map(fastcgi, requests * 2)))


def write_config():
    reference = (here.parents[1] / "docs/configuration.md").read_text()
    # The example of a key, behind the line that names it.
    for key, example in re.findall(r"^\*\*`([a-z_.]+)`\*\*[^\n]*\n\n```yaml\n(.*?)```", reference, re.M | re.S):
        write("config", f"example_{key}", (example if key == "app" else "app: a:b\n" + example).encode())
    for name, text in YAML.items():
        write("config", name, text.encode("utf-8", "surrogatepass"))


def main():
    raw = {}
    for path in sorted((here.parent / "conformance/http").glob("*.json")):
        for case in json.loads(path.read_text()):
            if isinstance(case["raw"], str):
                raw[case["name"]] = case["raw"].encode("latin-1")
    for name in HTTP:
        write("http", name, raw[name])
    for name in CHUNKED:
        write("chunked", name, raw[name].partition(b"\r\n\r\n")[2])
    for name, content in PROXY.items():
        write("proxy_protocol", name, content)
    write_gateways()
    write_config()
    write("http", "behind_two_proxies", b"GET /shop/a HTTP/1.1\r\nHost: [::1]:80\r\nX-Forwarded-Proto: https\r\n"
          b"X-Forwarded-For: 198.51.100.7, 2001:db8::1, 192.0.2.9\r\n\r\n")


if __name__ == "__main__":
    main()
