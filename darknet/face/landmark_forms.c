/* landmark_forms.c - the orders of numbers in landmark files of different detectors. */
#include "face/landmark_forms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/option.h"

/* No box, or a box before the points, given as x y x2 y2 (CORNERS) or as x y w h (SIZES). */
typedef enum { NO, CORNERS, SIZES } box;
enum { KNOWN = -1 };

typedef struct {
    int name; /* index in DNX_LANDMARK_FORMS; KNOWN: recognised by n alone */
    int n;    /* how many numbers a row of this form has */
    box box;
    /* at: index of the first point's x. step: how many numbers lie from one x to the next x; 0 when
     * the form has five x and then five y. */
    int at, step;
    int score; /* index of the score; -1 when the form has none */
} form;

// clang-format off
static const form forms[] = {
    {0, 10, NO, 0, 2, -1},       {1, 10, NO, 0, 0, -1},       {2, 11, NO, 1, 2, -1},
    {3, 11, NO, 0, 2, 10},       {4, 14, CORNERS, 4, 2, -1},  {4, 15, CORNERS, 5, 2, 4},
    {5, 14, CORNERS, 4, 0, -1},  {5, 15, CORNERS, 5, 0, 4},   {6, 15, CORNERS, 4, 2, 14},
    {7, 14, SIZES, 4, 2, -1},    {7, 15, SIZES, 5, 2, 4},     {8, 15, SIZES, 4, 2, 14},
    {9, 19, SIZES, 4, 3, -1},    {9, 20, SIZES, 4, 3, 19},    {10, 19, CORNERS, 4, 3, -1},
    {10, 20, CORNERS, 4, 3, 19},
    {KNOWN, DNX_ROW_LST, CORNERS, 4, 2, -1}, {KNOWN, DNX_ROW_106_BOX, CORNERS, 4, 2, -1},
    {KNOWN, DNX_ROW_106, NO, 0, 2, -1}};
// clang-format on
enum { COUNT = sizeof forms / sizeof *forms };

/* The largest rms of dnx_similarity() for a face, in pixels of a crop of 112 x 112. A face in full
 * profile has an rms of about 15; points in a wrong order have 23 and more. */
#define WORST_RMS 19.
#define FAR_WORSE 1.5 /* a form is wrong when its rms is above 1.5 times the best rms + 1 pixel */
/* A form is a candidate when it fits at least 90 % as many rows as the form that fits most rows. */
#define ALMOST .9

static double spread(const double *v) {
    double lo = v[0], hi = v[0];
    for (int i = 1; i < DNX_POINTS; i++) {
        lo = fmin(lo, v[i]);
        hi = fmax(hi, v[i]);
    }
    return hi - lo;
}

/* Stores the box of a row as x, y, w, h. */
static void box_of(const form *f, const double *v, double b[4]) {
    memcpy(b, v, 4 * sizeof *b);
    if (f->box == CORNERS) {
        b[2] -= b[0];
        b[3] -= b[1];
    }
}

static dnx_face face_of(const form *f, const double *v) {
    dnx_face face;
    double b[4];
    for (int i = 0; i < DNX_POINTS; i++) {
        face.x[i] = v[f->at + (f->step ? f->step * i : i)];
        face.y[i] = v[f->at + (f->step ? f->step * i + 1 : DNX_POINTS + i)];
    }
    box_of(f, v, b);
    face.size = f->box == NO ? spread(face.x) * spread(face.y) : fabs(b[2] * b[3]);
    return face;
}

/* Returns true when the numbers v look like a face in form f. *rms: the rms of dnx_similarity(). */
static bool fits(const form *f, const double *v, double *rms) {
    const dnx_face face = face_of(f, v);
    dnx_face usual;
    double m[6], b[4], x = 0, y = 0;
    dnx_face_template(112, &usual);
    if (f->score >= 0 && !(v[f->score] >= -1 && v[f->score] <= 1)) return false;
    if (!dnx_similarity(&face, &usual, m, rms) || *rms > WORST_RMS) return false;
    if (f->box == NO) return true;
    box_of(f, v, b);
    for (int i = 0; i < DNX_POINTS; i++) {
        bool inside = face.x[i] > b[0] - b[2] / 4 && face.x[i] < b[0] + b[2] * 5 / 4 &&
                      face.y[i] > b[1] - b[3] / 4 && face.y[i] < b[1] + b[3] * 5 / 4;
        if (!inside) return false;
        x += face.x[i] / DNX_POINTS;
        y += face.y[i] / DNX_POINTS;
    }
    return fabs(x - b[0] - b[2] / 2) < .3 * b[2] && fabs(y - b[1] - b[3] / 2) < .3 * b[3];
}

typedef struct {
    const dnx_landmark_row *rows;
    size_t n;
    int count;         /* only rows with this count of numbers are considered */
    size_t of[COUNT];  /* for each form: the number of rows that fit the form */
    double rms[COUNT]; /* for each form: the mean rms of the rows that fit */
} choice;

static bool is_candidate(const form *f, int count, int given) {
    return f->n == count && (given < 0 || f->name < 0 || f->name == given);
}

static bool same_points(const form *a, const form *b) {
    return a->at == b->at && a->step == b->step;
}

/* Returns true when both forms find the same largest face in each image. */
static bool same_largest(const choice *c, const form *a, const form *b) {
    for (size_t i = 0; i < c->n;) {
        const size_t image = c->rows[i].image;
        size_t most[2] = {c->n, c->n};
        double size[2] = {-1, -1};
        for (; i < c->n && c->rows[i].image == image; i++) {
            if (c->rows[i].n != c->count) continue;
            double s[] = {face_of(a, c->rows[i].v).size, face_of(b, c->rows[i].v).size};
            for (int k = 0; k < 2; k++)
                if (s[k] > size[k]) size[k] = s[k], most[k] = i;
        }
        if (most[0] != most[1]) return false;
    }
    return true;
}

static void name_of(int name, char out[32]) {
    int length;
    const char *word = dnx_option_word(DNX_LANDMARK_FORMS, name, &length);
    snprintf(out, 32, "%.*s", length, word);
}

static void count_fits(choice *c, int given) {
    for (int k = 0; k < COUNT; k++) {
        if (!is_candidate(&forms[k], c->count, given)) continue;
        for (size_t i = 0; i < c->n; i++) {
            double rms;
            if (c->rows[i].n != c->count || !fits(&forms[k], c->rows[i].v, &rms)) continue;
            c->of[k]++;
            c->rms[k] += rms;
        }
        if (c->of[k]) c->rms[k] /= (double)c->of[k];
    }
}

/* Among the forms that fit almost as many rows as the best form (ALMOST), returns the form with the
 * smallest rms. Returns -1 when no form fits any row. */
static int best_of(const choice *c) {
    int best = -1;
    size_t most = 0;
    for (int k = 0; k < COUNT; k++) most = c->of[k] > most ? c->of[k] : most;
    for (int k = 0; k < COUNT; k++)
        if (c->of[k] && (double)c->of[k] >= ALMOST * (double)most &&
            (best < 0 || c->rms[k] < c->rms[best]))
            best = k;
    return best;
}

/* Chooses one form for all rows that have as many numbers as the row `first`. */
static dnx_status choose(choice *c, const dnx_landmark_row *first, int given, const char *file,
                         const form **out, dnx_err *err) {
    const dnx_loc at = {file, first->line};
    char name[2][32] = {"", ""};
    int only = -1, candidates = 0;
    size_t rows = 0;
    for (int k = 0; k < COUNT; k++)
        if (is_candidate(&forms[k], c->count, given)) only = k, candidates++;
    if (!candidates) {
        name_of(given, name[0]);
        return dnx_fail(err, DNX_EPARSE, at, "%d %s: not the form %s", c->count,
                        dnx_plural((size_t)c->count, "number", "numbers"), name[0]);
    }
    *out = &forms[only];
    if (candidates == 1 && (given >= 0 || forms[only].name == KNOWN)) return DNX_OK;
    for (size_t i = 0; i < c->n; i++) rows += c->rows[i].n == c->count;
    count_fits(c, given);
    int best = best_of(c);
    if (best < 0 || 2 * c->of[best] < rows)
        return dnx_fail(err, DNX_EPARSE, at,
                        "%d numbers: in no known order do they make a face of eyes, nose and "
                        "mouth; -form names the order",
                        c->count);
    *out = &forms[best];
    for (int k = 0; k < COUNT; k++) {
        const form *rival = &forms[k];
        if (k == best || !c->of[k] || (double)c->of[k] < ALMOST * (double)c->of[best]) continue;
        if (same_points(rival, *out) ? same_largest(c, rival, *out)
                                     : c->rms[k] > FAR_WORSE * c->rms[best] + 1)
            continue;
        name_of((*out)->name, name[0]);
        name_of(rival->name, name[1]);
        return dnx_fail(err, DNX_EPARSE, at,
                        "%d numbers: could be the form %s or %s; choose by -form", c->count,
                        name[0], name[1]);
    }
    return DNX_OK;
}

bool dnx_landmark_count(int n) {
    for (int k = 0; k < COUNT; k++)
        if (forms[k].n == n && n != DNX_ROW_LST) return true;
    return false;
}

dnx_status dnx_landmark_faces(const dnx_landmark_row *rows, size_t n, int given, const char *file,
                              dnx_face *faces, dnx_err *err) {
    const form *of[DNX_ROW_106_BOX + 1] = {NULL};
    for (size_t i = 0; i < n; i++) {
        const form **f = &of[rows[i].n];
        if (!*f) {
            choice c = {.rows = rows, .n = n, .count = rows[i].n};
            dnx_status st = choose(&c, &rows[i], given, file, f, err);
            if (st) return st;
        }
        faces[i] = face_of(*f, rows[i].v);
    }
    return DNX_OK;
}
