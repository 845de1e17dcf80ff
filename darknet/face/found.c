/* found.c - the record of the photographs that `darknet faces` has finished. */
#include "face/found.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "darknet faces 1 "
enum { NUMBERS = 15 };

dnx_status dnx_found_add(dnx_found_list *l, const char *path, const dnx_found *faces, size_t n,
                         dnx_err *err) {
    if (!dnx_grow(&l->photo, l->n, &l->capacity, sizeof *l->photo)) return dnx_no_memory(path, err);
    if (l->faces + n > l->face_capacity) {
        size_t capacity = 2 * l->face_capacity + n + 256;
        dnx_found *more = realloc(l->face, capacity * sizeof *more);
        if (!more) return dnx_no_memory(path, err);
        l->face = more;
        l->face_capacity = capacity;
    }
    char *name = strdup(path);
    if (!name) return dnx_no_memory(path, err);
    if (n) memcpy(l->face + l->faces, faces, n * sizeof *faces);
    l->photo[l->n++] = (dnx_found_photo){name, l->faces, n};
    l->faces += n;
    return DNX_OK;
}

void dnx_found_free(dnx_found_list *l) {
    for (size_t i = 0; i < l->n; i++) free(l->photo[i].path);
    free(l->photo);
    free(l->face);
    *l = (dnx_found_list){0};
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const dnx_found_photo *)a)->path, ((const dnx_found_photo *)b)->path);
}

void dnx_found_sort(dnx_found_list *l) {
    if (l->n) qsort(l->photo, l->n, sizeof *l->photo, by_path);
}

const dnx_found_photo *dnx_found_get(const dnx_found_list *l, const char *path) {
    char *name = (char *)(uintptr_t)path; /* bsearch only reads the key */
    const dnx_found_photo key = {.path = name};
    return l->n ? bsearch(&key, l->photo, l->n, sizeof *l->photo, by_path) : NULL;
}

/* Returns the line at *text and moves *text behind its newline. NULL when no newline is left. */
static const char *next_line(const char **text, const char *end) {
    const char *line = *text, *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop) return NULL;
    *text = stop + 1;
    return line;
}

static bool read_face(const char *line, const char *stop, dnx_found *f) {
    double v[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
        char *end;
        v[i] = strtod(line, &end);
        if (end == line || end > stop) return false;
        line = end;
    }
    *f = (dnx_found){v[0], v[1], v[2], v[3], v[4], {.size = (v[2] - v[0]) * (v[3] - v[1])}};
    for (int i = 0; i < DNX_POINTS; i++) {
        f->points.x[i] = v[5 + 2 * i];
        f->points.y[i] = v[6 + 2 * i];
    }
    return line + 1 == stop;
}

static dnx_status bad(const char *file, size_t line, dnx_err *err) {
    return dnx_fail(err, DNX_EPARSE, (dnx_loc){file, (int)line},
                    "is not a line of a record of `darknet faces`");
}

/* Reads one photograph and its faces. Leaves *text unchanged when the faces are not complete. */
static dnx_status read_photo(const char **text, const char *end, const char *file, size_t *number,
                             dnx_found_list *l, dnx_err *err) {
    const char *at = *text, *line = next_line(&at, end);
    char *rest, *path;
    if (!line) return DNX_OK;
    const size_t lines = ++*number, n = strtoul(line, &rest, 10);
    if (rest == line || *rest != ' ' || rest + 2 >= at || n > (size_t)(end - line))
        return bad(file, lines, err);
    dnx_found *faces = calloc(n + 1, sizeof *faces);
    path = strndup(rest + 1, (size_t)(at - rest - 2));
    dnx_status st = faces && path ? DNX_OK : dnx_no_memory(file, err);
    size_t k = 0;
    for (; !st && k < n && (line = next_line(&at, end)); k++, ++*number)
        if (!read_face(line, at, &faces[k])) st = bad(file, *number + 1, err);
    if (!st && k == n) {
        st = dnx_found_add(l, path, faces, n, err);
        *text = at;
    }
    free(faces);
    free(path);
    return st;
}

dnx_status dnx_found_parse(const char *text, size_t len, const char *file, dnx_found_list *l,
                           dnx_err *err) {
    const char *at = text, *end = text + len, *before = NULL;
    const char *line = next_line(&at, end);
    size_t number = 1;
    *l = (dnx_found_list){0};
    if (!line) return DNX_OK; /* the process was killed before it wrote a line */
    if (memchr(text, 0, len) || at - line <= (ptrdiff_t)strlen(HEAD) ||
        memcmp(line, HEAD, strlen(HEAD)))
        return bad(file, 1, err);
    snprintf(l->options, sizeof l->options, "%.*s", (int)(at - line - 1) - (int)strlen(HEAD),
             line + strlen(HEAD));
    dnx_status st = DNX_OK;
    while (!st && at != before) {
        before = at;
        st = read_photo(&at, end, file, &number, l, err);
    }
    l->bytes = (size_t)(at - text);
    return st;
}

const char *dnx_found_refuses(const char *path) {
    if (strpbrk(path, "\n\r")) return "has a line break in its name: rename it";
    if (strchr(path, '\t')) return "has a tab in its name: rename it";
    if (*path == ' ') return "begins with a space in its name: rename it";
    return *path == '#' ? "begins with # in its name: rename it" : NULL;
}

static void print_face(FILE *out, const dnx_found *f) {
    fprintf(out, "%.2f %.2f %.2f %.2f %.4f", f->x1, f->y1, f->x2, f->y2, f->score);
    for (int i = 0; i < DNX_POINTS; i++) fprintf(out, " %.3f %.3f", f->points.x[i], f->points.y[i]);
    fprintf(out, "\n");
}

void dnx_found_print(FILE *out, const char *path, const dnx_found *faces, size_t n) {
    fprintf(out, "%zu %s\n", n, path);
    for (size_t i = 0; i < n; i++) print_face(out, &faces[i]);
}

void dnx_found_print_for_align(FILE *out, const char *path, const dnx_found *faces, size_t n) {
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s\t", path);
        print_face(out, &faces[i]);
    }
}
