/* leading.c - see leading.h. */
#include "common/face/leading.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/pool.h"

dnx_status dnx_leading_make(dnx_leading *g, dnx_node *n, int N, float share, dnx_err *err) {
    const size_t B = (size_t)n->batch;
    g->share = share;
    g->N = N;
    if (share <= 0 || !n->trains) return DNX_OK;
    dnx_status st = dnx_new(n, &g->z, B * (size_t)N, err);
    if (!st) st = dnx_new(n, &g->least, B, err);
    if (st) return st;
    g->norm = dnx_new_array(n, B, sizeof *g->norm, err);
    g->mass = g->norm ? dnx_new_array(n, (size_t)N, sizeof *g->mass, err) : NULL;
    g->label = g->mass ? dnx_new_array(n, B, sizeof *g->label, err) : NULL;
    return g->label ? DNX_OK : DNX_EMEM;
}

typedef struct {
    dnx_leading *g;
    int batch, n;
} job;

static float *row_of(const job *j, long b) { return j->g->z + (size_t)b * (size_t)j->g->N; }

/* Computes `norm` for images [lo, hi). Replaces a NaN logit by -infinity, because NaN cannot be
 * sorted. The loss of an image with a NaN logit is NaN in any case. */
static void norm_share(void *arg, long lo, long hi) {
    job *j = arg;
    for (long b = lo; b < hi; b++) {
        float *z = row_of(j, b), top = -HUGE_VALF;
        double sum = 0;
        for (int k = 0; k < j->g->N; k++) {
            if (isnan(z[k])) z[k] = -HUGE_VALF;
            if (z[k] > top) top = z[k];
        }
        for (int k = 0; k < j->g->N; k++) sum += exp((double)z[k] - (double)top);
        j->g->norm[b] = (double)top + log(sum);
    }
}

static void mass_share(void *arg, long lo, long hi) {
    job *j = arg;
    for (long k = lo; k < hi; k++) j->g->mass[k] = 0;
    for (long b = 0; b < j->batch; b++)
        for (long k = lo; k < hi; k++)
            j->g->mass[k] += exp((double)row_of(j, b)[k] - j->g->norm[b]);
}

static int falling(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Sorts `mass`, the probabilities of the classes summed over the batch. Returns the smallest number
 * of classes that together have `share` of the total. */
static int count_leading(dnx_leading *g) {
    double all = 0, held = 0;
    int n = 0;
    qsort(g->mass, (size_t)g->N, sizeof *g->mass, falling);
    for (int k = 0; k < g->N; k++) all += g->mass[k];
    while (n < g->N && !(n > 0 && held >= (double)g->share * all)) held += g->mass[n++];
    return n;
}

/* Returns the n-th largest of N numbers, by Hoare's selection. Reorders v, which must not contain
 * NaN. */
static float nth_largest(float *v, int N, int n) {
    int lo = 0, hi = N - 1;
    while (lo < hi) {
        const float pivot = v[lo + (hi - lo) / 2];
        int i = lo, k = hi;
        while (i <= k) {
            while (v[i] > pivot) i++;
            while (v[k] < pivot) k--;
            if (i > k) break;
            float swapped = v[i];
            v[i++] = v[k];
            v[k--] = swapped;
        }
        if (n - 1 <= k) hi = k;
        else if (n - 1 >= i) lo = i;
        else break;
    }
    return v[n - 1];
}

/* Computes `least` for images [lo, hi). Sets the label's logit to infinity, so that the label
 * always leads. */
static void least_share(void *arg, long lo, long hi) {
    job *j = arg;
    for (long b = lo; b < hi; b++) {
        const int y = j->g->label[b];
        float *z = row_of(j, b);
        if (y >= 0) z[y] = HUGE_VALF;
        j->g->least[b] = nth_largest(z, j->g->N, j->n);
    }
}

void dnx_leading_choose(dnx_leading *g, struct dnx_pool *pool, int batch) {
    job j = {.g = g, .batch = batch};
    dnx_pool_rows(pool, batch, norm_share, &j);
    dnx_pool_rows(pool, g->N, mass_share, &j);
    j.n = count_leading(g);
    dnx_pool_rows(pool, batch, least_share, &j);
}
