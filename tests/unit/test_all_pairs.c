/* test_all_pairs.c - compares TAR at FAR and rank-1 over all pairs with naive loops. */
#include "face/all_pairs.h"
#include "face/judge.h"
#include "kernels/pool.h"
#include "lib/check.h"

enum { DIM = 16, MOST = 5000 };

static dnx_rng r;
static float rows[MOST * DIM];
static int person[MOST];

/* Fills rows[] with +-1/4, so that cosines are exact and often equal. Distractors come last.
 * Returns the number of faces before the distractors. */
static int random_faces(int people, int distractors) {
    int n = 0;
    for (int p = 0; p < people + distractors; p++) {
        float base[DIM];
        const int images = p < people ? 1 + (int)(dnx_rng_uniform(&r) * 4.f) : 1;
        for (int d = 0; d < DIM; d++) base[d] = dnx_rng_uniform(&r) < .5f ? -.25f : .25f;
        for (int i = 0; i < images; i++, n++) {
            must(n < MOST, "room");
            memcpy(rows + n * DIM, base, sizeof base);
            for (int k = 0; k < 3 && p < people; k++)
                rows[n * DIM + (int)(dnx_rng_uniform(&r) * (float)DIM) % DIM] *= -1;
            person[n] = p;
        }
    }
    return n - distractors;
}

static double score(int i, int j) {
    double s = 0;
    for (int d = 0; d < DIM; d++) s += (double)rows[i * DIM + d] * (double)rows[j * DIM + d];
    return s;
}

/* ---- the naive version ---- */

static int falling(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static dnx_tar naive_tar(int faces, int n, double rate) {
    double *good = malloc(sizeof *good * (size_t)faces * (size_t)n), *bad;
    dnx_tar t = {.tar = NAN};
    must(good && (bad = malloc(sizeof *bad * (size_t)faces * (size_t)n)), "memory");
    for (int i = 0; i < faces; i++)
        for (int j = i + 1; j < n; j++)
            if (person[i] == person[j]) good[t.genuine++] = score(i, j);
            else bad[t.impostors++] = score(i, j);
    qsort(bad, t.impostors, sizeof *bad, falling);
    const double v = bad[(size_t)(rate * (double)t.impostors * (1 + 1e-12))];
    while (bad[t.above] > v) t.above++;
    uint64_t above = 0;
    for (uint64_t i = 0; i < t.genuine; i++) above += good[i] > v;
    if (t.above >= 10) t.tar = (double)above / (double)t.genuine;
    t.threshold = v; /* the highest impostor score that is not accepted */
    free(good);
    free(bad);
    return t;
}

static double naive_rank_1(int faces, int n, bool among_distractors) {
    double hits = 0, searches = 0;
    for (int i = 0; i < faces; i++) {
        double best = -2;
        for (int k = among_distractors ? faces : 0; k < n; k++)
            if (person[k] != person[i] && score(i, k) > best) best = score(i, k);
        for (int j = 0; j < faces; j++)
            if (i != j && person[i] == person[j]) {
                searches++;
                hits += score(i, j) >= best;
            }
    }
    return hits / searches;
}

/* ---- the comparison ---- */

static void compare(int people, int distractors, int threads) {
    static const double rates[] = {.5, .1, .01, 1e-3};
    const int faces = random_faces(people, distractors), n = faces + distractors;
    dnx_pool *pool = dnx_pool_new(threads);
    const dnx_face_rows f = {rows, n, faces, DIM, person, pool};
    dnx_err err = {0};
    must(pool != NULL, "memory");
    int measured = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const dnx_tar want = naive_tar(faces, n, rates[i]);
        dnx_tar got;
        must(!dnx_tar_at_far(&f, rates[i], &got, &err), err.text);
        check(got.genuine == want.genuine && got.impostors == want.impostors, "%d people: pairs",
              people);
        check(isnan(want.tar)
                  ? isnan(got.tar)
                  : got.tar == want.tar && got.above == want.above &&
                        got.threshold > want.threshold && got.threshold < want.threshold + .125,
              "%d people, %d distractors, %d threads, FAR %g: TAR %g with %d above %g, naive %g %d "
              "%g",
              people, distractors, threads, rates[i], got.tar, (int)got.above, got.threshold,
              want.tar, (int)want.above, want.threshold);
        measured += !isnan(want.tar);
    }
    uint64_t searches;
    double got;
    must(!dnx_rank_1(&f, &got, &searches, &err), err.text);
    const double want = naive_rank_1(faces, n, distractors > 0);
    check(got == want && got > .05 && got < .95, "%d people, %d distractors: rank-1 %g, naive %g",
          people, distractors, got, want);
    check(measured >= 2, "%d people: little was compared", people);
    dnx_pool_free(pool);
}

/* Tests scores that are negative, or zeros of both signs. */
static void test_few(void) {
    static const int who[] = {0, 0, 1, 2};
    static const float v[] = {1, 0, -1, 0, 0, 1, 0, -1};
    dnx_pool *pool = dnx_pool_new(1);
    const dnx_face_rows f = {v, 4, 4, 2, who, pool}, alone = {v, 1, 1, 2, who, pool};
    uint64_t searches;
    double rank;
    dnx_tar t;
    must(pool && !dnx_tar_at_far(&f, .5, &t, NULL), "memory");
    check(isnan(t.tar) && t.genuine == 1 && t.impostors == 5, "5 pairs measure nothing");
    must(!dnx_rank_1(&f, &rank, &searches, NULL), "memory");
    check(rank == 0 && searches == 2, "rank-1 %g of %d", rank, (int)searches);
    must(!dnx_tar_at_far(&alone, .5, &t, NULL) && !dnx_rank_1(&alone, &rank, &searches, NULL), "");
    check(isnan(t.tar) && isnan(rank) && !searches && !t.impostors, "one face");
    dnx_pool_free(pool);
}

/* Random scores have no ties. The threshold then lies between two scores, and the impostor pairs
 * above it must be exactly `rate` times all impostor pairs, rounded down. */
static void test_random(void) {
    const int n = 3000;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int d = 0; d < DIM; d++) {
            rows[i * DIM + d] = dnx_rng_uniform(&r) - .5f;
            sum += (double)(rows[i * DIM + d] * rows[i * DIM + d]);
        }
        for (int d = 0; d < DIM; d++) rows[i * DIM + d] /= (float)sqrt(sum);
        person[i] = i / 3;
    }
    dnx_pool *pool = dnx_pool_new(2);
    const dnx_face_rows f = {rows, n, n, DIM, person, pool};
    dnx_tar t;
    for (double rate = .4; rate > 1e-4; rate /= 7) {
        must(pool && !dnx_tar_at_far(&f, rate, &t, NULL), "memory");
        uint64_t above = 0, right = 0;
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++) {
                const bool is_high = score(i, j) > t.threshold;
                if (person[i] == person[j]) right += is_high;
                else above += is_high;
            }
        check(above == t.above && above == (uint64_t)(rate * (double)t.impostors) &&
                  t.tar == (double)right / (double)t.genuine,
              "FAR %g: %d above, counted %d of %.0f", rate, (int)t.above, (int)above,
              rate * (double)t.impostors);
    }
    dnx_pool_free(pool);
}

static void test_names(void) {
    static const char *const wrong[] = {"",
                                        "Accuracy",
                                        "tar",
                                        "tar@",
                                        "tar@0",
                                        "tar@.6",
                                        "tar@1e-3x",
                                        "tar@nan",
                                        "tar@-1",
                                        "tar@ 1",
                                        "tar@0x1p-4",
                                        "rank-10",
                                        "tar@0.00000000000000000000000000001"};
    dnx_judge j;
    char text[80];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check(!dnx_judge_read(wrong[i], &j), "'%s' is not a judge", wrong[i]);
    check(dnx_judge_read(NULL, &j) && !j.kind && !strcmp(dnx_judge_column(&j), "pairs"), "default");
    check(dnx_judge_read("tar@1e-3", &j) && j.kind == DNX_BY_TAR && j.rate == 1e-3, "tar@1e-3");
    dnx_judge_text(&j, .432, text, sizeof text);
    check(!strcmp(text, "TAR 43.20 % at FAR 1e-3"), "%s", text);
    dnx_judge_text(&j, NAN, text, sizeof text);
    check(!strcmp(text, "TAR at FAR 1e-3 is not measurable"), "%s", text);
    check(dnx_judge_read("rank-1", &j) && !strcmp(dnx_judge_column(&j), "rank-1"), "rank-1");
    dnx_judge_text(&j, 1, text, sizeof text);
    check(!strcmp(text, "rank-1 100.00 %"), "%s", text);
}

int main(void) {
    dnx_rng_seed(&r, 1, 0);
    for (int threads = 1; threads <= 3; threads++) {
        compare(200, 0, threads);
        compare(200, 300, threads);
    }
    compare(1200, 1000, 2); /* enough faces for several tiles of the matrix of cosines */
    test_random();
    test_few();
    test_names();
    return summary();
}
