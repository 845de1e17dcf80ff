# tap.sh - helpers for tests in shell. A test ends with the call `summary`.
tests_passed=0 tests_failed=0 tests_skipped=0

# row WORD TEXT: prints a TAP line. WORD is "ok" or "not ok".
row() { printf '%s %d - %s\n' "$1" $((tests_passed + tests_failed + tests_skipped)) "$2"; }

pass() { tests_passed=$((tests_passed + 1)); row ok "$1"; }

# fail NAME EXPECTED GOT: counts a failed check and prints both values.
fail() {
    tests_failed=$((tests_failed + 1))
    printf 'expected: %s\ngot:      %s\n' "$2" "$3" | sed 's/^/# /'
    row 'not ok' "$1"
}

# check NAME EXPECTED GOT: passes when both values are equal.
check() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$2" "$3"; fi; }

# skip NAME REASON: counts a check that cannot run here.
skip() { tests_skipped=$((tests_skipped + 1)); row ok "$1 # SKIP $2"; }

# summary: prints the sums. Its exit status is that of the test, so it must be the last command.
summary() {
    n=$((tests_passed + tests_failed + tests_skipped))
    echo "1..$n"
    echo "# $n checks: $tests_passed passed, $tests_failed failed, $tests_skipped skipped"
    [ "$tests_failed" -eq 0 ] && [ "$n" -gt 0 ]
}
