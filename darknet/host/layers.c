/* layers.c - calls libdarknet's functions on reordered tensors. */
#include <darknet.h>

#define DNX_HOST_STRUCTS
#include "host/layers.h"

#include <limits.h>
#include <string.h>

const dnx_layer_type *const dnx_host_types[] = {
    &dnx_local, &dnx_crop,     &dnx_reorg, &dnx_normalization, &dnx_rnn,       &dnx_gru,
    &dnx_lstm,  &dnx_logistic, &dnx_yolo,  &dnx_region,        &dnx_detection, NULL};

dnx_status dnx_host_make(dnx_node *n, dnx_err *err) {
    dnx_host_state *s = n->state;
    dnx_shape in = n->in[0], out = n->out;
    size_t from = dnx_size(in) * (size_t)n->batch, to = dnx_size(out) * (size_t)n->batch;
    if (from > INT_MAX || to > INT_MAX)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[%s] %d x %d x %d x %d: libdarknet counts only to 2^31 - 1", n->type->name,
                        n->batch, in.h, in.w, in.c);
    s->l.w = in.w;
    s->l.h = in.h;
    s->l.c = in.c;
    s->l.out_w = out.w;
    s->l.out_h = out.h;
    s->l.out_c = out.c;
    s->l.inputs = (int)dnx_size(in);
    s->l.outputs = (int)dnx_size(out);
    s->l.batch = n->batch;
    s->l.steps = 1;
    dnx_status st = dnx_new(n, &s->x, from, err);
    if (!st) st = dnx_new(n, &s->l.output, to, err);
    if (!st) st = dnx_new(n, &s->l.delta, to, err);
    if (!st && n->trains) st = dnx_new(n, &s->dx, from, err);
    return st;
}

static void nhwc_to_nchw(const float *in, int batch, dnx_shape s, float *out) {
    size_t pixels = (size_t)s.h * (size_t)s.w, C = (size_t)s.c;
    for (size_t b = 0; b < (size_t)batch; b++, in += pixels * C, out += pixels * C)
        for (size_t i = 0; i < pixels; i++)
            for (size_t c = 0; c < C; c++) out[c * pixels + i] = in[i * C + c];
}

static void nchw_to_nhwc(const float *in, int batch, dnx_shape s, bool adds, float *out) {
    size_t pixels = (size_t)s.h * (size_t)s.w, C = (size_t)s.c;
    for (size_t b = 0; b < (size_t)batch; b++, in += pixels * C, out += pixels * C)
        for (size_t i = 0; i < pixels; i++)
            for (size_t c = 0; c < C; c++)
                out[i * C + c] = in[c * pixels + i] + (adds ? out[i * C + c] : 0);
}

static network network_of(dnx_host_state *s, const dnx_pass *p) {
    s->l.batch = p->batch;
    for (int i = 0; i < s->parts; i++) s->part[i].batch = p->batch;
    return (network){.input = s->x,
                     .workspace = p->scratch,
                     .train = p->is_training,
                     .batch = p->batch,
                     .gpu_index = -1};
}

void dnx_host_forward(dnx_node *n, dnx_pass *p) {
    dnx_host_state *s = n->state;
    nhwc_to_nchw(p->x[0], p->batch, n->in[0], s->x);
    s->forward(s->l, network_of(s, p));
    nchw_to_nhwc(s->l.output, p->batch, n->out, false, p->y);
    p->loss = 0;
}

void dnx_host_predict(dnx_node *n, dnx_pass *p) {
    bool was = p->is_training;
    p->is_training = false;
    dnx_host_forward(n, p);
    p->is_training = was;
}

/* Some of libdarknet's backward functions change delta, some overwrite dx, and some add to dx. So
 * they get a copy of dy as delta, and a zeroed tensor as dx. */
void dnx_host_backward(dnx_node *n, dnx_pass *p) {
    dnx_host_state *s = n->state;
    nhwc_to_nchw(p->x[0], p->batch, n->in[0], s->x);
    nhwc_to_nchw(p->y, p->batch, n->out, s->l.output);
    nhwc_to_nchw(p->dy, p->batch, n->out, s->l.delta);
    network net = network_of(s, p);
    if (p->dx[0]) {
        memset(s->dx, 0, sizeof(float) * dnx_size(n->in[0]) * (size_t)p->batch);
        net.delta = s->dx;
    }
    s->backward(s->l, net);
    if (p->dx[0]) nchw_to_nhwc(s->dx, p->batch, n->in[0], p->dx_adds[0], p->dx[0]);
}
