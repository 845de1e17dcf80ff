/* all_pairs.c - computes the scores of all pairs of faces, tile by tile, and counts them. */
#include "face/all_pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { ROWS = 84, COLUMNS = 2048, BUCKETS = 1 << 16 }; /* ROWS x COLUMNS products fit the cache */

typedef struct scan scan;

/* Receives the scores of face i with the faces j, lo <= j < hi: y[j - s->first] is the score with
 * face j. t: the thread's number. */
typedef void take_fn(scan *s, int t, int i, const float *y, int lo, int hi);

struct scan {
    const dnx_face_rows *f;
    int *start; /* faces start[i]..end[i]-1 are of the same person as face i, and include i */
    int *end;
    float *packed, *products; /* packed: columns of a tile; products: threads x ROWS x COLUMNS */
    take_fn *take;
    bool is_genuine; /* a face is compared only with faces of the same person */
    /* A tile: columns first..first + count - 1, rows row..last_row - 1. */
    int first, count, row, last_row;

    uint64_t *counts; /* threads x BUCKETS: numbers of keys (key_of) by 16 of their bits */
    uint32_t bucket;  /* upper 16 bits of the keys that the second pass counts */
    uint32_t *next;   /* for each thread: the smallest key whose upper 16 bits are above bucket */
    double threshold;
    uint64_t *hits; /* for each thread: pairs that count_matches() or count_first() counted */
    float *best;    /* for each face: the highest score with a face of another person */
};

static void scan_rows(void *arg, int t, long block) {
    scan *s = arg;
    const dnx_face_rows *f = s->f;
    const size_t dim = (size_t)f->dim;
    const int from = s->row + (int)block * ROWS;
    const int rows = s->last_row - from < ROWS ? s->last_row - from : ROWS;
    float *y = s->products + (size_t)t * ROWS * COLUMNS;
    dnx_kernels()->mm(f->rows + (size_t)from * dim, dim, rows, f->dim, s->packed, s->count,
                      &(dnx_epilogue){.y = y, .ldy = COLUMNS});
    for (int i = from; i < from + rows; i++, y += COLUMNS) {
        int lo = s->first, hi = s->first + s->count;
        if (s->is_genuine && s->start[i] > lo) lo = s->start[i];
        if (s->is_genuine && s->end[i] < hi) hi = s->end[i];
        if (lo < hi) s->take(s, t, i, y, lo, hi);
    }
}

/* Passes the scores of each face with the faces from..to-1 to take(). */
static void run(scan *s, take_fn *take, bool is_genuine, int from, int to) {
    const dnx_face_rows *f = s->f;
    const size_t dim = (size_t)f->dim;
    s->take = take;
    s->is_genuine = is_genuine;
    for (s->first = from; s->first < to; s->first += s->count) {
        s->count = to - s->first < COLUMNS ? to - s->first : COLUMNS;
        dnx_kernels()->pack(f->rows + (size_t)s->first * dim, 1, dim, f->dim, s->count, s->packed);
        s->row = is_genuine ? s->start[s->first] : 0;
        s->last_row = is_genuine ? s->end[s->first + s->count - 1] : f->faces;
        dnx_pool_each(f->pool, (s->last_row - s->row + ROWS - 1) / ROWS, scan_rows, s);
    }
}

static dnx_status begin(scan *s, const dnx_face_rows *f, dnx_err *err) {
    const size_t threads = (size_t)dnx_pool_threads(f->pool), faces = (size_t)f->faces;
    *s = (scan){.f = f,
                .start = malloc((faces + 1) * sizeof *s->start),
                .end = malloc((faces + 1) * sizeof *s->end),
                .packed = dnx_alloc(dnx_kernels()->packed(f->dim, COLUMNS)),
                .products = dnx_alloc(threads * ROWS * COLUMNS),
                .counts = calloc(threads * BUCKETS, sizeof *s->counts),
                .next = malloc(threads * sizeof *s->next),
                .hits = calloc(threads, sizeof *s->hits),
                .best = dnx_alloc(faces + 1)};
    if (!s->start || !s->end || !s->packed || !s->products || !s->counts || !s->next || !s->hits ||
        !s->best)
        return dnx_fail_at(err, DNX_EMEM, NULL, "no memory for the pairs of %d faces", f->n);
    for (int i = 0; i < f->faces; i++)
        s->start[i] = i && f->person[i] == f->person[i - 1] ? s->start[i - 1] : i;
    for (int i = f->faces - 1; i >= 0; i--)
        s->end[i] = i + 1 < f->faces && f->person[i] == f->person[i + 1] ? s->end[i + 1] : i + 1;
    return DNX_OK;
}

static void end(scan *s) {
    free(s->start);
    free(s->end);
    dnx_free(s->packed);
    dnx_free(s->products);
    free(s->counts);
    free(s->next);
    free(s->hits);
    dnx_free(s->best);
}

static uint64_t all_hits(const scan *s) {
    uint64_t n = 0;
    for (int t = 0; t < dnx_pool_threads(s->f->pool); t++) n += s->hits[t];
    return n;
}

/* ---- TAR at FAR: the first pass counts the upper 16 bits of keys, the second the lower 16 ---- */

/* Keys are ordered like scores; 0 and -0 have the same key. */
static uint32_t key_of(float score) {
    uint32_t u;
    score += 0.f;
    memcpy(&u, &score, sizeof u);
    return u >> 31 ? ~u : u | 1u << 31;
}

static double score_of(uint32_t key) {
    float score;
    key = key >> 31 ? key & ~(1u << 31) : ~key;
    memcpy(&score, &key, sizeof score);
    return (double)score;
}

/* Counts each impostor pair once: face i with the faces that follow those of its person. */
static void count_upper(scan *s, int t, int i, const float *y, int lo, int hi) {
    uint64_t *counts = s->counts + (size_t)t * BUCKETS;
    if (s->end[i] > lo) lo = s->end[i];
    for (int j = lo; j < hi; j++) counts[key_of(y[j - s->first]) >> 16]++;
}

static void count_lower(scan *s, int t, int i, const float *y, int lo, int hi) {
    uint64_t *counts = s->counts + (size_t)t * BUCKETS;
    if (s->end[i] > lo) lo = s->end[i];
    for (int j = lo; j < hi; j++) {
        const uint32_t key = key_of(y[j - s->first]), upper = key >> 16;
        if (upper == s->bucket) counts[key & (BUCKETS - 1)]++;
        else if (upper > s->bucket && key < s->next[t]) s->next[t] = key;
    }
}

static void count_matches(scan *s, int t, int i, const float *y, int lo, int hi) {
    for (int j = i + 1 > lo ? i + 1 : lo; j < hi; j++)
        s->hits[t] += (double)y[j - s->first] > s->threshold;
}

/* Returns the bucket of the score of rank k; rank 0 is the largest score. Adds the number of scores
 * in higher buckets to *above. */
static uint32_t find_bucket(scan *s, uint64_t k, uint64_t *above) {
    for (int t = 1; t < dnx_pool_threads(s->f->pool); t++)
        for (int b = 0; b < BUCKETS; b++) {
            s->counts[b] += s->counts[(size_t)t * BUCKETS + (size_t)b];
            s->counts[(size_t)t * BUCKETS + (size_t)b] = 0;
        }
    uint32_t b = BUCKETS - 1;
    while (b && *above + s->counts[b] <= k) *above += s->counts[b--];
    return b;
}

/* Sets s->threshold between the score of rank k (rank 0 is the largest) and the next larger score.
 * *above: the number of scores above the threshold. */
static void find_threshold(scan *s, uint64_t k, uint64_t *above) {
    const int threads = dnx_pool_threads(s->f->pool);
    *above = 0;
    run(s, count_upper, false, 0, s->f->n);
    s->bucket = find_bucket(s, k, above);
    memset(s->counts, 0, sizeof *s->counts * BUCKETS);
    for (int t = 0; t < threads; t++) s->next[t] = UINT32_MAX;
    run(s, count_lower, false, 0, s->f->n);
    const uint32_t lower = find_bucket(s, k, above);
    uint32_t next = UINT32_MAX;
    for (int t = 0; t < threads; t++)
        if (s->next[t] < next) next = s->next[t];
    for (uint32_t b = BUCKETS - 1; b > lower; b--)
        if (s->counts[b]) next = s->bucket << 16 | b;
    const double v = score_of(s->bucket << 16 | lower);
    s->threshold = *above ? (v + score_of(next)) / 2 : v + 1e-6;
}

void dnx_count_pairs(const int *person, int faces, int distractors, uint64_t *genuine,
                     uint64_t *impostors) {
    const uint64_t n = (uint64_t)faces;
    *genuine = 0;
    for (int i = 0, own = 0; i < faces; i++) {
        own = i && person[i] == person[i - 1] ? own + 1 : 0;
        *genuine += (uint64_t)own;
    }
    *impostors = (n ? n * (n - 1) / 2 : 0) - *genuine + n * (uint64_t)distractors;
}

dnx_status dnx_tar_at_far(const dnx_face_rows *f, double rate, dnx_tar *out, dnx_err *err) {
    scan s;
    *out = (dnx_tar){.tar = NAN};
    dnx_count_pairs(f->person, f->faces, f->n - f->faces, &out->genuine, &out->impostors);
    const uint64_t k = (uint64_t)floor(rate * (double)out->impostors * (1 + 1e-12));
    dnx_status st = begin(&s, f, err);
    if (!st && k >= DNX_FEWEST_ABOVE && k < out->impostors && out->genuine) {
        find_threshold(&s, k, &out->above);
        out->threshold = s.threshold;
        if (out->above >= DNX_FEWEST_ABOVE) {
            run(&s, count_matches, true, 0, f->faces);
            out->tar = (double)all_hits(&s) / (double)out->genuine;
        }
    }
    end(&s);
    return st;
}

static void find_best(scan *s, int t, int i, const float *y, int lo, int hi) {
    float best = s->best[i];
    (void)t;
    for (int j = lo; j < hi; j++)
        if (y[j - s->first] > best && (j < s->start[i] || j >= s->end[i])) best = y[j - s->first];
    s->best[i] = best;
}

static void count_first(scan *s, int t, int i, const float *y, int lo, int hi) {
    for (int j = lo; j < hi; j++) s->hits[t] += j != i && y[j - s->first] >= s->best[i];
}

dnx_status dnx_rank_1(const dnx_face_rows *f, double *rank1, uint64_t *searches, dnx_err *err) {
    scan s;
    uint64_t genuine, impostors;
    dnx_count_pairs(f->person, f->faces, 0, &genuine, &impostors);
    *searches = 2 * genuine;
    *rank1 = NAN;
    dnx_status st = begin(&s, f, err);
    if (!st && genuine) {
        for (int i = 0; i < f->faces; i++) s.best[i] = -INFINITY;
        run(&s, find_best, false, f->n > f->faces ? f->faces : 0, f->n);
        run(&s, count_first, true, 0, f->faces);
        *rank1 = (double)all_hits(&s) / (double)*searches;
    }
    end(&s);
    return st;
}
