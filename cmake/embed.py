#!/usr/bin/python3
"""embed.py OUT.cpp PATH=FILE…: the files as arrays for emperor/web/assets.h, each as it is and as gzip. The same files
give the same bytes on every machine."""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}


def array(name, data):
    rows = [", ".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32)]
    return f"constexpr unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def view(name, size):
    return f"{{reinterpret_cast<const char*>({name}), {size}}}"


def main():
    out, *pairs = sys.argv[1:]
    arrays, rows = [], []
    for number, pair in enumerate(sorted(pairs)):
        path, _, file = pair.partition("=")
        plain = pathlib.Path(file).read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        tag = hashlib.sha256(plain).hexdigest()[:16]
        arrays += [array(f"plain_{number}", plain), array(f"gzip_{number}", packed)]
        rows.append(f'    {{"{path}", "{TYPES[pathlib.Path(file).suffix]}", "\\"{tag}\\"", '
                    f"{view(f'plain_{number}', len(plain))}, {view(f'gzip_{number}', len(packed))}}},\n")
    text = ("// Made by cmake/embed.py.\n#include \"emperor/web/assets.h\"\n\nnamespace emperor::web {\nnamespace {\n"
            + "".join(arrays) + "const Asset all[] = {\n" + "".join(rows) + "};\n}\n\n"
            "std::span<const Asset> assets() noexcept { return all; }\n\n}  // namespace emperor::web\n")
    pathlib.Path(out).write_text(text)


if __name__ == "__main__":
    main()
