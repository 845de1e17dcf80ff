/* preload_faults.c - for LD_PRELOAD: lets opening a file fail, or raises a signal there.
 * FAULTS="TEXT:FROM:COUNT:WHAT" concerns opens of paths with TEXT in them, counted from 1: those
 * from FROM on, COUNT of them, fail with the errno WHAT; or, with WHAT = -SIGNAL, raise it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int opened;

static bool fails(const char *path) {
    char text[200];
    int from, count, what;
    const char *faults = getenv("FAULTS");
    if (!faults || sscanf(faults, "%199[^:]:%d:%d:%d", text, &from, &count, &what) != 4)
        return false;
    if (!strstr(path, text)) return false;
    int n = atomic_fetch_add(&opened, 1) + 1;
    if (n < from || n - from >= count) return false;
    if (what < 0) raise(-what);
    errno = what;
    return what > 0;
}

static int open_by(const char *name, const char *path, int flags, mode_t mode) {
    int (*next)(const char *, int, mode_t);
    *(void **)&next = dlsym(RTLD_NEXT, name);
    return fails(path) ? -1 : next(path, flags, mode);
}

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_by("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return open_by("open64", path, flags, mode);
}
