#!/bin/sh
# test_bad.sh - every tests/data/bad/NAME.cfg must make `darknet check` exit with 1 and print exactly
# NAME.err on stderr, one line. BLESS=1 writes the .err files anew: read what changed.
cd "$(dirname "$0")/../data/bad" || exit 1
passed=0 failed=0
got=$(mktemp) || exit 1
trap 'rm -f "$got"' EXIT
for cfg in *.cfg; do
    name=${cfg%.cfg}
    ../../../bin/darknet check "$cfg" >/dev/null 2>"$got" </dev/null
    status=$?
    if [ -n "${BLESS:-}" ] && [ "$status" -eq 1 ]; then cp "$got" "$name.err"; fi
    if [ "$status" -eq 1 ] && [ "$(wc -l <"$got")" -eq 1 ] && cmp -s "$got" "$name.err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED tests/data/bad/$cfg: exit status $status"
        echo "  expected: $(cat "$name.err" 2>/dev/null)"
        echo "  got:      $(head -c 600 "$got")"
    fi
done
for err in *.err; do
    [ -f "$err" ] || continue
    if [ ! -f "${err%.err}.cfg" ]; then
        failed=$((failed + 1))
        echo "FAILED tests/data/bad/$err: its .cfg is missing"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
