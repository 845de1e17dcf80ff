/* err.c - records the first error as one printable line. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 200 }; /* bytes of a path that a message shows; longer paths lose their start */

static void fail(dnx_err *err, dnx_status status, dnx_loc loc, const char *fmt, va_list args) {
    if (!err || err->status != DNX_OK) return;
    err->status = status;
    size_t used = 0, size = sizeof err->text;
    err->text[0] = 0;
    if (loc.file) {
        size_t len = strlen(loc.file);
        const char *dots = len > MAX_FILE ? "..." : "";
        const char *tail = len > MAX_FILE ? loc.file + (len - MAX_FILE) : loc.file;
        int k = loc.line ? snprintf(err->text, size, "%s%s:%d: ", dots, tail, loc.line)
                         : snprintf(err->text, size, "%s%s: ", dots, tail);
        if (k > 0) used = (size_t)k;
    }
    vsnprintf(err->text + used, size - used, fmt, args);
    /* Replaces control characters, because a terminal would obey them. */
    for (char *c = err->text; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = '?';
}

dnx_status dnx_fail(dnx_err *err, dnx_status status, dnx_loc loc, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fail(err, status, loc, fmt, args);
    va_end(args);
    return status;
}

dnx_status dnx_fail_at(dnx_err *err, dnx_status status, const char *path, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fail(err, status, (dnx_loc){path, 0}, fmt, args);
    va_end(args);
    return status;
}

dnx_status dnx_no_memory(const char *path, dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, path, "no memory");
}

const char *dnx_plural(size_t n, const char *one, const char *many) { return n == 1 ? one : many; }

char *dnx_grouped(double n, char out[32]) {
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%.0f", n);
    int k = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return out;
}

dnx_status dnx_first_error(const dnx_err *errors, int n, dnx_err *err) {
    int i = 0;
    while (i < n && !errors[i].status) i++;
    if (i == n) return DNX_OK;
    if (err) *err = errors[i];
    return errors[i].status;
}
