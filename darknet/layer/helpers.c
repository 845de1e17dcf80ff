/* helpers.c - memory for layers, and rows shared among threads. */
#include "dnx.h"

#include "kernels/pool.h"

dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err) {
    if (!n->memory) n->memory = dnx_alloc(0);
    *p = n->memory ? dnx_alloc(count) : NULL;
    if (!*p)
        return dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory for %zu floats", n->type->name,
                        count);
    dnx_own(n->memory, *p);
    n->allocated += count;
    return DNX_OK;
}

void *dnx_new_array(dnx_node *n, size_t count, size_t size, dnx_err *err) {
    float *p;
    bool fits = count <= (SIZE_MAX - sizeof *p) / size;
    size_t floats = fits ? (count * size + sizeof *p - 1) / sizeof *p : SIZE_MAX;
    return dnx_new(n, &p, floats, err) ? NULL : p;
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
