/* list.c - reads lists of images. */
#include "data/list.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/paths.h"
#include "data/decode.h"

/* ---- one line ---- */

/* Returns true when s is a whole number, and stores it in *v. MXNet's im2rec writes 7 as
 * 7.000000. */
static bool is_class(const char *s, double *v) {
    return isdigit((unsigned char)s[*s == '-']) && dnx_decimal(s, v) && *v == floor(*v);
}

static dnx_status take_tabs(char *line, dnx_loc at, dnx_listed *to, dnx_err *err) {
    enum { LST = 3, LST_BOX = 7, LST_POINTS = 17 };
    char *f[LST_POINTS];
    double v[3];
    bool is[3] = {false};
    int n = dnx_fields(line, '\t', f, LST_POINTS);
    for (int i = 0; i < n && i < 3; i++) is[i] = is_class(f[i], &v[i]);
    bool is_lst = (n == LST || n == LST_BOX || n == LST_POINTS) && !is[1] && is[2] && *f[1] &&
                  (!strcmp(f[0], "0") || !strcmp(f[0], "1"));
    if (is_lst && *f[0] == '0')
        return dnx_fail(err, DNX_EPARSE, at,
                        "0 %.200s: its face is not cut out; do so by `darknet align`", f[1]);
    if (is_lst) *to = (dnx_listed){f[1], NULL, v[2], at.line};
    else if (n == 3 && is[0] && is[1] && !is[2] && *f[2])
        *to = (dnx_listed){f[2], NULL, v[1], at.line};
    else if (n == 2 && is[1] && *f[0]) *to = (dnx_listed){f[0], NULL, v[1], at.line};
    else if (n == 2 && is[0] && *f[1]) *to = (dnx_listed){f[1], NULL, v[0], at.line};
    else
        return dnx_fail(err, DNX_EPARSE, at,
                        "%d fields between tabs: must be PATH CLASS, CLASS PATH, 1 PATH CLASS or "
                        "INDEX CLASS PATH",
                        n);
    return DNX_OK;
}

/* Returns the number at the end of the line if a separator precedes it, else NULL. Sets *cut to the
 * start of the separator. */
static char *last_number(char *line, char **cut) {
    char *p = line + strlen(line);
    while (p > line && isdigit((unsigned char)p[-1])) p--;
    if (!*p) return NULL;
    if (p > line && p[-1] == '-') p--;
    char *end = p;
    while (end > line && strchr(" \t", end[-1])) end--;
    if (end > line && end[-1] == ',') end--;
    else if (end == p) return NULL;
    while (end > line && strchr(" \t", end[-1])) end--;
    *cut = end;
    return end > line ? p : NULL;
}

static dnx_status take_quoted(char *line, dnx_loc at, dnx_listed *to, dnx_err *err) {
    char *f[2];
    int n = dnx_fields(line, ',', f, 2);
    *to = (dnx_listed){f[0], NULL, NAN, at.line};
    if (n > 0 && *f[0] && (n == 1 || (n == 2 && is_class(f[1], &to->class_of)))) return DNX_OK;
    return n < 0 ? dnx_fail(err, DNX_EPARSE, at, "a quote that does not end with its field")
                 : dnx_fail(err, DNX_EPARSE, at, "must be PATH or PATH,CLASS");
}

static dnx_status take_line(char *line, dnx_loc at, dnx_listed *to, dnx_err *err) {
    char *cut, *number;
    if (strchr(line, '\t')) return take_tabs(line, at, to, err);
    if (*line == '"') return take_quoted(line, at, to, err);
    *to = (dnx_listed){line, NULL, NAN, at.line};
    number = last_number(line, &cut);
    if (!number) return DNX_OK;
    char kept = *cut;
    *cut = 0;
    if (dnx_image_is_named(line)) {
        to->class_of = strtod(number, NULL);
        return DNX_OK;
    }
    *cut = kept;
    to->number = number; /* a class, or part of the path: settle() decides */
    return DNX_OK;
}

static bool is_word_of(const char *s, const char *const *words) {
    while (*words && strcasecmp(s, *words)) words++;
    return *words;
}

typedef enum { NO_HEADER, PATH_FIRST, CLASS_FIRST } header;

static header header_of(const char *line) {
    static const char *const paths[] = {"path",       "image",    "images",    "img",
                                        "file",       "filename", "file_name", "name",
                                        "image_path", "image_id", NULL};
    static const char *const classes[] = {"class",  "label",    "labels", "id", "identity",
                                          "target", "class_id", "person", NULL};
    char copy[200], *f[2], separator = dnx_separator(line);
    if (separator == ' ' || strlen(line) >= sizeof copy) return NO_HEADER;
    strcpy(copy, line);
    if (dnx_fields(copy, separator, f, 2) != 2) return NO_HEADER;
    return is_word_of(f[0], paths) && is_word_of(f[1], classes)   ? PATH_FIRST
           : is_word_of(f[0], classes) && is_word_of(f[1], paths) ? CLASS_FIRST
                                                                  : NO_HEADER;
}

static dnx_status take_class_first(char *line, dnx_loc at, dnx_listed *to, dnx_err *err) {
    char *f[2];
    *to = (dnx_listed){line, NULL, NAN, at.line};
    if (dnx_fields(line, dnx_separator(line), f, 2) != 2 || !is_class(f[0], &to->class_of) ||
        !*f[1])
        return dnx_fail(err, DNX_EPARSE, at, "must be CLASS,PATH, as the first line says");
    to->path = f[1];
    return DNX_OK;
}

/* ---- decisions that depend on which files exist ---- */

static bool is_there(const char *base, const char *path) {
    struct stat s;
    char *full = *path == '/' ? strdup(path) : dnx_path_join(base, path);
    bool there = full && !stat(full, &s) && !S_ISDIR(s.st_mode);
    free(full);
    return there;
}

/* Returns where the path ends if the number at the end of the line is a class. */
static char *end_of(const dnx_listed *m) {
    char *cut;
    return last_number(m->path, &cut) ? cut : m->path + strlen(m->path);
}

static bool is_found(const char *base, const dnx_listed *m) {
    if (is_there(base, m->path)) return true;
    if (!m->number) return false;
    char *cut = end_of(m), kept = *cut;
    *cut = 0;
    bool found = is_there(base, m->path);
    *cut = kept;
    return found;
}

static void take_windows(const char *folder, dnx_listed *m) {
    if (!strchr(m->path, '\\') || strchr(m->path, '/')) return;
    if (is_found(folder, m) || is_found("", m)) return;
    for (char *p = m->path; (p = strchr(p, '\\'));) *p = '/';
}

static dnx_status choose_base(dnx_image_list *l, dnx_err *err) {
    const char *file = l->lines.file, *slash = strrchr(file, '/');
    char *folder = strndup(file, slash ? (size_t)(slash - file) + 1 : 0);
    l->base = strdup("");
    if (!folder || !l->base) {
        free(folder);
        return dnx_no_memory(l->lines.file, err);
    }
    for (size_t i = 0; i < l->n; i++) take_windows(folder, &l->image[i]);
    bool is_decided = !*folder;
    for (size_t i = 0; i < l->n && !is_decided; i++) {
        if (*l->image[i].path == '/') continue;
        if (is_found(folder, &l->image[i])) {
            free(l->base);
            l->base = folder;
            return DNX_OK;
        }
        is_decided = is_found("", &l->image[i]);
    }
    free(folder);
    return DNX_OK;
}

static dnx_status settle(const dnx_image_list *l, dnx_listed *m, dnx_err *err) {
    char *cut = end_of(m), kept = *cut;
    bool whole = is_there(l->base, m->path);
    *cut = 0;
    bool part = is_there(l->base, m->path);
    *cut = kept;
    if (whole && part)
        return dnx_fail(
            err, DNX_EPARSE, (dnx_loc){l->lines.file, m->line},
            "%.200s: with and without its last word it is a file; write a tab before a class",
            m->path);
    if (!whole) {
        m->class_of = strtod(m->number, NULL);
        *cut = 0;
    }
    m->number = NULL;
    return DNX_OK;
}

/* ---- checking that no path has two classes ---- */

typedef struct {
    uint64_t hash;
    size_t i;
} key;

static int by_hash(const void *a, const void *b) {
    const key *x = a, *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : (x->i > y->i) - (x->i < y->i);
}

dnx_status dnx_image_list_check(const dnx_image_list *l, dnx_err *err) {
    key *list = malloc((l->n + 1) * sizeof *list);
    size_t n = 0;
    dnx_status st = DNX_OK;
    if (!list) return dnx_no_memory(l->lines.file, err);
    for (size_t i = 0; i < l->n; i++)
        if (!isnan(l->image[i].class_of))
            list[n++] = (key){dnx_hash(0, l->image[i].path, strlen(l->image[i].path)), i};
    qsort(list, n, sizeof *list, by_hash);
    for (size_t i = 1; !st && i < n; i++) {
        const dnx_listed *a = &l->image[list[i - 1].i], *b = &l->image[list[i].i];
        if (list[i].hash != list[i - 1].hash || a->class_of == b->class_of) continue;
        if (!strcmp(a->path, b->path))
            st = dnx_fail(err, DNX_EOPTION, (dnx_loc){l->lines.file, b->line},
                          "%.200s: has class %.0f, but class %.0f on line %d", a->path, b->class_of,
                          a->class_of, a->line);
    }
    free(list);
    return st;
}

/* ---- the whole list ---- */

static dnx_status parse(dnx_image_list *l, dnx_err *err) {
    dnx_status st = DNX_OK;
    header head = NO_HEADER;
    bool is_first = true;
    l->image = malloc((l->lines.count + 1) * sizeof *l->image);
    if (!l->image) return dnx_no_memory(l->lines.file, err);
    for (char *line; !st && (line = dnx_lines_next(&l->lines, "")); is_first = false) {
        if (is_first && (head = header_of(line)) != NO_HEADER) continue;
        st = (head == CLASS_FIRST ? take_class_first : take_line)(line, dnx_lines_at(&l->lines),
                                                                  &l->image[l->n++], err);
    }
    if (!st) st = choose_base(l, err);
    for (size_t i = 0; !st && i < l->n; i++)
        if (l->image[i].number) st = settle(l, &l->image[i], err);
    return st;
}

dnx_status dnx_image_list_open(const char *file, dnx_image_list *l, dnx_err *err) {
    *l = (dnx_image_list){0};
    dnx_status st = dnx_lines_open(&l->lines, file, "a list", DNX_LINES_MOST, err);
    return st ? st : parse(l, err);
}

dnx_status dnx_image_list_copy(const char *text, size_t len, const char *file, dnx_image_list *l,
                               dnx_err *err) {
    *l = (dnx_image_list){0};
    dnx_status st = dnx_lines_copy(&l->lines, text, len, file, "a list", err);
    return st ? st : parse(l, err);
}

void dnx_image_list_free(dnx_image_list *l) {
    dnx_lines_free(&l->lines);
    free(l->image);
    free(l->base);
    *l = (dnx_image_list){0};
}

char *dnx_image_list_path(const dnx_image_list *l, size_t i) {
    const char *path = l->image[i].path;
    return *path == '/' ? strdup(path) : dnx_path_join(l->base, path);
}

dnx_status dnx_listed_class(const dnx_image_list *l, size_t i, int classes, int *class_of,
                            dnx_err *err) {
    double v = l->image[i].class_of;
    if (!(v >= 0 && v < classes))
        return dnx_fail(err, DNX_EOPTION, (dnx_loc){l->lines.file, l->image[i].line},
                        "class %.0f: must be from 0 to %d", v, classes - 1);
    *class_of = (int)v;
    return DNX_OK;
}
