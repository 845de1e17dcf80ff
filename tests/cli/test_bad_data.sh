#!/bin/sh
# test_bad_data.sh - `darknet classifier train` must exit with 1 for every tests/data/bad_data/NAME.data,
# print exactly NAME.err on stderr and leave no backup folder. BLESS=1 writes the .err files anew:
# read what changed.
cd "$(dirname "$0")/../data/bad_data" || exit 1
passed=0 failed=0
got=$(mktemp) || exit 1
trap 'rm -f "$got"' EXIT
for data in *.data; do
    name=${data%.data}
    ../../../bin/darknet classifier train "$data" tiny.cfg -threads 1 >/dev/null 2>"$got" </dev/null
    status=$?
    if [ -n "${BLESS:-}" ] && [ "$status" -eq 1 ]; then cat "$got" >"$name.err"; fi
    if [ "$status" -eq 1 ] && [ -s "$got" ] && cmp -s "$got" "$name.err" && [ ! -e backup ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED tests/data/bad_data/$data: exit status $status"
        echo "  expected: $(cat "$name.err" 2>/dev/null)"
        echo "  got:      $(head -c 600 "$got")"
        if [ -e backup ]; then echo "  tests/data/bad_data/backup was made"; fi
    fi
done
for err in *.err; do
    [ -f "$err" ] || continue
    if [ ! -f "${err%.err}.data" ]; then
        failed=$((failed + 1))
        echo "FAILED tests/data/bad_data/$err: its .data is missing"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
