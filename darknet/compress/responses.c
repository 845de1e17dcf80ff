/* responses.c - samples the responses of a convolution at random pixels. */
#include "compress/responses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/norm_act.h"

bool dnx_responses_fit(const dnx_net *net, int i) {
    dnx_convolution view;
    return dnx_as_convolution(&net->nodes[i], &view) && view.groups == 1;
}

float *dnx_param_find(const dnx_param *list, int n, dnx_role role) {
    for (int i = 0; i < n; i++)
        if (list[i].role == role) return list[i].value;
    return NULL;
}

/* Folds batch norm into r->w and r->b. r->packed and r->bias become float copies of them, where
 * r->packed has the weights of a filter in the order ky, kx, channel. wk: scratch, K x N. */
static void fold(dnx_responses *r, const dnx_param *list, int n, float *wk) {
    const float *w = dnx_param_find(list, n, DNX_WEIGHTS),
                *biases = dnx_param_find(list, n, DNX_BIASES);
    const float *scales = dnx_param_find(list, n, DNX_SCALES),
                *mean = dnx_param_find(list, n, DNX_MEAN);
    const float *variance = dnx_param_find(list, n, DNX_VARIANCE);
    size_t N = (size_t)r->N, K = (size_t)r->K, taps = (size_t)(r->at.size * r->at.size);
    r->slopes = dnx_param_find(list, n, DNX_SLOPES);
    for (size_t f = 0; f < N; f++) {
        double g = scales ? (double)scales[f] / sqrt((double)variance[f] + DNX_NORM_EPS) : 1;
        r->b[f] = (biases ? (double)biases[f] : 0) - (mean ? g * (double)mean[f] : 0);
        r->bias[f] = (float)r->b[f];
        for (size_t k = 0; k < K; k++) {
            double v = g * (double)w[f * K + k];
            r->w[f * K + k] = v;
            wk[(k % taps * (size_t)r->at.c + k / taps) * N + f] = (float)v;
        }
    }
    dnx_kernels()->pack(wk, N, 1, r->K, r->N, r->packed);
}

dnx_status dnx_responses_make(dnx_net *net, int i, int positions, dnx_responses *r, dnx_err *err) {
    const dnx_node *n = &net->nodes[i];
    dnx_param list[DNX_MAX_PARAMS];
    int pixels = n->out.h * n->out.w;
    dnx_convolution view;
    dnx_as_convolution(n, &view);
    int size = view.size;
    *r = (dnx_responses){.layer = i,
                         .N = n->out.c,
                         .K = size * size * n->in[0].c,
                         .act = (dnx_act)view.activation,
                         .positions = positions < pixels ? positions : pixels};
    r->at = (dnx_patches){n->in[0], n->out.h, n->out.w, size, view.stride, view.pad, 0, n->in[0].c};
    size_t N = (size_t)r->N, K = (size_t)r->K;
    r->w = calloc(N * K, sizeof *r->w);
    r->b = calloc(N, sizeof *r->b);
    r->bias = dnx_alloc(N);
    r->packed = dnx_alloc(dnx_kernels()->packed(r->K, r->N));
    r->rows = dnx_alloc((size_t)r->positions * K);
    float *wk = dnx_alloc(N * K);
    bool needs_in = n->from[0] >= 0 && net->plan.of[n->from[0]].deferred;
    if (needs_in) r->in = dnx_alloc(dnx_size(n->in[0]));
    bool ok = (r->in || !needs_in) && r->w && r->b && r->bias && r->packed && r->rows && wk;
    if (ok) fold(r, list, dnx_net_params(net, i, list), wk);
    dnx_free(wk);
    return ok ? DNX_OK : dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory", n->type->name);
}

void dnx_responses_free(dnx_responses *r) {
    free(r->w);
    free(r->b);
    dnx_free(r->bias);
    dnx_free(r->packed);
    dnx_free(r->rows);
    dnx_free(r->in);
    *r = (dnx_responses){0};
}

void dnx_responses_sample(const dnx_responses *r, dnx_net *net, const float *x, uint64_t seed,
                          uint64_t image, float *y) {
    int from = net->nodes[r->layer].from[0], left = r->positions;
    long pixels = (long)r->at.out_h * r->at.out_w;
    const float *in = from < 0 ? x : dnx_net_own_output(net, from, x, 1, r->in);
    float *row = r->rows;
    dnx_rng g;
    dnx_rng_seed(&g, seed, image << 16 | (uint64_t)r->layer);
    /* Selection sampling: each set of r->positions pixels is equally likely. */
    for (long p = 0; p < pixels && left > 0; p++) {
        if ((double)dnx_rng_uniform(&g) * (double)(pixels - p) >= left) continue;
        dnx_patches_gather(&r->at, in, p, 1, row);
        row += r->K;
        left--;
    }
    const dnx_epilogue e = {.y = y, .ldy = (size_t)r->N, .bias = r->bias};
    dnx_kernels()->mm(r->rows, (size_t)r->K, r->positions, r->K, r->packed, r->N, &e);
}
