/* pairs.c - reads lists of pairs in several formats. */
#include "face/pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/paths.h"

enum { FIELDS = 16, MOST_FOLDS = 10000, MOST_NUMBER = 10000000, USUAL_FOLDS = 10 };

typedef enum { NONE, LFW, TWO, TWO_FOLD, AFTER, HALF, TABLE } kind;
typedef enum { SKIP, IMAGE, SAME, FOLD, NUMBER } role;

typedef struct {
    dnx_lines lines;
    dnx_pairs *p;
    size_t capacity;
    kind is;             /* the layout of all lines; NONE before it is known */
    role column[FIELDS]; /* what each column of a table contains */
    int columns;
    long folds, each; /* FOLDS and PAIRS of the first line, or 0 */
    char *half;       /* the first image of a pair, until the line of the second is read */
    long half_same;
    bool has_folds;
    bool is_vague; /* all lines so far fit both `NAME i j` and `IMAGE IMAGE 0|1` */
} reader;

static const char form[] = "must be `NAME i j` or `NAME i OTHER j`, `IMAGE IMAGE 0|1`, or "
                           "`IMAGE 0|1` twice";

/* Appends a pair. The list owns both names afterwards; on failure they are freed. */
static dnx_status add(reader *r, char *a, char *b, bool same, long fold, dnx_err *err) {
    dnx_pairs *p = r->p;
    if (!a || !b || !dnx_grow(&p->pair, p->n, &r->capacity, sizeof *p->pair)) {
        free(a);
        free(b);
        return dnx_no_memory(r->lines.file, err);
    }
    p->pair[p->n++] = (dnx_face_pair){{a, b}, same, (int)fold};
    return DNX_OK;
}

static char *lfw_name(const char *name, long i) {
    size_t size = 2 * strlen(name) + 40;
    char *s = malloc(size);
    if (s) snprintf(s, size, "%s/%s_%04ld", name, name, i);
    return s;
}

/* ---- one line ---- */

static bool is_number(const char *s, long *v) { return dnx_whole(s, 0, MOST_NUMBER, v); }

static bool is_same(const char *s, long *v) {
    *v = !strcmp(s, "1") || !strcasecmp(s, "true");
    return *v || !strcmp(s, "0") || !strcmp(s, "-1") || !strcasecmp(s, "false");
}

static kind kind_of(char **f, int n) {
    long v, w;
    if (n == 2 && dnx_whole(f[1], -1, MOST_NUMBER, &v)) return HALF;
    if (n == 3 && is_number(f[1], &v) && is_number(f[2], &w)) return LFW;
    if (n == 4 && is_number(f[1], &v) && is_number(f[3], &w)) return LFW;
    if (n == 3 && is_same(f[2], &v)) return TWO;
    if (n == 4 && is_same(f[2], &v) && dnx_whole(f[3], 0, MOST_FOLDS, &w)) return TWO_FOLD;
    if (n == 3 && is_same(f[0], &v)) return AFTER;
    return NONE;
}

static dnx_status take_lfw(reader *r, char **f, int n, dnx_err *err) {
    long i = 0, j = 0, v;
    const char *other = n == 3 ? f[0] : f[2];
    is_number(f[1], &i);
    is_number(f[n - 1], &j);
    r->is_vague = r->is_vague && n == 3 && is_number(f[0], &v) && is_same(f[2], &v);
    return add(r, lfw_name(f[0], i), lfw_name(other, j), n == 3, -1, err);
}

static dnx_status take_half(reader *r, char **f, dnx_err *err) {
    long v = 0;
    dnx_whole(f[1], -1, MOST_NUMBER, &v);
    if (!r->half) {
        r->half = strdup(f[0]);
        r->half_same = v;
        return r->half ? DNX_OK : dnx_no_memory(r->lines.file, err);
    }
    if ((v > 0) != (r->half_same > 0))
        return dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines),
                        "%ld, but the first image of this pair has %ld", v, r->half_same);
    char *first = r->half;
    r->half = NULL;
    return add(r, first, strdup(f[0]), v > 0, -1, err);
}

static dnx_status take_table(reader *r, char **f, int n, dnx_err *err) {
    dnx_loc at = dnx_lines_at(&r->lines);
    char *image[2] = {NULL, NULL};
    long same = 0, fold = -1;
    int images = 0;
    for (int i = 0; i < r->columns; i++) {
        char *s = i < n ? f[i] : "";
        if (r->column[i] != SKIP && !*s)
            return dnx_fail(err, DNX_EPARSE, at, "column %d is empty", i + 1);
        if (r->column[i] == IMAGE) image[images++] = s;
        if (r->column[i] == SAME && !is_same(s, &same))
            return dnx_fail(err, DNX_EPARSE, at, "'%.60s': must be 0 or 1", s);
        if (r->column[i] == FOLD && !dnx_whole(s, 0, MOST_FOLDS, &fold))
            return dnx_fail(err, DNX_EPARSE, at, "'%.60s': must be the number of a fold", s);
    }
    if (n > r->columns)
        return dnx_fail(err, DNX_EPARSE, at, "%d fields in a table of %d columns", n, r->columns);
    return add(r, strdup(image[0]), strdup(image[1]), same, fold, err);
}

static dnx_status take(reader *r, char **f, int n, dnx_err *err) {
    long v = 0, fold = -1;
    if (r->is == TABLE) return take_table(r, f, n, err);
    while (n && !*f[n - 1]) n--; /* drops empty fields at the end, which spreadsheets add */
    kind is = kind_of(f, n);
    for (int i = 0; i < n; i++)
        if (!*f[i]) is = NONE;
    if (is == NONE) return dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines), "%s", form);
    if (r->is && is != r->is)
        return dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines),
                        "another form than the lines before");
    r->is = is;
    switch (is) {
    case LFW: return take_lfw(r, f, n, err);
    case HALF: return take_half(r, f, err);
    case AFTER: is_same(f[0], &v); return add(r, strdup(f[1]), strdup(f[2]), v, -1, err);
    default:
        is_same(f[2], &v);
        if (is == TWO_FOLD) dnx_whole(f[3], 0, MOST_FOLDS, &fold);
        r->has_folds = is == TWO_FOLD;
        return add(r, strdup(f[0]), strdup(f[1]), v, fold, err);
    }
}

/* ---- the first line ---- */

static bool is_one_of(const char *s, const char *const *words) {
    while (*words && strcasecmp(s, *words)) words++;
    return *words;
}

static role role_of(const char *s) {
    static const char *const same[] = {"same",  "is_same", "issame", "actual_issame", "label",
                                       "match", "target",  "class",  "result",        NULL};
    static const char *const fold[] = {"fold", "split", NULL};
    static const char *const skip[] = {"", "id", "pair_id", "pair", "index", "unnamed: 0", NULL};
    if (is_one_of(s, same)) return SAME;
    if (is_one_of(s, fold)) return FOLD;
    if (is_one_of(s, skip)) return SKIP;
    return !strncasecmp(s, "imagenum", 8) || !strncasecmp(s, "image_num", 9) ? NUMBER : IMAGE;
}

/* Reads column names of a table, or of LFW's list from Kaggle. Returns false for another line. */
static bool take_header(reader *r, char **f, int n, dnx_status *st, dnx_err *err) {
    int count[NUMBER + 1] = {0};
    long v;
    for (int i = 0; i < n; i++)
        if (dnx_whole(f[i], -1, MOST_NUMBER, &v) || is_same(f[i], &v) || strpbrk(f[i], "/.\\"))
            return false;
    for (int i = 0; i < n; i++) count[r->column[i] = role_of(f[i])]++;
    if (count[NUMBER] && count[NUMBER] <= 2 && count[IMAGE]) return true;
    if (!count[SAME] && !count[FOLD] && !count[SKIP]) return false;
    if (count[IMAGE] != 2 || count[SAME] != 1 || count[FOLD] > 1 || count[NUMBER])
        *st = dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines),
                       "names %d columns of images and %d that tell whether they are the same "
                       "person: must be 2 and 1",
                       count[IMAGE], count[SAME]);
    r->columns = n;
    r->is = TABLE;
    r->has_folds = count[FOLD];
    return true;
}

static bool take_first(reader *r, char **f, int n, dnx_status *st, dnx_err *err) {
    long v[2] = {0, 0};
    while (n && !*f[n - 1]) n--;
    for (int i = 0; i < n && i < 2; i++)
        if (!dnx_whole(f[i], -MOST_NUMBER, MOST_NUMBER, &v[i]))
            return take_header(r, f, n, st, err);
    if (n > 2) return false;
    r->folds = n == 2 ? v[0] : 1;
    r->each = n == 2 ? v[1] : v[0];
    if (r->folds < 1 || r->folds > MOST_FOLDS || r->each < 1)
        *st = dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines),
                       "must be `folds pairs`, as in LFW's pairs.txt");
    return true;
}

/* ---- folds ---- */

static int by_fold(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* Renumbers the folds of the list as 0, 1, 2, ... */
static dnx_status count_folds(reader *r, dnx_err *err) {
    dnx_pairs *p = r->p;
    int *seen = malloc((p->n + 1) * sizeof *seen), k = 0;
    if (!seen) return dnx_no_memory(r->lines.file, err);
    for (size_t i = 0; i < p->n; i++) seen[i] = p->pair[i].fold;
    qsort(seen, p->n, sizeof *seen, by_fold);
    for (size_t i = 0; i < p->n; i++)
        if (!k || seen[k - 1] != seen[i]) seen[k++] = seen[i];
    for (size_t i = 0; i < p->n; i++) {
        int *at = bsearch(&p->pair[i].fold, seen, (size_t)k, sizeof *seen, by_fold);
        p->pair[i].fold = (int)(at - seen);
    }
    p->folds = k;
    free(seen);
    return DNX_OK;
}

static dnx_status set_folds(reader *r, dnx_err *err) {
    dnx_pairs *p = r->p;
    dnx_loc at = {r->lines.file, 0};
    size_t count[2] = {0, 0}, seen[2] = {0, 0};
    for (size_t i = 0; i < p->n; i++) count[p->pair[i].same]++;
    const size_t promised = (size_t)(r->folds * r->each);
    if (r->each && (count[0] != promised || count[1] != promised))
        return dnx_fail(err, DNX_EPARSE, at,
                        "%zu pairs of one person and %zu of two, but the first line promises %ld "
                        "folds of %ld and %ld",
                        count[1], count[0], r->folds, r->each, r->each);
    if (!p->n) return dnx_fail(err, DNX_EPARSE, at, "no pairs");
    if (!count[0] || !count[1])
        return dnx_fail(err, DNX_EPARSE, at, "no pair of %s",
                        count[0] ? "one person" : "two persons");
    if (r->has_folds) return count_folds(r, err);
    size_t least = count[0] < count[1] ? count[0] : count[1];
    p->folds = r->each ? (int)r->folds : least < USUAL_FOLDS ? (int)least : USUAL_FOLDS;
    for (size_t i = 0; i < p->n; i++) {
        bool same = p->pair[i].same;
        p->pair[i].fold = (int)(seen[same]++ * (size_t)p->folds / count[same]);
    }
    return DNX_OK;
}

static void set_checksum(dnx_pairs *p) {
    for (size_t i = 0; i < p->n; i++) {
        const dnx_face_pair *m = &p->pair[i];
        const int rest[] = {m->same, m->fold};
        for (int k = 0; k < 2; k++)
            p->checksum = dnx_hash(p->checksum, m->name[k], strlen(m->name[k]) + 1);
        p->checksum = dnx_hash(p->checksum, rest, sizeof rest);
    }
}

dnx_status dnx_pairs_open(const char *file, dnx_pairs *p, dnx_err *err) {
    reader reads = {.p = p}, *r = &reads;
    *p = (dnx_pairs){0};
    dnx_status st = dnx_lines_open(&r->lines, file, "a list of pairs", DNX_LINES_MOST, err);
    if (st) return st;
    bool is_first = true;
    r->is_vague = true;
    for (char *line, *f[FIELDS]; !st && (line = dnx_lines_next(&r->lines, "")); is_first = false) {
        int n = dnx_fields(line, dnx_separator(line), f, FIELDS);
        if (n < 0 || n > FIELDS)
            st = dnx_fail(err, DNX_EPARSE, dnx_lines_at(&r->lines), "%s",
                          n < 0 ? "a quote that does not end with its field" : form);
        else if (!is_first || !take_first(r, f, n, &st, err)) st = take(r, f, n, err);
    }
    dnx_loc at = {r->lines.file, 0};
    if (!st && r->half) st = dnx_fail(err, DNX_EPARSE, at, "the last pair has one image");
    if (!st && r->p->n && r->is == LFW && r->is_vague && !r->each)
        st = dnx_fail(
            err, DNX_EPARSE, at,
            "could be `NAME i j` or `IMAGE IMAGE 0|1`; put `image1,image2,same` in front");
    if (!st) st = set_folds(r, err);
    if (!st) set_checksum(r->p);
    free(r->half);
    dnx_lines_free(&r->lines);
    return st;
}

dnx_status dnx_pairs_of_set(const dnx_binset *s, const char *file, dnx_pairs *p, dnx_err *err) {
    reader r = {.lines = {.file = file}, .p = p};
    *p = (dnx_pairs){0};
    size_t n = s->n / 2;
    dnx_status st = DNX_OK;
    p->folds = n < USUAL_FOLDS ? (int)n : USUAL_FOLDS;
    size_t each = n / (size_t)p->folds, longer = n % (size_t)p->folds;
    for (size_t i = 0; !st && i < n; i++) {
        char name[2][32];
        size_t long_ones = longer * (each + 1);
        size_t fold = i < long_ones ? i / (each + 1) : longer + (i - long_ones) / each;
        for (size_t k = 0; k < 2; k++) snprintf(name[k], sizeof name[k], "%06zu", 2 * i + k);
        st = add(&r, strdup(name[0]), strdup(name[1]), s->same[i], (long)fold, err);
    }
    if (!st) set_checksum(p);
    for (size_t i = 0; !st && i < s->n; i++)
        p->checksum = dnx_hash(p->checksum, s->image[i].bytes, s->image[i].n);
    return st;
}

void dnx_pairs_free(dnx_pairs *p) {
    for (size_t i = 0; i < p->n; i++)
        for (int k = 0; k < 2; k++) free(p->pair[i].name[k]);
    free(p->pair);
    *p = (dnx_pairs){0};
}

static bool is_file(const char *path) {
    struct stat s;
    return !stat(path, &s) && !S_ISDIR(s.st_mode);
}

bool dnx_pairs_find(const char *faces, const char *name, char **path) {
    static const char *const suffix[] = {"",     ".jpg", ".jpeg", ".png", ".bmp", ".ppm",
                                         ".pgm", ".JPG", ".JPEG", ".PNG", ".BMP"};
    const char *slash = strrchr(name, '/');
    const char *const part[] = {name, slash ? slash + 1 : NULL};
    *path = NULL;
    for (size_t k = 0; k < 2 && part[k]; k++)
        for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
            char *full = malloc(strlen(faces) + strlen(part[k]) + 8);
            if (!full) return false;
            sprintf(full, "%s%s%s%s", *part[k] == '/' ? "" : faces,
                    *part[k] == '/' || !*faces ? "" : "/", part[k], suffix[i]);
            if (is_file(full)) {
                *path = full;
                return true;
            }
            free(full);
        }
    return true;
}
