#!/usr/bin/env bash
# Installs what Emperor needs from Debian 12's packages. Idempotent; quick when nothing is missing.
#   scripts/setup.sh            what building, the demo and most tests need
#   scripts/setup.sh --test     also what scripts/test.sh needs (a browser, for the dashboard)
#   scripts/setup.sh --all      also what scripts/test.sh --all needs (clang, fuzzers, linters)
set -euo pipefail

build=(g++ cmake ninja-build ccache pkg-config git
    libboost1.81-dev libyaml-cpp-dev nlohmann-json3-dev libfmt-dev libcli11-dev prometheus-cpp-dev
    libgtest-dev libgmock-dev libcap-dev libsystemd-dev python3-dev libpython3.11-dev)
run=(python3 python3-venv python3-pytest python3-pytest-xdist python3-django python3-flask python3-jsonschema python3-yaml nginx-light curl
    uwsgi-core uwsgi-plugin-python3 gunicorn libfcgi-bin procps valgrind wrk haproxy openssl systemd prometheus)
extra=(clang libclang-rt-14-dev clang-format clang-tidy strace)
browser=(chromium)
# Whoever has Node.js from elsewhere has npm with it, and Debian's would not go beside it.
command -v npm >/dev/null || browser+=(nodejs npm)

wanted=("${build[@]}" "${run[@]}")
case "${1:-}" in
    --test) wanted+=("${browser[@]}") ;;
    --all) wanted+=("${browser[@]}" "${extra[@]}") ;;
    --help | -h) sed -n '2,5p' "$0" | cut -c3-; exit 0 ;;
    "") ;;
    *) echo "setup.sh: unknown argument '$1' (try --help)" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup.sh: missing packages: ${missing[*]}; install them as root, or install sudo" >&2; exit 1; }
    as_root=(sudo)
fi
# Debian starts a system-wide nginx and uWSGI on installation; this project runs its own, unprivileged ones.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    made_policy=yes
fi
trap '[ -z "$made_policy" ] || "${as_root[@]}" rm -f $policy' EXIT
echo "setup.sh: installing ${missing[*]}"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -q "${missing[@]}")
"${install[@]}" >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -q; "${install[@]}"; }
