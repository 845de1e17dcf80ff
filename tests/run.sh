#!/bin/sh
# run.sh TEST... - runs these tests: programs, *.sh and *.py. The output of a test is shown only when
# it fails. Last line: 'N passed, N failed, N skipped', the sum of all.
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0 skipped=0

# run NAME COMMAND...: a program without a summary line, or that ends badly, is a failure.
run() {
    name=$1
    shift
    "$@" >"$out" 2>&1 </dev/null
    status=$?
    line=$(tail -n 1 "$out" | grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$')
    if [ -n "$line" ]; then
        p=${line%% *} rest=${line#*, } s=${line##*, }
        f=${rest%% *} s=${s%% *}
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
            line="$line, but exit status $status"
            failed=$((failed + 1)) f=1
        fi
    else
        line="no summary, exit status $status"
        failed=$((failed + 1)) f=1
    fi
    if [ "$f" -ne 0 ] || [ "$status" -ne 0 ]; then cat "$out"; fi
    printf '%s: %s\n' "$name" "$line"
}

PYTHONPATH=$PWD/tests/lib
export PYTHONPATH
for test in "$@"; do
    case $test in
    *.sh) run "$(basename "$test")" sh "$test" ;;
    *.py) run "$(basename "$test")" "$PYTHON" "$test" ;;
    *) run "$(basename "$test")" "$test" ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
