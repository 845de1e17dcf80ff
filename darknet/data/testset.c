#include "data/testset.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { MOST_CLASSES = 16777216 }; /* floats count so far */

static dnx_status whole_number(const char *key, const char *value, dnx_loc at, int *out,
                               dnx_err *err) {
    char *end;
    long v = strtol(value, &end, 10);
    if (*end || end == value || v < 1 || v > MOST_CLASSES)
        return dnx_fail(err, DNX_EOPTION, at,
                        "[data] %s=%.60s: must be a whole number from 1 to %d", key, value,
                        MOST_CLASSES);
    *out = (int)v;
    return DNX_OK;
}

static dnx_status take(dnx_testset *t, const char *key, const char *value, dnx_loc at,
                       dnx_err *err) {
    if (!strcmp(key, "classes")) return whole_number(key, value, at, &t->classes, err);
    if (!strcmp(key, "top")) return whole_number(key, value, at, &t->top, err);
    if (!strcmp(key, "valid")) t->valid = value;
    if (!strcmp(key, "labels")) t->labels = value;
    if (!strcmp(key, "names")) t->names = value;
    return DNX_OK;
}

dnx_status dnx_testset_read(const char *file, dnx_testset *t, dnx_err *err) {
    size_t len;
    char *line;
    *t = (dnx_testset){.classes = 2, .top = 1};
    t->file = strdup(file);
    if (!t->file) return dnx_fail(err, DNX_EMEM, (dnx_loc){file, 0}, "no memory");
    t->text = dnx_file_read(file, &len);
    if (!t->text)
        return dnx_fail(err, DNX_EIO, (dnx_loc){t->file, 0}, "cannot read: %s", strerror(errno));
    char *p = t->text;
    dnx_status st = DNX_OK;
    for (int n = 1; !st && (line = dnx_line_next(&p, t->text + len)); n++) {
        dnx_loc at = {t->file, n};
        if (*(line = dnx_line_trim(line)) == 0 || *line == '#' || *line == ';') continue;
        char *sign = strchr(line, '=');
        if (sign) *sign = 0;
        if (!sign || !*(line = dnx_line_trim(line)) || !*dnx_line_trim(sign + 1))
            return dnx_fail(err, DNX_EPARSE, at, "must be key=value");
        st = take(t, line, dnx_line_trim(sign + 1), at, err);
    }
    return st;
}

/* A last word of digits is the class, and is cut off. */
static bool cut_class(char *line, double *value) {
    char *end = line + strlen(line), *p = end;
    while (p > line && isdigit((unsigned char)p[-1])) p--;
    if (p == end || p == line || !isspace((unsigned char)p[-1])) return false;
    *value = strtod(p, NULL);
    p[-1] = 0;
    return true;
}

static dnx_status class_of(const dnx_testset *t, const dnx_labels *l, char *line, dnx_loc at,
                           int *out, dnx_err *err) {
    double value;
    int found[2] = {-1, -1};
    if (cut_class(line, &value)) {
        *out = (int)(value < t->classes ? value : 0);
        if (value < t->classes) return DNX_OK;
        return dnx_fail(err, DNX_EOPTION, at, "class %.0f: must be from 0 to %d", value,
                        t->classes - 1);
    }
    if (!l->n)
        return dnx_fail(err, DNX_EOPTION, at, "%.200s: has no class, and [data] no labels=", line);
    int n = dnx_labels_find(l, line, found);
    *out = found[0];
    if (n == 1) return DNX_OK;
    if (n == 0) return dnx_fail(err, DNX_EOPTION, at, "%.200s: contains no label", line);
    return dnx_fail(err, DNX_EOPTION, at, "%.200s: contains two labels, '%.60s' and '%.60s'", line,
                    l->label[found[0]], l->label[found[1]]);
}

dnx_status dnx_testset_list(dnx_testset *t, dnx_err *err) {
    size_t len, room = 0;
    char *line;
    dnx_labels l = {0};
    if (!t->valid)
        return dnx_fail(err, DNX_EOPTION, (dnx_loc){t->file, 0}, "[data] needs valid=");
    t->list = dnx_file_read(t->valid, &len);
    if (!t->list)
        return dnx_fail(err, DNX_EIO, (dnx_loc){t->valid, 0}, "cannot read: %s", strerror(errno));
    dnx_status st = t->labels ? dnx_labels_read(t->labels, t->classes, &l, err) : DNX_OK;
    for (size_t i = 0; i < len; i++) room += t->list[i] == '\n';
    t->path = calloc(room + 1, sizeof *t->path);
    t->class_of = calloc(room + 1, sizeof *t->class_of);
    if (!t->path || !t->class_of)
        st = dnx_fail(err, DNX_EMEM, (dnx_loc){t->valid, 0}, "no memory for the list");
    char *p = t->list;
    for (int n = 1; !st && (line = dnx_line_next(&p, t->list + len)); n++) {
        if (*(line = dnx_line_trim(line)) == 0) continue;
        st = class_of(t, &l, line, (dnx_loc){t->valid, n}, &t->class_of[t->n], err);
        t->path[t->n++] = dnx_line_trim(line);
    }
    if (!st && !t->n) st = dnx_fail(err, DNX_EIO, (dnx_loc){t->valid, 0}, "lists no images");
    dnx_labels_free(&l);
    return st;
}

dnx_status dnx_testset_names(const dnx_testset *t, int classes, dnx_labels *names, dnx_err *err) {
    const char *file = t->names ? t->names : t->labels;
    if (!file)
        return dnx_fail(err, DNX_EOPTION, (dnx_loc){t->file, 0}, "[data] needs names= or labels=");
    dnx_status st = dnx_labels_read(file, classes, names, err);
    if (!st && names->n < classes)
        st = dnx_fail(err, DNX_EOPTION, (dnx_loc){file, 0},
                      "has %d names, but the network has %d classes", names->n, classes);
    return st;
}

void dnx_testset_free(dnx_testset *t) {
    free(t->file);
    free(t->text);
    free(t->list);
    free(t->path);
    free(t->class_of);
}
