/* landmarks.c - reads files of landmarks. */
#include "face/landmarks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"

enum { BOX = 4, MANY = 106, MOST = BOX + 2 * MANY, FLAGGED = BOX + 3 * DNX_POINTS };
static const char between[] = " \t,";

typedef struct {
    dnx_lines lines;
    dnx_loc at;
    char *line;
    dnx_landmarks *l;
    size_t image_capacity, row_capacity, rows;
    dnx_landmark_row *row;
    const char *heading; /* text after '#' when the previous line began with '#', else NULL */
    bool is_again;       /* next_line() must return the same line again */
    bool is_listed;      /* the last heading named an image; rows of numbers follow it */
} reader;

/* Returns the character between the fields of a line. Some spreadsheets write semicolons instead of
 * commas. */
static char separator(const char *line) {
    char usual = dnx_separator(line);
    return usual == ' ' && strchr(line, ';') ? ';' : usual;
}

static bool next_line(reader *r) {
    if (r->is_again) r->is_again = false;
    else r->line = dnx_lines_next(&r->lines, "");
    r->at = dnx_lines_at(&r->lines);
    return r->line;
}

/* Returns the count of numbers in s, or -1 when a word is not a number or s has more than MOST. */
static int numbers(const char *s, double v[MOST]) {
    int n = 0;
    for (s += strspn(s, between); *s; s += strspn(s, between)) {
        char word[64];
        size_t length = strcspn(s, between);
        if (n == MOST || length >= sizeof word) return -1;
        memcpy(word, s, length);
        word[length] = 0;
        if (!dnx_decimal(word, &v[n])) return -1;
        s += length;
        n++;
    }
    return n;
}

static dnx_status add_image(reader *r, const char *path, size_t length, dnx_err *err) {
    dnx_landmarks *l = r->l;
    for (; length > 2 && path[0] == '.' && path[1] == '/'; path += 2) length -= 2;
    const char *last = l->n ? l->image[l->n - 1].path : NULL;
    if (last && strlen(last) == length && !memcmp(last, path, length)) return DNX_OK;
    if (!dnx_grow(&l->image, l->n, &r->image_capacity, sizeof *l->image))
        return dnx_no_memory(r->at.file, err);
    l->image[l->n] = (dnx_landmarked){strndup(path, length), r->rows, 0};
    if (!l->image[l->n].path) return dnx_no_memory(r->at.file, err);
    l->n++;
    return DNX_OK;
}

static dnx_status add_row(reader *r, const double *v, int n, dnx_err *err) {
    static const int of_106[] = {104, 105, 54, 84, 90};
    const bool has_flags = n == FLAGGED || n == FLAGGED + 1;
    if (has_flags && v[BOX + 2] < 0) return DNX_OK; /* a face without points */
    if (!dnx_grow(&r->row, r->rows, &r->row_capacity, sizeof *r->row))
        return dnx_no_memory(r->at.file, err);
    dnx_landmark_row *to = &r->row[r->rows++];
    *to = (dnx_landmark_row){.image = r->l->n, .line = r->at.line, .n = n};
    if (n <= DNX_ROW_MOST) memcpy(to->v, v, (size_t)n * sizeof *v);
    else {
        int box = n == MOST ? BOX : 0;
        memcpy(to->v, v, (size_t)box * sizeof *v);
        for (int i = 0; i < DNX_POINTS; i++)
            memcpy(to->v + box + 2 * i, v + box + 2 * of_106[i], 2 * sizeof *v);
    }
    r->l->image[r->l->n - 1].n++;
    return DNX_OK;
}

static dnx_status bad_line(const reader *r, int n, dnx_err *err) {
    const char *form = "must be PATH and 10 numbers x1 y1 ... x5 y5, 11 with a label before them, "
                       "14 or 15 with a box, or 106 points";
    if (n < 0) return dnx_fail(err, DNX_EPARSE, r->at, "not only numbers after the path: %s", form);
    return dnx_fail(err, DNX_EPARSE, r->at, "%d %s: %s", n,
                    dnx_plural((size_t)n, "number", "numbers"), form);
}

static dnx_status faces_without_path(reader *r, double count, dnx_err *err) {
    double v[MOST];
    for (double i = 0; i < count; i++) {
        if (!next_line(r))
            return dnx_fail(err, DNX_EPARSE, r->at, "the file ends after %.0f of %.0f faces", i,
                            count);
        int n = numbers(r->line, v);
        if (!dnx_landmark_count(n)) return bad_line(r, n, err);
        dnx_status st = add_row(r, v, n, err);
        if (st) return st;
    }
    return DNX_OK;
}

/* Reads a line of InsightFace's .lst: 0 or 1, path, label, box, all x, all y. Returns 1, or 0 for
 * another layout, or -1 after an error. */
static int lst_line(reader *r, dnx_err *err) {
    double v[MOST], known[BOX + 2 * DNX_POINTS + 3] = {0};
    const char *path = strchr(r->line, '\t');
    if (strspn(r->line, "01") != 1 || r->line[1] != '\t') return 0;
    size_t length = strcspn(++path, "\t");
    if (numbers(path + length, v) != 1 + BOX + 2 * DNX_POINTS) return 0;
    memcpy(known, v + 1, BOX * sizeof *v);
    for (int i = 0; i < DNX_POINTS; i++) {
        known[BOX + 2 * i] = v[1 + BOX + i];
        known[BOX + 2 * i + 1] = v[1 + BOX + DNX_POINTS + i];
    }
    return add_image(r, path, length, err) || add_row(r, known, DNX_ROW_LST, err) ? -1 : 1;
}

/* Reads a path and numbers, separated by commas or semicolons. Returns the count of numbers: 0 when
 * all cells after the path are empty, which means no face; -1 for another layout. */
static int csv_line(char *line, char **path, double v[MOST]) {
    char *f[MOST + 2], sign = separator(line);
    int n = sign == ',' || sign == ';' ? dnx_fields(line, sign, f, MOST + 2) : -1, filled = 0;
    if (n < 11 || n > MOST + 2) return -1;
    for (int i = 1; i < n; i++) filled += *f[i] != 0;
    if (!filled) n = 1;
    else if (!*f[n - 1]) n--; /* a comma at the end of the line adds an empty field */
    if (filled && (n < 11 || n > MOST + 1)) return -1;
    for (int i = 1; i < n; i++)
        if (!dnx_decimal(f[i], &v[i - 1])) return -1;
    *path = f[0];
    return n - 1;
}

/* Returns true when a line has column names: ten words or more, and no numbers. */
static bool is_header(const char *line) {
    double v;
    char *copy = strdup(line), *f[DNX_ROW_MOST];
    int n = copy ? dnx_fields(copy, separator(line), f, DNX_ROW_MOST) : 0;
    bool is = n >= 10;
    for (int i = 0; is && i < n && i < DNX_ROW_MOST; i++) is = !dnx_decimal(f[i], &v);
    free(copy);
    return is;
}

/* Adds the image that a heading names, `# path` or `# path width height`. */
static dnx_status take_heading(reader *r, dnx_err *err) {
    char *path = strdup(r->heading), *f[64];
    long v;
    if (!path) return dnx_no_memory(r->at.file, err);
    char *copy = strdup(path);
    int n = copy ? dnx_fields(copy, ' ', f, 64) : 0;
    size_t length = strlen(path);
    if (n > 2 && n <= 64 && dnx_whole(f[n - 1], 1, 1 << 20, &v) &&
        dnx_whole(f[n - 2], 1, 1 << 20, &v)) {
        length = (size_t)(f[n - 2] - copy);
        while (length && strchr(" \t", path[length - 1])) length--;
    }
    dnx_status st = copy ? add_image(r, path, length, err) : dnx_no_memory(r->at.file, err);
    free(copy);
    free(path);
    return st;
}

/* Reads numbers below a heading. Returns 1, or 0 for another layout, or -1 after an error. */
static int listed_line(reader *r, dnx_err *err) {
    double v[MOST];
    if (!r->heading && !r->is_listed) return 0;
    int n = numbers(r->line, v);
    if (n != BOX && n != FLAGGED && n != FLAGGED + 1) {
        r->is_listed = false;
        return 0;
    }
    if (r->heading && take_heading(r, err)) return -1;
    r->is_listed = true;
    return n > BOX && add_row(r, v, n, err) ? -1 : 1;
}

static int count(const char *text, char c) {
    int n = 0;
    for (; *text; text++) n += *text == c;
    return n;
}

static dnx_status line(reader *r, dnx_err *err) {
    double v[MOST];
    int n = lst_line(r, err);
    if (!n) n = listed_line(r, err);
    r->heading = NULL;
    if (n) return n < 0 ? DNX_EMEM : DNX_OK;
    char *copy = strdup(r->line), *path = NULL;
    if (!copy) return dnx_no_memory(r->at.file, err);
    size_t length = strcspn(r->line, strchr(r->line, '\t') ? "\t" : " ");
    n = csv_line(copy, &path, v);
    dnx_status st = path ? add_image(r, path, strlen(path), err)
                         : add_image(r, r->line, length, err);
    free(copy);
    if (st || !n) return st;
    if (!path) n = numbers(r->line + length, v);
    if (dnx_landmark_count(n)) return add_row(r, v, n, err);
    if (n) return bad_line(r, n, err);
    if (count(r->line, ';') >= 2 * DNX_POINTS)
        return dnx_fail(err, DNX_EPARSE, r->at,
                        "not only numbers between the ';': decimals need a point, not a comma");
    if (!next_line(r)) return DNX_OK;
    if (numbers(r->line, v) == 1 && v[0] >= 0 && v[0] == floor(v[0]))
        return faces_without_path(r, v[0], err);
    r->is_again = true;
    return DNX_OK;
}

/* Skips a line of column names. In CelebA's lists, also skips the line before it, which has the
 * number of images. */
static void skip_header(reader *r) {
    double v[MOST];
    if (!next_line(r)) return;
    r->is_again = true;
    if (is_header(r->line)) r->is_again = false;
    else if (numbers(r->line, v) == 1) {
        size_t at = r->lines.at, end = at;
        const char *text = r->lines.text;
        while (end < r->lines.len && text[end] != '\n') end++;
        char *next = strndup(text + at, end - at);
        if (next && is_header(next)) {
            r->is_again = false;
            dnx_lines_next(&r->lines, "");
        }
        free(next);
    }
}

/* Lines with the same path keep the order of the file. */
static int by_path(const void *a, const void *b) {
    const dnx_landmarked *p = a, *q = b;
    int order = strcmp(p->path, q->path);
    return order ? order : (p->first > q->first) - (p->first < q->first);
}

static dnx_status unite(reader *r, dnx_err *err) {
    dnx_landmarks *l = r->l;
    size_t n = 0, faces = 0;
    dnx_face *sorted = malloc((l->faces + 1) * sizeof *sorted);
    if (!sorted) return dnx_no_memory(r->at.file, err);
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

dnx_status dnx_landmarks_read(const char *file, int form, dnx_landmarks *l, dnx_err *err) {
    reader reads = {.l = l, .at = {file, 0}}, *r = &reads;
    *l = (dnx_landmarks){0};
    dnx_status st = dnx_lines_open(&r->lines, file, "a file of landmarks", DNX_LINES_MOST, err);
    if (st) return st;
    skip_header(r);
    if (r->is_again && (!strncmp(r->line, "{", 1) || !strncmp(r->line, "[{", 2)))
        st = dnx_fail(err, DNX_EPARSE, r->at, "JSON is not read; write a line for each face");
    while (!st && next_line(r)) {
        if (*r->line == '#') r->heading = r->line + 1 + strspn(r->line + 1, " \t#");
        else st = line(r, err);
    }
    r->at.line = 0;
    if (!st && !l->n) st = dnx_fail(err, DNX_EPARSE, r->at, "no landmarks");
    l->face = malloc((r->rows + 1) * sizeof *l->face);
    if (!st && !l->face) st = dnx_no_memory(r->at.file, err);
    if (!st) st = dnx_landmark_faces(r->row, r->rows, form, r->lines.file, l->face, err);
    if (!st) {
        l->faces = r->rows;
        st = unite(r, err);
    }
    free(r->row);
    dnx_lines_free(&r->lines);
    return st;
}

void dnx_landmarks_free(dnx_landmarks *l) {
    for (size_t i = 0; i < l->n; i++) free(l->image[i].path);
    free(l->image);
    free(l->face);
    *l = (dnx_landmarks){0};
}
