/* lines.c - reads lines of text files, and their fields and numbers. */
#include "base/lines.h"

#include <errno.h>
#include <iconv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"

enum { LINE_MOST = 1 << 20 };
static const char blanks[] = " \t\v\f\r\n";
static void (*report_mark)(const char *file, const char *mark);

void dnx_lines_report_marks(void (*report)(const char *file, const char *mark)) {
    report_mark = report;
}

/* Converts l->text from UTF-16 to UTF-8, and removes its byte order mark. */
static dnx_status decode(dnx_lines *l, bool is_big, dnx_err *err) {
    size_t from_left = l->len - 2, left = l->len / 2 * 3;
    char *out = malloc(left + 1), *to = out, *from = l->text + 2;
    iconv_t how = iconv_open("UTF-8", is_big ? "UTF-16BE" : "UTF-16LE");
    dnx_status st = out && how != (iconv_t)-1 ? DNX_OK : dnx_no_memory(l->file, err);
    if (!st && (l->len % 2 || iconv(how, &from, &from_left, &to, &left) == (size_t)-1)) {
        int line = 1;
        for (const char *c = out; c < to; c++) line += *c == '\n';
        st = dnx_fail(err, DNX_EPARSE, (dnx_loc){l->file, line},
                      "begins with a byte order mark of UTF-16, but is not such text");
    }
    if (how != (iconv_t)-1) iconv_close(how);
    if (st) {
        free(out);
        return st;
    }
    free(l->text);
    l->text = out;
    l->len = (size_t)(to - out);
    return DNX_OK;
}

/* Replaces CR LF and CR by LF, removes byte order marks at line starts, and counts the lines. */
static dnx_status unify(dnx_lines *l, const char *what, dnx_err *err) {
    char *s = l->text;
    size_t n = 0, start = 0;
    for (size_t i = 0; i < l->len; i++) {
        dnx_loc here = {l->file, (int)l->count + 1};
        if (n == start && l->len - i >= 3 && !memcmp(s + i, "\xef\xbb\xbf", 3)) {
            i += 2;
            continue;
        }
        if (!s[i]) return dnx_fail(err, DNX_EPARSE, here, "a NUL byte; %s must be text", what);
        if (s[i] == '\n' || s[i] == '\r') {
            i += s[i] == '\r' && i + 1 < l->len && s[i + 1] == '\n';
            s[n++] = '\n';
            start = n;
            l->count++;
            continue;
        }
        if (n - start == LINE_MOST)
            return dnx_fail(err, DNX_EPARSE, here, "a line of more than %d MB", LINE_MOST >> 20);
        s[n++] = s[i];
    }
    l->count += n > start;
    l->len = n;
    s[n] = 0;
    return DNX_OK;
}

/* Fills l. Takes ownership of `text`, which has room for a NUL after its len bytes. */
static dnx_status take(dnx_lines *l, char *text, size_t len, const char *file, const char *what,
                       dnx_err *err) {
    *l = (dnx_lines){.file = file, .text = text, .len = len};
    const bool is_little = len >= 2 && !memcmp(text, "\xff\xfe", 2);
    const bool is_big = len >= 2 && !memcmp(text, "\xfe\xff", 2);
    const bool is_utf8 = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3);
    dnx_status st = is_little || is_big ? decode(l, is_big, err) : DNX_OK;
    if (!st) st = unify(l, what, err);
    if (st) dnx_lines_free(l);
    else if (report_mark && (is_little || is_big || is_utf8))
        report_mark(file, is_utf8 ? "byte order mark" : "byte order mark of UTF-16");
    return st;
}

dnx_status dnx_lines_copy(dnx_lines *l, const char *text, size_t len, const char *file,
                          const char *what, dnx_err *err) {
    *l = (dnx_lines){.file = file};
    char *own = malloc(len + 1);
    if (!own) return dnx_no_memory(file, err);
    if (len) memcpy(own, text, len);
    return take(l, own, len, file, what, err);
}

/* Reads all of f. Fails when it has more than `most` bytes. The caller frees *text, also after an
 * error. */
static dnx_status load(FILE *f, const char *file, const char *what, size_t most, char **text,
                       size_t *len, dnx_err *err) {
    struct stat s;
    size_t capacity = 1 << 16;
    if (!fstat(fileno(f), &s) && S_ISREG(s.st_mode) && s.st_size > 0)
        capacity = (size_t)s.st_size < most ? (size_t)s.st_size + 2 : most + 2;
    for (*len = 0;; capacity *= 2) {
        char *more = realloc(*text, capacity);
        if (!more) return dnx_no_memory(file, err);
        *text = more;
        errno = 0;
        *len += fread(*text + *len, 1, capacity - 1 - *len, f);
        if (ferror(f)) return dnx_fail_at(err, DNX_EIO, file, "cannot read: %s", strerror(errno));
        if (*len > most)
            return dnx_fail_at(err, DNX_EIO, file, "%s must be at most %zu MB", what, most >> 20);
        if (*len < capacity - 1) return DNX_OK;
    }
}

dnx_status dnx_lines_open(dnx_lines *l, const char *file, const char *what, size_t most,
                          dnx_err *err) {
    *l = (dnx_lines){.file = file};
    FILE *f = dnx_file_stream(file);
    if (!f)
        return dnx_fail_at(err, DNX_EIO, file, "cannot read: %s",
                           errno == ENXIO ? "a pipe that nothing writes to" : strerror(errno));
    char *text = NULL;
    size_t len = 0;
    dnx_status st = load(f, file, what, most, &text, &len, err);
    fclose(f);
    if (!st) return take(l, text, len, file, what, err);
    free(text);
    return st;
}

void dnx_lines_free(dnx_lines *l) {
    free(l->text);
    *l = (dnx_lines){0};
}

char *dnx_lines_next(dnx_lines *l, const char *comments) {
    while (l->at < l->len) {
        char *line = l->text + l->at, *end = memchr(line, '\n', l->len - l->at);
        if (end) *end = 0;
        l->at = end ? (size_t)(end - l->text) + 1 : l->len;
        l->number++;
        line = dnx_trim(line);
        if (*line && !strchr(comments, *line)) return line;
    }
    return NULL;
}

dnx_loc dnx_lines_at(const dnx_lines *l) { return (dnx_loc){l->file, l->number}; }

char *dnx_trim(char *s) {
    s += strspn(s, blanks);
    size_t n = strlen(s);
    while (n && strchr(blanks, s[n - 1])) n--;
    s[n] = 0;
    return s;
}

void dnx_comment_cut(char *s) {
    for (char *p = s; (p = strpbrk(p, "#;")); p++)
        if (p > s && strchr(blanks, p[-1])) {
            *p = 0;
            return;
        }
}

char dnx_separator(const char *line) {
    return strchr(line, '\t') ? '\t' : strchr(line, ',') ? ',' : ' ';
}

/* Removes the quotes from the field at *p, returns the field, and moves *p behind it. Returns NULL
 * when the closing quote is missing. */
static char *unquote(char **p) {
    char *start = *p, *out = start, *s = start + 1;
    for (; *s; s++) {
        if (*s == '"' && s[1] != '"') {
            *p = s + 1;
            *out = 0;
            return start;
        }
        s += *s == '"';
        *out++ = *s;
    }
    return NULL;
}

int dnx_fields(char *line, char separator, char **field, int most) {
    int n = 0;
    for (char *p = line;; n++) {
        char *start = p + strspn(p, separator == '\t' ? " \v\f\r\n" : blanks), *end;
        if (separator == ' ' && !*start) return n;
        if (separator == ',' && *start == '"') {
            p = start;
            start = unquote(&p);
            if (!start) return -1;
            p += strspn(p, blanks);
            if (*p && *p != ',') return -1;
            end = p;
        } else {
            end = start + (separator == ' ' ? strcspn(start, blanks)
                                            : strcspn(start, (char[]){separator, 0}));
            p = end;
        }
        bool is_last = !*end;
        if (!is_last) *end = 0;
        if (n < most) field[n] = dnx_trim(start);
        if (is_last) return n + 1;
        p = end + 1;
    }
}

bool dnx_whole(const char *s, long lo, long hi, long *v) {
    size_t sign = *s == '-' || *s == '+';
    if (!s[sign] || strspn(s + sign, "0123456789") != strlen(s + sign)) return false;
    errno = 0;
    *v = strtol(s, NULL, 10);
    return !errno && *v >= lo && *v <= hi;
}

bool dnx_decimal(const char *s, double *v) {
    char *end;
    if (!*s || strspn(s, "0123456789+-.eE") != strlen(s)) return false;
    *v = strtod(s, &end);
    return !*end && isfinite(*v);
}
