#!/usr/bin/env bash
# Shows Emperor with three apps (plain WSGI, Flask, Django) behind an nginx of its own, everything below one temporary
# directory. Installs what is missing, builds what changed, prints URLs and commands to try. Ctrl-C stops all of it.
#   scripts/demo.sh             run until Ctrl-C
#   scripts/demo.sh --check     request every URL through nginx and directly, reload one app, stop; exit 0 or 1
#   scripts/demo.sh --help      this text
# Works as root (the apps and nginx then run as www-data) and as a plain user (who needs sudo only for missing packages).
# EMPEROR_BIN=DIR uses the programs there instead of building.
set -euo pipefail

check=
case "${1:-}" in
    --check) check=yes ;;
    --help | -h) sed -n '2,8p' "$0" | cut -c3-; exit 0 ;;
    "") ;;
    *) echo "demo.sh: unknown argument '$1' (try --help)" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
[ -t 1 ] || say() { printf '==> %s\n' "$*"; }

say "packages"
scripts/setup.sh
bin=${EMPEROR_BIN:-$root/build/release/bin}
if [ -z "${EMPEROR_BIN:-}" ]; then
    say "build (release; the first time takes a few minutes)"
    mkdir -p build
    cmake --preset release >build/demo-configure.log 2>&1 || { cat build/demo-configure.log; exit 1; }
    cmake --build --preset release --target emperor vassal emperorctl
fi

umask 022
state=$(mktemp -d "${TMPDIR:-/tmp}/emperor-demo.XXXXXX")
chmod 755 "$state"
emperor_pid= nginx_pid= tail_pid=

# Waits until a child of ours has ended, at most $2 seconds.
gone_within() {
    local pid=$1 tries=$(($2 * 10))
    while kill -0 "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ]; do
        [ $((tries--)) -gt 0 ] || return 1
        sleep 0.1
    done
}

stop_all() {
    trap '' INT TERM
    [ -z "$nginx_pid" ] || { kill -QUIT "$nginx_pid" 2>/dev/null && gone_within "$nginx_pid" 5 || kill "$nginx_pid" 2>/dev/null || true; }
    if [ -n "$emperor_pid" ] && kill -TERM "$emperor_pid" 2>/dev/null; then
        gone_within "$emperor_pid" 20 || { kill -TERM "$emperor_pid" 2>/dev/null || true; gone_within "$emperor_pid" 10 || kill -KILL "$emperor_pid" 2>/dev/null || true; }
    fi
    [ -z "$tail_pid" ] || kill "$tail_pid" 2>/dev/null || true
    wait 2>/dev/null || true
}

finish() {
    local code=$?
    stop_all
    if [ "$code" -ne 0 ] && [ -e "$state/emperor.log" ] && [ -n "$check" ]; then
        echo "---- last lines of the emperor's log"
        tail -n 60 "$state/emperor.log"
    fi
    rm -rf "$state"
    exit "$code"
}
trap finish EXIT
trap 'echo; say "stopping"; exit 0' INT TERM

# A copy that may be written to, and edited while the demo runs. The programs are copied too: a checkout below /root is
# closed to the users that a root emperor runs its vassals as.
cp -r configs/apps.d configs/apps "$state/"
mkdir "$state/bin" "$state/apps/django/data" "$state/nginx"
install -m 755 "$bin"/{emperor,vassal,emperorctl} "$state/bin/"
(cd "$state/apps/django" && /usr/bin/python3 manage.py collectstatic --noinput >/dev/null)
as_nginx=()
if [ "$(id -u)" -eq 0 ]; then
    printf 'user: www-data\n' >>"$state/apps.d/_defaults.yaml"
    chown -R www-data: "$state/apps" "$state/nginx"
    as_nginx=(setpriv --reuid=www-data --regid=www-data --clear-groups)
fi

read -r nginx_port DEMO_HELLO_PORT DEMO_FLASK_PORT DEMO_DJANGO_PORT < <(/usr/bin/python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(s.getsockname()[1] for s in held))')
runtime=$state/run
export DEMO_RUNTIME_DIR=$runtime DEMO_HELLO_PORT DEMO_FLASK_PORT DEMO_DJANGO_PORT
sed -e "s|@PREFIX@|$state/nginx|g" -e "s|@PORT@|$nginx_port|" -e "s|@RUNTIME@|$runtime|" \
    -e "s|@STATIC@|$state/apps/django/data/static|" configs/nginx/demo.conf.in >"$state/nginx/nginx.conf"

# Sessions of their own: a Ctrl-C reaches this script alone, which then stops both in order.
say "emperor on $state/apps.d"
setsid "$state/bin/emperor" --vassals "$state/apps.d" --runtime-dir "$runtime" >"$state/emperor.log" 2>&1 &
emperor_pid=$!
setsid "${as_nginx[@]}" nginx -p "$state/nginx" -e "$state/nginx/error.log" -c "$state/nginx/nginx.conf" &
nginx_pid=$!

ctl=("$state/bin/emperorctl" --runtime-dir "$runtime")
for ((i = 0; i < 300; i++)); do
    kill -0 "$emperor_pid" 2>/dev/null || { echo "demo.sh: the emperor ended:" >&2; cat "$state/emperor.log" >&2; exit 1; }
    "${ctl[@]}" status hello flask django >/dev/null 2>&1 && break
    sleep 0.1
done
"${ctl[@]}" status || { tail -n 40 "$state/emperor.log" >&2; exit 1; }
"${ctl[@]}" exec django -- sh -c 'DJANGO_SUPERUSER_PASSWORD=demo exec /usr/bin/python3 manage.py createsuperuser --noinput --username demo --email demo@localhost' >/dev/null

if [ -n "$check" ]; then
    say "requests through nginx and directly, one reload"
    /usr/bin/python3 scripts/demo_check.py --nginx "http://127.0.0.1:$nginx_port" --runtime "$runtime" \
        --emperorctl "$state/bin/emperorctl" --http "hello=$DEMO_HELLO_PORT" --http "flask=$DEMO_FLASK_PORT" --http "django=$DEMO_DJANGO_PORT"
    say "stopping"
    stop_all
    leftover=$(find "$state" -type s)
    [ -z "$leftover" ] || { echo "demo.sh: sockets left behind: $leftover" >&2; exit 1; }
    say "all well"
    exit 0
fi

cat <<TEXT

  through nginx    http://127.0.0.1:$nginx_port/          Django (notes)
                   http://127.0.0.1:$nginx_port/admin/    Django's admin: demo / demo
                   http://127.0.0.1:$nginx_port/flask/    Flask
                   http://127.0.0.1:$nginx_port/hello     plain WSGI
  directly         http://127.0.0.1:$DEMO_DJANGO_PORT/  http://127.0.0.1:$DEMO_FLASK_PORT/flask/  http://127.0.0.1:$DEMO_HELLO_PORT/hello

  Try, in another terminal:
    alias ectl='${ctl[*]}'
    ectl status
    ectl reload flask                 # a new generation takes over, no request is lost
    echo 'oops(' >> $state/apps/hello/hello.py; ectl reload hello; curl http://127.0.0.1:$nginx_port/hello
    ectl logs django -f
    ectl exec django -- /usr/bin/python3 manage.py showmigrations
    cp $state/apps.d/hello.yaml $state/apps.d/second.yaml       # two apps on one address: see what ectl check says
    curl --unix-socket $runtime/stats.sock http://localhost/

  The emperor's log follows. Ctrl-C stops everything.

TEXT
tail -n 3 -f "$state/emperor.log" &
tail_pid=$!
wait "$emperor_pid" || true
emperor_pid=
echo "demo.sh: the emperor ended" >&2
exit 1
