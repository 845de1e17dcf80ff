/* tool_search.c - times the search of `darknet find` on random features of 128 numbers:
 *
 *     make && O=$(make -s print-obj) && make $O/tests/oracle/tool_search
 *     $O/tests/oracle/tool_search ROWS QUERIES BEST THREADS   (such as 1000000 100 10 2)
 *
 * It prints three times in milliseconds, each the minimum of 20 runs: for reading the features, for
 * the search with a first pass by bytes (if the processor has VNNI), and for the search by floats.
 * Then it prints how many hits of the two searches differ; the exit status is 1 when any do. The
 * fourth time is for the first pass by bytes alone, in one thread. It is measured in parts of the
 * rows: the printed time is the time of the fastest part, times the number of parts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "face/search.h"
#include "kernels/bytes.h"
#include "kernels/pool.h"

enum { DIM = 128, TURNS = 20 };

typedef struct {
    const float *v;
    size_t n;
    double sum[64];
} reading;

static void read_share(void *arg, int t, int threads) {
    reading *r = arg;
    long lo, hi;
    float sum[4] = {0};
    dnx_share((long)(r->n * DIM / 64), t, threads, &lo, &hi);
    for (const float *v = r->v + lo * 64, *end = r->v + hi * 64; v < end; v += 64)
        for (int i = 0; i < 4; i++) sum[i] += v[16 * i];
    r->sum[t] = (double)(sum[0] + sum[1] + sum[2] + sum[3]);
}

static float *rows(size_t n, dnx_rng *r) {
    float *v = dnx_alloc(n * DIM);
    for (size_t i = 0; v && i < n * DIM; i++) v[i] = dnx_rng_uniform(r) - .5f;
    if (v) dnx_unit_rows(v, n, DIM);
    return v;
}

static double least(double a, double b) { return a < b ? a : b; }

static double first_pass(const dnx_byte_set *b, const float *table, size_t n, const float *queries,
                         int q) {
    enum { BLOCK = 84, PART = 60 * BLOCK };
    const size_t padded = (size_t)(q + DNX_BYTE_PANEL - 1) / DNX_BYTE_PANEL * DNX_BYTE_PANEL;
    float *packed = dnx_alloc(b->packed(DIM, q) / sizeof *packed), *limit = dnx_alloc(padded);
    dnx_byte_find *found = malloc(BLOCK * padded * sizeof *found);
    double ms = INFINITY;
    if (!packed || !limit || !found) exit(1);
    for (size_t i = 0; i < padded; i++) limit[i] = INFINITY;
    b->pack(queries, DIM, q, packed);
    for (size_t p = 0; p + PART <= n; p += PART) {
        const double start = dnx_now();
        for (size_t i = p; i < p + PART; i += BLOCK)
            b->look(table + i * DIM, BLOCK, DIM, packed, q, limit, table + (i + BLOCK) * DIM,
                    found);
        ms = least(ms, 1e3 * (dnx_now() - start));
    }
    dnx_free(packed);
    dnx_free(limit);
    free(found);
    return ms * (double)n / PART;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    const size_t n = strtoul(argv[1], NULL, 10);
    const int q = atoi(argv[2]), k = atoi(argv[3]);
    dnx_rng rng;
    dnx_err err = {0};
    dnx_rng_seed(&rng, 1, 0);
    float *table = rows(n, &rng), *queries = rows((size_t)q, &rng);
    dnx_pool *pool = dnx_pool_new(atoi(argv[4]));
    dnx_hit *hits[2] = {malloc((size_t)(q * k) * sizeof **hits),
                        malloc((size_t)(q * k) * sizeof **hits)};
    if (!table || !queries || !pool || !hits[0] || !hits[1]) return 1;
    double ms[3] = {INFINITY, INFINITY, INFINITY};
    for (int turn = 0; turn < TURNS; turn++) {
        reading r = {.v = table, .n = n};
        double start = dnx_now();
        dnx_pool_run(pool, read_share, &r);
        ms[0] = least(ms[0], 1e3 * (dnx_now() - start));
        for (int way = 0; way < 2; way++) {
            if (!way && !dnx_bytes()) continue;
            start = dnx_now();
            const dnx_query query = {.table = table,
                                     .n = n,
                                     .queries = queries,
                                     .q = q,
                                     .dim = DIM,
                                     .k = k,
                                     .bytes = way ? NULL : dnx_bytes()};
            if (dnx_search(&query, pool, hits[way], &err)) return 1;
            ms[1 + way] = least(ms[1 + way], 1e3 * (dnx_now() - start));
        }
    }
    int differ = 0;
    for (int i = 0; dnx_bytes() && i < q * k; i++)
        differ += hits[0][i].row != hits[1][i].row || hits[0][i].cosine < hits[1][i].cosine ||
                  hits[0][i].cosine > hits[1][i].cosine;
    printf("reading %.1f ms, bytes %.1f ms, floats %.1f ms; %d hits differ; first pass by bytes "
           "%.1f ms\n",
           ms[0], ms[1], ms[2], differ,
           dnx_bytes() ? first_pass(dnx_bytes(), table, n, queries, q) : (double)NAN);
    return differ != 0;
}
