#!/usr/bin/python3
"""Writes the seeds of the fuzz targets `http` and `chunked`: some of the conformance cases, as the bytes that a client
sends. The seeds of the other targets are written by hand, or are the conformance cases themselves (`config`)."""
import json
import pathlib

here = pathlib.Path(__file__).resolve().parent

HTTP = """origin_form percent_decoded_path_as_latin_1 absolute_form_replaces_host options_asterisk one_leading_empty_line
underscore_name_is_dropped repeated_fields_are_joined repeated_cookies_are_joined_with_semicolons expect_continue
http_1_0_keep_alive close_is_honoured content_length_body content_length_with_leading_zeros chunked_in_capitals
transfer_encoding_twice unknown_coding_before_chunked http_2_preface""".split()
CHUNKED = """chunks_with_extension_and_trailer chunk_size_overflow chunk_longer_than_its_size
chunk_extension_with_bare_cr trailer_with_nul""".split()


def write(target, name, content):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


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
    write("http", "behind_two_proxies", b"GET /shop/a HTTP/1.1\r\nHost: [::1]:80\r\nX-Forwarded-Proto: https\r\n"
          b"X-Forwarded-For: 198.51.100.7, 2001:db8::1, 192.0.2.9\r\n\r\n")


if __name__ == "__main__":
    main()
