#!/bin/sh
# test_bad.sh - every tests/bad/NAME.cfg must make `darknet check` exit with 1, print nothing on
# stdout and exactly NAME.err on stderr. BLESS=1 writes the .err files anew: read what changed.
cd "$(dirname "$0")/bad" || exit 1
passed=0 failed=0
got=$(mktemp) && out=$(mktemp) || exit 1
trap 'rm -f "$got" "$out"' EXIT
for cfg in *.cfg; do
    name=${cfg%.cfg}
    ../../bin/darknet check "$cfg" >"$out" 2>"$got" </dev/null
    status=$?
    if [ -n "$BLESS" ] && [ "$status" -eq 1 ]; then cp "$got" "$name.err"; fi
    if [ "$status" -eq 1 ] && [ ! -s "$out" ] && cmp -s "$got" "$name.err"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED tests/bad/$cfg: exit status $status, stdout: $(head -c 300 "$out")"
        echo "  expected: $(cat "$name.err")"
        echo "  got:      $(head -c 600 "$got")"
    fi
done
for err in *.err; do
    if [ ! -f "${err%.err}.cfg" ]; then
        failed=$((failed + 1))
        echo "FAILED tests/bad/$err: its .cfg is missing"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
