/* loop.c - connects a dnx_net to libdarknet's training loop and structs.
 *
 * libdarknet gets `layer` structs whose three functions call ours. libdarknet passes these structs
 * by value, without a user pointer. So a pointer to our `ref` is in self_layer, which libdarknet
 * reads only for recurrent layers. Members that this loop does not need stay 0: libdarknet then
 * never uses the memory of layers, and computes a rate and a cost that we ignore. We do not call
 * free_network(), because it would free seen, t and cost, which are members of dnx_host. */
#include "host/loop.h"

#include <assert.h>
#include <darknet.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "net/rate.h"

typedef struct {
    dnx_host *host;
    int index;
    double loss; /* the loss of a loss layer, summed over the batch */
} ref;

struct dnx_host {
    dnx_net *net;
    network loop;
    size_t seen;
    int t;
    float cost;
    ref *refs;
};

static ref *ref_of(const layer *l) { return (ref *)(void *)l->self_layer; }

static void forward(layer l, network n) {
    ref *r = ref_of(&l);
    dnx_net *net = r->host->net;
    dnx_net_forward_layer(net, r->index, r->host->loop.input, net->batch, DNX_TRAINING, n.truth,
                          NULL);
}

static void backward(layer l, network n) {
    ref *r = ref_of(&l);
    dnx_net *net = r->host->net;
    if (r->index == net->n - 1) dnx_net_backward_begin(net);
    dnx_net_backward_layer(net, r->index, r->host->loop.input, net->batch, n.truth);
}

static void update(layer l, update_args a) {
    ref *r = ref_of(&l);
    if (r->index == 0) dnx_net_update_begin(r->host->net, a.batch);
    dnx_net_update_layer(r->host->net, r->index, a.batch, dnx_host_rate(r->host), a.momentum,
                         a.decay);
}

dnx_status dnx_host_open(dnx_net *net, dnx_host **out, dnx_err *err) {
    *out = NULL;
    if (!dnx_host_cpu_build())
        return dnx_fail_at(err, DNX_EOPTION, net->file,
                           "libdarknet was built with GPU=1: structs differ");
    dnx_host *h = calloc(1, sizeof *h);
    if (h) {
        h->net = net;
        h->seen = net->seen;
        h->refs = calloc((size_t)net->n, sizeof *h->refs);
        h->loop = (network){.n = net->n,
                            .batch = net->batch,
                            .subdivisions = net->o.subdivisions,
                            .momentum = net->o.momentum,
                            .decay = net->o.decay,
                            .layers = calloc((size_t)net->n, sizeof *h->loop.layers),
                            .seen = &h->seen,
                            .t = &h->t,
                            .cost = &h->cost,
                            .gpu_index = -1};
    }
    if (!h || !h->refs || !h->loop.layers) {
        dnx_host_close(h);
        return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for libdarknet's layers");
    }
    for (int i = 0; i < net->n; i++) {
        h->refs[i] = (ref){h, i, 0};
        h->loop.layers[i] = (layer){.forward = forward,
                                    .backward = backward,
                                    .update = update,
                                    .self_layer = (layer *)(void *)&h->refs[i]};
    }
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
