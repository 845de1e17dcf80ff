/* product.c - convolutions with batch norm and activation, from the functions of matrix.h. */
#include "cuda/product.h"

#include "cuda/matrix.h"
#include "layer/fusion.h"

struct dnx_cuda_window dnx_gpu_window(const dnx_node *n, int batch, struct dnx_cuda_window at) {
    at.batch = batch;
    at.h = n->in[0].h;
    at.w = n->in[0].w;
    at.C = n->in[0].c;
    at.oh = n->out.h;
    at.ow = n->out.w;
    at.N = n->out.c;
    return at;
}

dnx_status dnx_gpu_check_pixels(const dnx_node *n, const struct dnx_cuda_window *at, dnx_err *err) {
    const long in = (long)at->h * at->w, out = (long)at->oh * at->ow, most = in > out ? in : out;
    if (most <= DNX_GPU_PIXELS / at->batch) return DNX_OK;
    return dnx_fail(err, DNX_ESHAPE, n->loc,
                    "[%s] %d x %ld pixels: a GPU takes at most 2^30 in a batch: a smaller batch or "
                    "more subdivisions= have fewer",
                    n->type->name, at->batch, most);
}

struct dnx_cuda_window dnx_gpu_conv_window(const dnx_node *n) {
    const int size = dnx_gpu_option(n, "size", 1);
    const struct dnx_cuda_window at = {
        .kh = size,
        .kw = size,
        .stride = dnx_gpu_option(n, "stride", 1),
        .pad = dnx_gpu_option(n, "pad", 0) ? size / 2 : dnx_gpu_option(n, "padding", 0),
        .groups = dnx_gpu_option(n, "groups", 1)};
    return dnx_gpu_window(n, n->batch, at);
}

dnx_status dnx_gpu_product_make(dnx_gpu_layer *l, struct dnx_cuda_window at, dnx_err *err) {
    dnx_gpu_product *s = l->state;
    const dnx_node *n = l->node;
    s->at = at = dnx_gpu_window(n, n->batch, at);
    const size_t count = dnx_gpu_filters(&at);
    dnx_status st = dnx_gpu_check_pixels(n, &at, err);
    if (!st) st = dnx_gpu_norm_make(l, &s->norm, true, err);
    if (!st) st = dnx_gpu_new(l, &s->wk, count, err);
    if (st || !n->trains) return st;
    l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    st = dnx_gpu_new(l, &s->wt, count, err);
    if (!st) st = dnx_gpu_new(l, &s->parts, count * (size_t)dnx_gpu_parts(&at), err);
    return st;
}

void dnx_gpu_product_prepare(dnx_gpu_layer *l) {
    dnx_gpu_product *s = l->state;
    const bool folds = !l->node->trains; /* fold batch norm into the filters and the shift */
    if (folds) dnx_gpu_norm_fold(l, &s->norm);
    dnx_gpu_conv_order(l, &s->at, dnx_gpu_value(l, DNX_WEIGHTS), folds ? s->norm.scale : NULL,
                       s->wk, s->wt);
}

void dnx_gpu_product_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_product *s = l->state;
    struct conv_forward_args a = {
        .at = s->at, .x = p->x[0], .wk = s->wk, .y = dnx_gpu_z(&s->norm, p)};
    a.at.batch = p->batch;
    a.of_x = dnx_gpu_deferred(l, 0);
    const bool sums = dnx_gpu_norm_needs_sums(l, &s->norm, p);
    if (sums) a.parts = s->norm.parts;
    if (!l->node->trains) {
        a.shift = s->norm.shift;
        a.slopes = dnx_gpu_value(l, DNX_SLOPES);
        a.act = s->norm.act;
        a.residual = dnx_residual(p);
    }
    dnx_gpu_conv(l, &a);
    const long rows = (long)p->batch * a.at.oh * a.at.ow;
    if (l->node->trains)
        dnx_gpu_norm_forward(l, &s->norm, a.y, p, sums ? dnx_gpu_stripes(rows) : 0);
}

void dnx_gpu_product_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_product *s = l->state;
    struct dnx_cuda_window at = s->at;
    at.batch = p->batch;
    const struct dnx_cuda_deferred of_x = dnx_gpu_deferred(l, 0);
    dnx_gpu_norm_backward(l, &s->norm, dnx_gpu_z(&s->norm, p), p, l->scratch, false);
    dnx_gpu_conv_dw(l, &at, p->x[0], &of_x, l->scratch, s->parts, dnx_gpu_grad(l, DNX_WEIGHTS));
    dnx_gpu_conv_dx(l, &at, l->scratch, s->wt, p->dx[0], p->dx_adds[0]);
}
