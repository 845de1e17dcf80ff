/* loop.c - connects a dnx_net to libdarknet's training loop and structs.
 *
 * libdarknet gets `layer` structs whose three functions call ours. libdarknet passes these structs
 * by value, without a user pointer. So a pointer to our `ref` is in self_layer, which libdarknet
 * reads only for recurrent layers. Losses have the type COST, other layers the type BLANK, and
 * delta is NULL: libdarknet then never uses the memory of layers. We do not call free_network(),
 * because it would free seen, t and cost, which are members of dnx_host. */
#include "host/loop.h"

#include <assert.h>
#include <darknet.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>

#include "net/rate.h"

typedef struct {
    dnx_host *host;
    int index;
    float cost;  /* for libdarknet, which adds up the costs; always 0 */
    double loss; /* the loss of a loss layer, summed over the batch */
} ref;

struct dnx_host {
    dnx_net *net;
    network loop;
    size_t seen;
    int t;
    float cost;
    int steps[DNX_MAX_LIST];
    ref *refs;
};

static ref *ref_of(const layer *l) { return (ref *)(void *)l->self_layer; }

static void forward(layer l, network n) {
    ref *r = ref_of(&l);
    dnx_net_forward_layer(r->host->net, r->index, r->host->loop.input, l.batch,
                          n.train != 0 ? DNX_TRAINING : DNX_PREDICTING, n.truth, NULL);
}

static void backward(layer l, network n) {
    ref *r = ref_of(&l);
    dnx_net *net = r->host->net;
    if (r->index == net->n - 1) dnx_net_backward_begin(net);
    dnx_net_backward_layer(net, r->index, r->host->loop.input, l.batch, n.truth);
}

static void update(layer l, update_args a) {
    ref *r = ref_of(&l);
    if (r->index == 0) dnx_net_update_begin(r->host->net, a.batch);
    dnx_net_update_layer(r->host->net, r->index, a.batch, dnx_host_rate(r->host), a.momentum,
                         a.decay);
}

static layer wrap(ref *r) {
    dnx_net *net = r->host->net;
    const dnx_node *node = &net->nodes[r->index];
    const dnx_shape in = node->n_in ? node->in[0] : node->out;
    layer l = {.type = node->type->is_loss ? COST : BLANK,
               .forward = forward,
               .backward = backward,
               .update = update,
               .batch = net->batch,
               .w = in.w,
               .h = in.h,
               .c = in.c,
               .out_w = node->out.w,
               .out_h = node->out.h,
               .out_c = node->out.c,
               .inputs = (int)dnx_size(in),
               .outputs = (int)dnx_size(node->out),
               .output = net->plan.of[r->index].y,
               .cost = node->type->is_loss ? &r->cost : NULL,
               .learning_rate_scale = 1};
    l.self_layer = (layer *)(void *)r;
    return l;
}

_Static_assert((int)DNX_CONSTANT == (int)CONSTANT && (int)DNX_STEP == (int)STEP &&
                   (int)DNX_EXP == (int)EXP && (int)DNX_POLY == (int)POLY &&
                   (int)DNX_STEPS == (int)STEPS && (int)DNX_SIGMOID == (int)SIG &&
                   (int)DNX_RANDOM == (int)RANDOM,
               "net/rate.h has libdarknet's policies in its order");

static void copy_options(network *n, dnx_host *h) {
    dnx_net *net = h->net;
    dnx_net_opts *o = &net->o;
    // clang-format off
    *n = (network){.n = net->n, .batch = net->batch, .subdivisions = o->subdivisions,
                   /* libdarknet has no cosine policy. Its rate has no effect: all updates use
                    * dnx_host_rate(). */
                   .policy = o->policy == DNX_COSINE ? CONSTANT : (learning_rate_policy)o->policy,
                   .learning_rate = o->learning_rate, .momentum = o->momentum, .decay = o->decay,
                   .gamma = o->gamma, .scale = o->scale, .power = o->power,
                   .time_steps = o->time_steps, .step = o->step, .max_batches = o->max_batches,
                   .scales = o->scales.v, .steps = h->steps, .num_steps = o->steps.n,
                   .burn_in = o->burn_in, .adam = o->adam, .B1 = o->B1, .B2 = o->B2,
                   .eps = o->eps, .clip = o->clip, .notruth = o->notruth, .random = o->random,
                   .inputs = (int)dnx_size(net->in), .h = net->in.h, .w = net->in.w, .c = net->in.c,
                   .max_crop = o->max_crop, .min_crop = o->min_crop, .max_ratio = o->max_ratio,
                   .min_ratio = o->min_ratio, .center = o->center, .angle = o->angle,
                   .aspect = o->aspect, .exposure = o->exposure, .saturation = o->saturation,
                   .hue = o->hue, .gpu_index = -1};
    // clang-format on
    n->seen = &h->seen;
    n->t = &h->t;
    n->cost = &h->cost;
    for (int i = 0; i < o->steps.n; i++) h->steps[i] = (int)o->steps.v[i];
}

static dnx_status check(const dnx_net *net, dnx_err *err) {
    const dnx_loc at = {net->file, 0};
    const dnx_node *last = &net->nodes[net->n - 1];
    if (!dnx_host_cpu_build())
        return dnx_fail(err, DNX_EOPTION, at, "libdarknet was built with GPU=1: structs differ");
    if (net->trains && dnx_rate_ends(&net->o) && net->o.max_batches == 0)
        return dnx_fail(err, DNX_EOPTION, at, "[net] policy=%s: needs max_batches=",
                        net->o.policy == DNX_POLY ? "poly" : "cosine");
    if (net->trains && !last->type->is_loss)
        return dnx_fail(err, DNX_ESHAPE, last->loc,
                        "[%s] is the last layer: a network that trains must end in a loss",
                        last->type->name);
    return DNX_OK;
}

dnx_status dnx_host_open(dnx_net *net, dnx_host **out, dnx_err *err) {
    *out = NULL;
    dnx_status st = check(net, err);
    if (st) return st;
    dnx_host *h = calloc(1, sizeof *h);
    if (h) {
        h->net = net;
        h->seen = net->seen;
        copy_options(&h->loop, h);
        h->refs = calloc((size_t)net->n, sizeof *h->refs);
        h->loop.layers = calloc((size_t)net->n, sizeof *h->loop.layers);
    }
    if (!h || !h->refs || !h->loop.layers) {
        dnx_host_close(h);
        return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for libdarknet's layers");
    }
    for (int i = 0; i < net->n; i++) {
        h->refs[i] = (ref){h, i, 0, 0};
        h->loop.layers[i] = wrap(&h->refs[i]);
    }
    h->loop.outputs = h->loop.layers[net->n - 1].outputs;
    h->loop.output = h->loop.layers[net->n - 1].output;
    h->loop.truths = 1;
    *out = h;
    return DNX_OK;
}

void dnx_host_close(dnx_host *h) {
    if (!h) return;
    free(h->refs);
    free(h->loop.layers);
    free(h);
}

double dnx_host_train(dnx_host *h, const float *x, const float *truth) {
    assert(h->net->trains);
    double sum = 0;
    h->loop.input = (float *)(uintptr_t)x; /* libdarknet does not write to x and truth */
    h->loop.truth = (float *)(uintptr_t)truth;
    train_network_datum(&h->loop);
    h->loop.input = h->loop.truth = NULL;
    h->net->seen = h->seen;
    /* Reads losses after the update, so that a GPU does not wait between forward and backward. */
    for (int i = 0; i < h->net->n; i++)
        if (h->net->nodes[i].type->is_loss) sum += h->refs[i].loss = dnx_net_loss(h->net, i);
    return sum / h->net->batch;
}

double dnx_host_loss(const dnx_host *h, int i) { return h->refs[i].loss / h->net->batch; }

float dnx_host_rate(const dnx_host *h) {
    return dnx_rate(&h->net->o, h->seen / (size_t)(h->net->batch * h->net->o.subdivisions));
}

int dnx_host_cpu_build(void) { return dlsym(RTLD_DEFAULT, "cuda_make_array") == NULL; }
