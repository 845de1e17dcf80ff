#include "face/landmarks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { BOX = 4, MANY = 106, MOST = BOX + 2 * MANY, LST = 16 };
static const char *const between = " \t\r\n,";

typedef struct {
    FILE *f;
    dnx_loc at;
    char *line;
    size_t room;
    dnx_landmarks *l;
    size_t image_room, face_room;
    bool is_again; /* the line is still to be read */
} reader;

static void *grown(void *list, size_t n, size_t *room, size_t size) {
    if (n < *room) return list;
    size_t more = *room ? 2 * *room : 1024;
    void *p = realloc(list, more * size);
    if (p) *room = more;
    return p;
}

static dnx_status no_memory(const reader *r, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, r->at, "no memory for the landmarks");
}

/* The next line that counts, white space off its ends. */
static bool next_line(reader *r) {
    ssize_t n;
    if (r->is_again) {
        r->is_again = false;
        return true;
    }
    while ((n = getline(&r->line, &r->room, r->f)) >= 0) {
        r->at.line++;
        while (n > 0 && strchr(" \t\r\n", r->line[n - 1])) r->line[--n] = 0;
        size_t lead = strspn(r->line, " \t");
        memmove(r->line, r->line + lead, (size_t)n + 1 - lead);
        if (*r->line && *r->line != '#') return true;
    }
    return false;
}

/* Numbers of the text into v; -1: more than MOST, or a word that is none. */
static int numbers(const char *s, double v[MOST]) {
    int n = 0;
    for (s += strspn(s, between); *s; s += strspn(s, between)) {
        char *end;
        size_t length = strcspn(s, between);
        if (n == MOST) return -1;
        v[n] = strtod(s, &end);
        if (end != s + length || !isfinite(v[n])) return -1;
        s = end;
        n++;
    }
    return n;
}

static double spread(const double *v) {
    double lo = v[0], hi = v[0];
    for (int i = 1; i < DNX_POINTS; i++) {
        lo = fmin(lo, v[i]);
        hi = fmax(hi, v[i]);
    }
    return hi - lo;
}

/* Of v[step * i + from]; the box in front of the points, or NULL. */
static dnx_face points(const double *v, const int from[DNX_POINTS], bool x_first,
                       const double *box) {
    dnx_face f;
    for (int i = 0; i < DNX_POINTS; i++) {
        f.x[i] = x_first ? v[from[i]] : v[2 * from[i]];
        f.y[i] = x_first ? v[DNX_POINTS + from[i]] : v[2 * from[i] + 1];
    }
    f.size = box ? fabs((box[2] - box[0]) * (box[3] - box[1])) : spread(f.x) * spread(f.y);
    return f;
}

/* n numbers after a path. false: no such form. */
static bool face(const double *v, int n, dnx_face *f) {
    static const int five[] = {0, 1, 2, 3, 4}, of_106[] = {104, 105, 54, 84, 90};
    if (n == 10) *f = points(v, five, false, NULL);
    else if (n == 11) *f = points(v + 1, five, false, NULL);
    else if (n == BOX + 10) *f = points(v + BOX, five, false, v);
    else if (n == BOX + 11) *f = points(v + BOX + 1, five, false, v);
    else if (n == 2 * MANY) *f = points(v, of_106, false, NULL);
    else if (n == MOST) *f = points(v + BOX, of_106, false, v);
    else return false;
    return true;
}

static dnx_status add_image(reader *r, const char *path, size_t length, dnx_err *err) {
    dnx_landmarks *l = r->l;
    for (; length > 2 && path[0] == '.' && path[1] == '/'; path += 2) length -= 2;
    dnx_landmarked *images = grown(l->image, l->n, &r->image_room, sizeof *images);
    if (!images) return no_memory(r, err);
    l->image = images;
    images[l->n] = (dnx_landmarked){strndup(path, length), l->faces, 0};
    if (!images[l->n].path) return no_memory(r, err);
    l->n++;
    return DNX_OK;
}

/* A face of the image added last. */
static dnx_status add_face(reader *r, const dnx_face *f, dnx_err *err) {
    dnx_landmarks *l = r->l;
    dnx_face *faces = grown(l->face, l->faces, &r->face_room, sizeof *faces);
    if (!faces) return no_memory(r, err);
    l->face = faces;
    faces[l->faces++] = *f;
    l->image[l->n - 1].n++;
    return DNX_OK;
}

static dnx_status bad_line(const reader *r, int n, dnx_err *err) {
    const char *form = "must be PATH and 10 numbers x1 y1 ... x5 y5, 11 with a label before them, "
                       "14 or 15 with a box, or 106 points";
    if (n < 0)
        return dnx_fail(err, DNX_EPARSE, r->at, "not only numbers after the path: %s", form);
    return dnx_fail(err, DNX_EPARSE, r->at, "%d numbers: %s", n, form);
}

/* Faces without a path, after a line that says how many. */
static dnx_status block(reader *r, double count, dnx_err *err) {
    double v[MOST];
    dnx_face f;
    for (double i = 0; i < count; i++) {
        if (!next_line(r))
            return dnx_fail(err, DNX_EPARSE, r->at, "the file ends after %.0f of %.0f faces", i,
                            count);
        int n = numbers(r->line, v);
        if (!face(v, n, &f)) return bad_line(r, n, err);
        dnx_status st = add_face(r, &f, err);
        if (st) return st;
    }
    return DNX_OK;
}

/* InsightFace's .lst: aligned, path, label, box, all x, all y. 1: it was one and is added. */
static int lst_line(reader *r, dnx_err *err) {
    static const int five[] = {0, 1, 2, 3, 4};
    double v[MOST];
    const char *path = strchr(r->line, '\t');
    if (strspn(r->line, "01") != 1 || r->line[1] != '\t') return 0;
    size_t length = strcspn(++path, "\t");
    if (numbers(path + length, v) != LST - 1) return 0;
    dnx_face f = points(v + 1 + BOX, five, true, v + 1);
    return add_image(r, path, length, err) || add_face(r, &f, err) ? -1 : 1;
}

static dnx_status line(reader *r, dnx_err *err) {
    double v[MOST];
    dnx_face f;
    int n = lst_line(r, err);
    if (n) return n < 0 ? DNX_EMEM : DNX_OK;
    size_t length = strcspn(r->line, strchr(r->line, '\t') ? "\t" : " ");
    dnx_status st = add_image(r, r->line, length, err);
    if (st) return st;
    n = numbers(r->line + length, v);
    if (face(v, n, &f)) return add_face(r, &f, err);
    if (n) return bad_line(r, n, err);
    if (!next_line(r)) return DNX_OK;
    if (numbers(r->line, v) == 1 && v[0] >= 0 && v[0] == floor(v[0])) return block(r, v[0], err);
    r->is_again = true;
    return DNX_OK;
}

/* ---- images in order, each once ---- */

/* Faces lie in the order of the file: the sort need not be stable beyond `first`. */
static int by_path(const void *a, const void *b) {
    const dnx_landmarked *p = a, *q = b;
    int order = strcmp(p->path, q->path);
    return order ? order : (p->first > q->first) - (p->first < q->first);
}

static dnx_status unite(reader *r, dnx_err *err) {
    dnx_landmarks *l = r->l;
    size_t n = 0, faces = 0;
    dnx_face *sorted = malloc((l->faces + 1) * sizeof *sorted);
    if (!sorted) return no_memory(r, err);
    qsort(l->image, l->n, sizeof *l->image, by_path);
    for (size_t i = 0; i < l->n; i++) {
        dnx_landmarked m = l->image[i];
        if (m.n) memcpy(sorted + faces, l->face + m.first, m.n * sizeof *sorted);
        if (n && !strcmp(l->image[n - 1].path, m.path)) {
            l->image[n - 1].n += m.n;
            free(m.path);
        } else l->image[n++] = (dnx_landmarked){m.path, faces, m.n};
        faces += m.n;
    }
    l->n = n;
    free(l->face);
    l->face = sorted;
    return DNX_OK;
}

dnx_status dnx_landmarks_read(const char *file, dnx_landmarks *l, dnx_err *err) {
    reader r = {.f = dnx_file_stream(file), .at = {file, 0}, .l = l};
    dnx_status st = DNX_OK;
    *l = (dnx_landmarks){0};
    if (!r.f) return dnx_fail(err, DNX_EIO, r.at, "cannot open: %s", strerror(errno));
    while (!st && next_line(&r)) st = line(&r, err);
    r.at.line = 0;
    if (!st && ferror(r.f))
        st = dnx_fail(err, DNX_EIO, r.at, "cannot read: %s", strerror(errno));
    if (!st && !l->n) st = dnx_fail(err, DNX_EPARSE, r.at, "no landmarks");
    if (!st) st = unite(&r, err);
    free(r.line);
    fclose(r.f);
    return st;
}

void dnx_landmarks_free(dnx_landmarks *l) {
    for (size_t i = 0; i < l->n; i++) free(l->image[i].path);
    free(l->image);
    free(l->face);
    *l = (dnx_landmarks){0};
}
