#!/bin/sh
# test_bad.sh - every tests/data/bad/NAME.cfg must make `darknet check` exit with 1 and print exactly
# NAME.err on stderr, one line. Those of tests/data/bad_training can be looked at, so that `check`
# takes them, but not be trained: `check -data` must refuse them so. BLESS=1 writes the .err files
# anew: read what changed.
cd "$(dirname "$0")/../data/bad" || exit 1
darknet=../../../bin/darknet
passed=0 failed=0
got=$(mktemp) || exit 1
trap 'rm -f "$got"' EXIT

count() { # status name expected-file: counts, by the exit status and the line in $got
    if [ -n "${BLESS:-}" ] && [ "$1" -eq 1 ]; then cp "$got" "$3"; fi
    if [ "$1" -eq 1 ] && [ "$(wc -l <"$got")" -eq 1 ] && cmp -s "$got" "$3"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $2: exit status $1"
        echo "  expected: $(cat "$3" 2>/dev/null)"
        echo "  got:      $(head -c 600 "$got")"
    fi
}

for cfg in *.cfg; do
    $darknet check "$cfg" >/dev/null 2>"$got" </dev/null
    count $? "tests/data/bad/$cfg" "${cfg%.cfg}.err"
done
cd ../bad_training || exit 1
for cfg in *.cfg; do
    $darknet check "$cfg" -data none.data >/dev/null 2>"$got" </dev/null
    count $? "tests/data/bad_training/$cfg" "${cfg%.cfg}.err"
    if $darknet check "$cfg" >/dev/null 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED tests/data/bad_training/$cfg: cannot be looked at"
    fi
done
for err in ../bad/*.err *.err; do
    if [ -f "$err" ] && [ ! -f "${err%.err}.cfg" ]; then
        failed=$((failed + 1))
        echo "FAILED tests/data/bad_training/$err: its .cfg is missing"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
