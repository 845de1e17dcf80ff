/* tap.h - counts checks and prints TAP lines for `prove`: one line for each group of checks. Each
 * failed check also prints its message, as a line that begins with '#'. */
#ifndef TAP_H
#define TAP_H
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed, skipped;
static const char *where = "FAILED"; /* check() prints this word before the message of a failure */
static struct {
    char name[120];
    int rows, passed, failed; /* rows: TAP lines; passed, failed: counts when the group began */
} tap;

/* Prints a TAP line. word: "ok" or "not ok". Replaces '#' in the name, because prove reads a
 * comment after '#'. */
static inline void tap_row(const char *word, const char *name, const char *tail) {
    printf("%s %d - ", word, ++tap.rows);
    for (; *name; name++) putchar(*name == '\n' || *name == '#' ? ' ' : *name);
    printf("%s\n", tail);
    fflush(stdout);
}

static inline void tap_end(void) {
    int good = passed - tap.passed, bad = failed - tap.failed;
    char tail[60];
    if (bad) snprintf(tail, sizeof tail, ": %d of %d failed", bad, good + bad);
    else snprintf(tail, sizeof tail, " (%d)", good);
    if (good + bad)
        tap_row(bad ? "not ok" : "ok", *tap.name ? tap.name : program_invocation_short_name, tail);
    tap.passed = passed, tap.failed = failed;
    tap.name[0] = 0;
}

/* Begins a group: all checks until the next group share one TAP line. */
__attribute__((format(printf, 1, 2))) static inline void group(const char *fmt, ...) {
    va_list args;
    tap_end();
    va_start(args, fmt);
    vsnprintf(tap.name, sizeof tap.name, fmt, args);
    va_end(args);
}

/* Counts a check, and prints the message when the check failed. Returns ok. */
__attribute__((format(printf, 2, 3))) static inline bool check(bool ok, const char *fmt, ...) {
    char text[2000];
    va_list args;
    if (ok) {
        passed++;
        return true;
    }
    failed++;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    printf("# %s ", where);
    for (const char *s = text; *s; s++) printf(*s == '\n' ? "\n#   " : "%c", *s);
    printf("\n");
    fflush(stdout);
    return false;
}

/* With REQUIRE=1, tests/run.py counts each skip as a failure, except a skip with this reason. */
#define NEVER_HERE "not on this processor"
static inline void skip(const char *what, const char *why) {
    char tail[300];
    skipped++;
    snprintf(tail, sizeof tail, " # SKIP %s", why);
    tap_row("ok", what, tail);
}

/* Prints the last TAP lines. Returns the exit status for main(): 1 after a failure, or when the
 * test has no check and no skip; else 0. */
static inline int tap_summary(void) {
    if (passed + failed + skipped == 0) check(false, "nothing was checked");
    tap_end();
    printf("1..%d\n# %d checks: %d passed, %d failed, %d skipped\n", tap.rows,
           passed + failed + skipped, passed, failed, skipped);
    return failed > 0;
}
#endif
