#!/usr/bin/env bash
# Builds the fuzz preset (clang, libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer), runs the seeds of each target,
# then fuzzes each of them for a while, as many at a time as there are processors.
#   scripts/fuzz.sh [--seconds N] [TARGET…]    N: 20 unless given; TARGET: a file of tests/fuzz, all of them unless given
#   scripts/fuzz.sh --help                     this text
# What was found to be interesting is kept in build/fuzz/corpus/TARGET for the next run. Inputs that break a promise are
# kept in build/fuzz/findings/TARGET and named; `build/fuzz/bin/fuzz_TARGET FILE` runs one again. Exit 0: no finding.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
seconds=20 targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seconds)
            seconds=${2:-}
            case "$seconds" in "" | *[!0-9]*) echo "fuzz.sh: --seconds takes a number" >&2; exit 2 ;; esac
            shift ;;
        --help | -h) sed -n '2,7p' "$0" | cut -c3-; exit 0 ;;
        -*) echo "fuzz.sh: unknown argument '$1' (try --help)" >&2; exit 2 ;;
        *)
            [ -d "tests/fuzz/corpus/$1" ] || { echo "fuzz.sh: no target '$1' ($(ls tests/fuzz/corpus | xargs))" >&2; exit 2; }
            targets+=("$1") ;;
    esac
    shift
done
[ ${#targets[@]} -gt 0 ] || targets=($(ls tests/fuzz/corpus))

mkdir -p build
cmake --preset fuzz >build/fuzz-configure.log 2>&1 || { cat build/fuzz-configure.log; exit 1; }
cmake --build --preset fuzz || exit 1

export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# fuzz TARGET: exit 1 when something was found
fuzz() {
    local target=$1 size=4096
    local program=build/fuzz/bin/fuzz_$target kept=build/fuzz/corpus/$target findings=build/fuzz/findings/$target
    local log=build/fuzz/$target.log
    local seeds=("tests/fuzz/corpus/$target")
    [ "$target" != config ] || seeds+=(tests/conformance/config) size=1024  # three whole decodings for each input
    mkdir -p "$kept" "$findings"
    local options=(-max_len=$size -timeout=60 -report_slow_units=60 -rss_limit_mb=2048 -artifact_prefix="$findings/" -print_final_stats=1)
    if "$program" "${options[@]}" -runs=0 "${seeds[@]}" >"$log" 2>&1 &&
        { [ "$seconds" -eq 0 ] || "$program" "${options[@]}" -max_total_time="$seconds" "$kept" "${seeds[@]}" >>"$log" 2>&1; }; then
        echo "$target: no finding in $(awk '/number_of_executed_units/ {n += $2} END {print n + 0}' "$log") runs"
    else
        grep -E 'broken promise|ERROR:|SUMMARY|runtime error|Test unit written' "$log" | sed "s/^/$target: /"
        echo "$target: FAILED, all of it in $log"
        return 1
    fi
}

# One for each processor at a time.
declare -A target_of=()
broken=() running=0
collect() {
    local pid
    wait -n -p pid "${!target_of[@]}" || broken+=("${target_of[$pid]}")
    unset "target_of[$pid]"
    running=$((running - 1))
}
for target in "${targets[@]}"; do
    [ "$running" -lt "$(nproc)" ] || collect
    fuzz "$target" &
    target_of[$!]=$target
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do collect; done
echo "fuzz: ${#targets[@]} targets, $seconds s each, ${#broken[@]} with findings${broken[*]:+: ${broken[*]}}"
[ ${#broken[@]} -eq 0 ]
