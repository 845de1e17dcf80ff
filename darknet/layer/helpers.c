/* helpers.c - allocates memory for layers, and divides rows among threads. */
#include "dnx.h"

#include <assert.h>

#include "kernels/pool.h"

double dnx_macs(const dnx_node *n) {
    double sum = 0;
    if (n->type->macs) return n->type->macs(n);
    for (int k = 0; k < n->n_params; k++)
        if (n->params[k].role == DNX_WEIGHTS || n->params[k].role == DNX_BASIS)
            sum += (double)n->params[k].count;
    return sum * n->out.h * n->out.w;
}

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

dnx_status dnx_new_param(dnx_node *n, float **value, float **grad, dnx_param p, dnx_err *err) {
    int k = n->n_params++;
    assert(k < DNX_MAX_PARAMS);
    if (k && n->params[k - 1].role == DNX_SLOPES) {
        n->params[k] = n->params[k - 1];
        k--;
    }
    dnx_status st = dnx_new(n, value, p.count, err);
    if (!st && grad && n->trains) st = dnx_new(n, grad, p.count, err);
    p.is_trained = grad != NULL;
    p.value = *value;
    p.grad = grad ? *grad : NULL;
    p.at = value;
    n->params[k] = p;
    return st;
}

void dnx_release_param(dnx_node *n, float **value) {
    if (!n->keeps_no_weights) return;
    for (int k = 0; k < n->n_params; k++)
        if (n->params[k].at == value) n->params[k].value = NULL;
    dnx_free(*value);
    *value = NULL;
}

dnx_status dnx_restore_params(dnx_node *n, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (int k = 0; k < n->n_params && !st; k++) {
        dnx_param *p = &n->params[k];
        if (!p->value) st = dnx_new(n, p->at, p->count, err);
        p->value = *p->at;
    }
    return st;
}

void dnx_clear_dx(const dnx_node *n, dnx_pass *p, int k) {
    if (p->dx[k] && !p->dx_adds[k])
        memset(p->dx[k], 0, sizeof(float) * dnx_size(n->in[k]) * (size_t)p->batch);
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi);
} row_job;

static void take_rows(void *arg, long lo, long hi) {
    const row_job *j = arg;
    j->fn(j->n, j->p, lo, hi);
}

void dnx_each_row(dnx_node *n, dnx_pass *p, long rows,
                  void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi)) {
    row_job j = {n, p, fn};
    dnx_pool_rows(n->pool, rows, take_rows, &j);
}
