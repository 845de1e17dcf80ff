/* dnx.c - helpers for layer files: memory, and rows shared among threads. */
#include "dnx.h"

#include "kernels/pool.h"

void *dnx_new_array(dnx_node *n, size_t count, size_t size, dnx_err *err) {
    bool fits = count <= (SIZE_MAX - sizeof(float)) / size;
    size_t floats = fits ? (count * size + sizeof(float) - 1) / sizeof(float) : SIZE_MAX;
    float *p = dnx_alloc(floats);
    if (p) n->allocated += floats;
    else
        dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory for %zu floats", n->type->name, floats);
    return p;
}

dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err) {
    *p = dnx_new_array(n, count, sizeof **p, err);
    return *p ? DNX_OK : DNX_EMEM;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    long rows;
    void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi);
} row_job;

static void row_share(void *arg, int t, int threads) {
    const row_job *j = arg;
    long lo, hi;
    dnx_share(j->rows, t, threads, &lo, &hi);
    if (lo < hi) j->fn(j->n, j->p, lo, hi);
}

void dnx_each_row(dnx_node *n, dnx_pass *p, long rows,
                  void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi)) {
    row_job j = {n, p, rows, fn};
    dnx_pool_run(n->pool, row_share, &j);
}
