#!/usr/bin/env bash
# Builds the release preset and runs its tests: unit and component (ctest), end to end (pytest). Installs what is missing.
#   scripts/test.sh             at most 15 minutes on two processors, from a clean checkout
#   scripts/test.sh --all       the same under AddressSanitizer and UndefinedBehaviorSanitizer, the worker's threads under
#                               ThreadSanitizer, the fuzz targets and a minute of chaos besides; at most 40 minutes
#   scripts/test.sh --help      this text
# Ends with ctest's and pytest's own summary lines; exit 0 when every step passed.
set -uo pipefail

all=
case "${1:-}" in
    --all) all=yes ;;
    --help | -h) sed -n '2,7p' "$0" | cut -c3-; exit 0 ;;
    "") ;;
    *) echo "test.sh: unknown argument '$1' (try --help)" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
summaries=() failed=
began=$SECONDS
say() { printf '==> [%d:%02d] %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"; }

# build PRESET
build() {
    say "build: $1"
    mkdir -p build
    cmake --preset "$1" >"build/$1-configure.log" 2>&1 || { cat "build/$1-configure.log"; exit 1; }
    cmake --build --preset "$1" || exit 1
}

# run_ctest PRESET: its output, and its summary line for the end
run_ctest() {
    say "unit and component tests: $1"
    local output=build/$1-ctest.log
    ctest --preset "$1" 2>&1 | tee "$output"
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed="$failed ctest($1)"
    summaries+=("ctest $1: $(grep -E 'tests passed' "$output" | tail -n 1)")
}

say "packages"
if [ -n "$all" ]; then scripts/setup.sh --all || exit 1; else scripts/setup.sh --test || exit 1; fi

build release
run_ctest release

if [ -n "$all" ]; then
    build asan
    # A leak that no line of tests/support/lsan.supp explains is ours, and fails.
    export LSAN_OPTIONS="suppressions=$root/tests/support/lsan.supp:print_suppressions=0"
    export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1"
    export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
    PYTHONMALLOC=malloc run_ctest asan
    unset LSAN_OPTIONS ASAN_OPTIONS UBSAN_OPTIONS

    say "the worker's threads under ThreadSanitizer"
    mkdir -p build
    if ! (cmake --preset tsan >build/tsan-configure.log && cmake --build --preset tsan --target component_vassal_worker &&
        TSAN_OPTIONS="suppressions=$root/tests/support/tsan.supp" build/tsan/bin/component_vassal_worker) 2>&1 | tee build/tsan.log; then
        failed="$failed tsan"
    fi
    summaries+=("tsan: $(grep -E '^\[  (PASSED|FAILED)' build/tsan.log | tail -n 1)")

    say "fuzz targets: 20 s each"
    output=build/fuzz.log
    scripts/fuzz.sh 2>&1 | tee "$output"
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed="$failed fuzz"
    summaries+=("$(tail -n 1 "$output")")
fi

say "end-to-end tests"
output=build/pytest.log
EMPEROR_BIN=$root/build/release/bin /usr/bin/python3 -m pytest -n "$(nproc)" --dist loadfile tests/e2e 2>&1 | tee "$output"
[ "${PIPESTATUS[0]}" -eq 0 ] || failed="$failed pytest"
summaries+=("pytest: $(tail -n 1 "$output")")

if [ -n "$all" ]; then
    say "chaos: 60 s"
    output=build/chaos.log
    /usr/bin/python3 tests/chaos/run.py --seconds 60 --seed 4 2>&1 | tee "$output"
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed="$failed chaos"
    summaries+=("$(tail -n 1 "$output")")
fi

say "done${failed:+, FAILED:$failed}"
printf '%s\n' "${summaries[@]}"
[ -z "$failed" ]
