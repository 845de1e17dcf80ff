/* dropout.c - the GPU version of [dropout]. The processor draws which numbers are kept. */
#include "common/dropped.h"
#include "cuda/layer.h"

typedef struct {
    float *factors;      /* on the device: batch x out */
    float *host;         /* the factors on the processor */
    unsigned char *keep; /* for one image */
    bool is_dropping;
} state;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    dnx_node *n = l->node;
    const size_t size = dnx_size(n->out), count = size * (size_t)n->batch;
    if (!n->trains) return DNX_OK;
    s->host = dnx_new_array(n, count, sizeof *s->host, err);
    if (s->host) s->keep = dnx_new_array(n, size, sizeof *s->keep, err);
    return s->keep ? dnx_gpu_new(l, &s->factors, count, err) : DNX_EMEM;
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const size_t size = dnx_size(l->node->out);
    const float probability = dnx_gpu_number(l->node, "probability", 0);
    s->is_dropping = l->node->trains && p->is_training;
    for (size_t b = 0; s->is_dropping && b < (size_t)p->batch; b++) {
        dnx_dropout_keep(l->node, p, probability, b, s->keep);
        for (size_t i = 0; i < size; i++)
            s->host[b * size + i] = s->keep[i] ? 1 / (1 - probability) : 0;
    }
    if (s->is_dropping)
        dnx_device_put(l->device, s->factors, s->host, sizeof(float) * size * (size_t)p->batch);
}

static void multiply(dnx_gpu_layer *l, const dnx_pass *p, const float *from, float *to, bool adds) {
    const state *s = l->state;
    const long count = (long)p->batch * (long)dnx_size(l->node->out);
    struct times_map_args a = {
        .a = from, .b = s->factors, .to = to, .count = count, .C = 1, .adds = adds};
    struct scaled_args b = {.from = from, .to = to, .count = count, .factor = 1, .adds = adds};
    if (s->is_dropping) dnx_device_each(l->device, DNX_CUDA_times_map, count, &a);
    else dnx_device_each(l->device, DNX_CUDA_scaled, count, &b);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) { multiply(l, p, p->x[0], p->y, false); }

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (p->dx[0]) multiply(l, p, p->dy, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_dropout = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
