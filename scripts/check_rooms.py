#!/usr/bin/python3
"""Holds the borders between rooms (docs/design.md): who may include whose headers, and which third-party header may
appear where. CMake's target visibility cannot see an include of a neighbour's header that needs no linking."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent

# header pattern -> where it may be included
ONLY_IN = {
    r"Python\.h|pybind11/.*": ["vassal/python/"],
    r"yaml-cpp/.*": ["common/config/"],
    r"sys/epoll\.h": ["vassal/worker/"],
    r"fmt/.*": ["common/log/"],
    r"systemd/.*": ["emperor/process/"],
    r"prometheus/.*": ["emperor/stats/"],
    r"boost/(asio|beast).*": ["emperor/", "vassal/master/", "vassal/protocol/"],
}


def allowed_rooms():
    """room -> rooms that it may see, transitively, from CMakeLists.txt."""
    text = (root / "CMakeLists.txt").read_text()
    direct = {}
    for room, rest in re.findall(r"^room\(([^\s)]+)([^)]*)\)", text, re.M):
        uses = re.search(r"USES([^A-Z]*)", rest)
        direct[room] = uses.group(1).split() if uses else []
    for name, folder, rest in re.findall(r"^program\((\S+)\s+(\S+)([^)]*)\)", text, re.M):
        uses = re.search(r"USES([^A-Z]*)", rest)
        direct[folder] = uses.group(1).split() if uses else []

    def closure(room, seen):
        for used in direct.get(room, []):
            if used not in seen:
                seen.add(used)
                closure(used, seen)
        return seen

    return {room: closure(room, {room}) for room in direct}


def main():
    rooms = allowed_rooms()
    problems = []
    for folder in ("common", "emperor", "vassal"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            name = path.relative_to(root).as_posix()
            room = path.parent.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
                if not match:
                    continue
                header = match.group(2)
                for pattern, places in ONLY_IN.items():
                    if re.fullmatch(pattern, header) and not any(name.startswith(place) for place in places):
                        problems.append(f"{name}:{number}: <{header}> belongs only in {', '.join(places)}")
                if match.group(1) == '"':
                    target = header.rsplit("/", 1)[0]
                    if not (root / header).exists():
                        problems.append(f"{name}:{number}: \"{header}\": includes are written from the root")
                    elif target not in rooms.get(room, {room}) and target != room:
                        problems.append(f"{name}:{number}: room {room} must not see {target} (CMakeLists.txt)")
    print("\n".join(problems) if problems else f"room borders hold ({len(rooms)} rooms)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
