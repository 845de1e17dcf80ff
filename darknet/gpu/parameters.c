/* parameters.c - the parameters and momentum of layers on a GPU, and their update. Copies in the
 * CPU's memory survive a failure of the device. */
#include <stdlib.h>
#include <string.h>

#include "gpu/placed.h"

static bool is_trained(const dnx_placed_layer *layer, int k) {
    return layer->l.node->params[k].is_trained && layer->l.node->params[k].grad;
}

static void set_pointers(dnx_net *net, int i) {
    dnx_placed *p = dnx_placed_of(net);
    dnx_placed_layer *layer = &p->layers[i];
    size_t at = layer->at;
    for (int k = 0; layer->l.type && k < layer->l.node->n_params; k++) {
        layer->l.value[k] = p->values + at;
        if (is_trained(layer, k)) {
            layer->l.grad[k] = p->grads + at;
            layer->l.momentum[k] = p->momentum + at;
        }
        at += layer->l.node->params[k].count;
    }
}

dnx_status dnx_gpu_allocate(dnx_net *net, void *to, size_t bytes, dnx_err *err) {
    void *p;
    dnx_status st = dnx_device_new(dnx_placed_of(net)->device, &p, bytes, err);
    memcpy(to, &p, sizeof p);
    return st;
}

static dnx_status make_training(dnx_net *net, dnx_err *err) {
    dnx_placed *p = dnx_placed_of(net);
    const size_t bytes = p->floats * sizeof(float);
    int n = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0; p->layers[i].l.type && k < net->nodes[i].n_params; k++)
            n += is_trained(&p->layers[i], k);
    p->descents_here = calloc((size_t)n + 1, sizeof *p->descents_here);
    if (!p->descents_here) return dnx_no_memory(net->file, err);
    dnx_status st = dnx_gpu_allocate(net, &p->grads, bytes, err);
    if (!st) st = dnx_gpu_allocate(net, &p->momentum, bytes, err);
    if (!st) st = dnx_gpu_allocate(net, &p->descents, sizeof *p->descents * (size_t)n, err);
    for (int k = 0; k < 2 && !st; k++) {
        void *pinned = NULL;
        st = dnx_device_pinned(p->device, &pinned, 2 * bytes, err);
        p->pinned[k] = pinned;
    }
    return st;
}

dnx_status dnx_gpu_make_parameters(dnx_net *net, dnx_err *err) {
    dnx_placed *p = dnx_placed_of(net);
    dnx_status st = dnx_gpu_allocate(net, &p->values, p->floats * sizeof(float), err);
    if (!st && net->trains) st = make_training(net, err);
    for (int i = 0; i < net->n && !st; i++) set_pointers(net, i);
    return st;
}

void dnx_gpu_free_parameters(dnx_net *net) {
    dnx_placed *p = dnx_placed_of(net);
    void *all[] = {p->values, p->grads, p->momentum, p->descents};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dnx_device_free(p->device, all[k]);
    for (int k = 0; k < 2; k++) dnx_device_unpin(p->device, p->pinned[k]);
    free(p->descents_here);
}

void dnx_gpu_upload(dnx_net *net, int i) {
    dnx_placed_layer *layer = &dnx_placed_of(net)->layers[i];
    const float *v = net->trains ? net->sgd.momentum + net->sgd.of[i].momentum_at : NULL;
    if (!layer->is_changed) return;
    for (int k = 0; k < layer->l.node->n_params; k++) {
        const size_t count = layer->l.node->params[k].count;
        dnx_device_put(layer->l.device, layer->l.value[k], layer->l.node->params[k].value,
                       sizeof(float) * count);
        if (!v || !is_trained(layer, k)) continue;
        dnx_device_put(layer->l.device, layer->l.momentum[k], v, sizeof(float) * count);
        v += count;
    }
    layer->is_changed = false;
    layer->is_unprepared = true;
}

void dnx_gpu_changed(dnx_net *net, int i) {
    if (!net->placed) return;
    dnx_gpu_catch_up(net, i);
    dnx_placed_of(net)->layers[i].is_changed = true;
}

void dnx_gpu_catch_up(dnx_net *net, int i) {
    dnx_placed *p = net->placed;
    dnx_placed_layer *layer = p ? &p->layers[i] : NULL;
    if (!layer || !layer->is_ahead) return;
    const float *values = p->pinned[p->complete] + layer->at, *momentum = values + p->floats;
    float *v = net->sgd.momentum + net->sgd.of[i].momentum_at;
    for (int k = 0; k < layer->l.node->n_params; k++) {
        const size_t count = layer->l.node->params[k].count;
        memcpy(layer->l.node->params[k].value, values, sizeof(float) * count);
        if (is_trained(layer, k)) {
            memcpy(v, momentum, sizeof(float) * count);
            v += count;
        }
        values += count;
        momentum += count;
    }
    layer->is_ahead = false;
}

void dnx_gpu_prepare(dnx_net *net, int i) {
    dnx_placed_layer *layer = &dnx_placed_of(net)->layers[i];
    if (layer->l.type->prepare) layer->l.type->prepare(&layer->l);
    layer->is_unprepared = false;
}

static bool updates_on_device(const dnx_net *net, int i) {
    return dnx_placed_of(net)->layers[i].l.type && net->o.clip_norm <= 0 &&
           net->sgd.of[i].exclusivity <= 0;
}

/* Copies gradients and untrained parameters of layers that the CPU updates. When queues is true,
 * starts to copy them from the device to pinned memory, and clears the gradients on the device.
 * When queues is false, copies them from pinned memory to the layers on the CPU. */
static void copy_gradients(dnx_net *net, float *pinned, bool queues) {
    for (int i = net->first_trained; i < net->n; i++) {
        dnx_gpu_layer *l = &dnx_placed_of(net)->layers[i].l;
        float *at = pinned + dnx_placed_of(net)->layers[i].at;
        for (int k = 0; l->type && !updates_on_device(net, i) && k < l->node->n_params; k++) {
            const size_t bytes = sizeof(float) * l->node->params[k].count;
            float *here = l->grad[k] ? l->node->params[k].grad : l->node->params[k].value;
            if (!queues) memcpy(here, at, bytes);
            else dnx_device_fetch(l->device, at, l->grad[k] ? l->grad[k] : l->value[k], bytes);
            if (queues && l->grad[k]) dnx_device_clear(l->device, l->grad[k], bytes);
            at += l->node->params[k].count;
        }
    }
}

void dnx_gpu_fetch_gradients(dnx_net *net) {
    dnx_placed *p = dnx_placed_of(net);
    float *pinned = p->pinned[!p->complete]; /* this buffer is free until bring_back() */
    copy_gradients(net, pinned, true);
    if (!dnx_device_status(p->device, NULL)) copy_gradients(net, pinned, false);
}

static void add_descents(dnx_net *net, int i, int batch, float rate, float momentum, float decay) {
    dnx_placed *p = dnx_placed_of(net);
    const dnx_layer_sgd *of = &net->sgd.of[i];
    const dnx_placed_layer *layer = &p->layers[i];
    for (int k = 0; k < layer->l.node->n_params; k++)
        if (is_trained(layer, k))
            p->descents_here[p->n_descents++] = (struct dnx_cuda_descent){
                .at = layer->l.value[k] - p->values,
                .count = (long)layer->l.node->params[k].count,
                .rate = rate * of->rate / (float)batch,
                .momentum = momentum,
                .decay = decay * of->decay * layer->l.node->params[k].decay * (float)batch,
                .nesterov = net->o.nesterov != 0};
}

static void descend(dnx_net *net) {
    dnx_placed *p = dnx_placed_of(net);
    struct descend_args a = {
        .w = p->values, .g = p->grads, .v = p->momentum, .descents = p->descents};
    if (!p->n_descents) return;
    dnx_device_put(p->device, p->descents, p->descents_here,
                   sizeof *p->descents * (size_t)p->n_descents);
    dnx_device_launch(p->device, DNX_CUDA_descend, DNX_CUDA_DESCENT, p->n_descents, 1, &a);
}

/* Copies parameters and momentum from the device to the one pinned buffer that does not hold the
 * last complete copy. So a complete copy remains when the device fails during this copy. */
static void bring_back(dnx_net *net) {
    dnx_placed *p = dnx_placed_of(net);
    float *to = p->pinned[!p->complete];
    dnx_device_fetch(p->device, to, p->values, sizeof(float) * p->floats);
    dnx_device_fetch(p->device, to + p->floats, p->momentum, sizeof(float) * p->floats);
    if (dnx_device_status(p->device, NULL)) return;
    p->complete = !p->complete;
    for (int i = net->first_trained; i < net->n; i++)
        if (updates_on_device(net, i)) p->layers[i].is_ahead = true;
}

void dnx_gpu_update(dnx_net *net, int batch, float rate, float momentum, float decay) {
    dnx_placed *p = dnx_placed_of(net);
    p->n_descents = 0;
    bool is_any = false, is_all = true;
    for (int i = net->first_trained; i < net->n; i++) {
        const bool is_here = updates_on_device(net, i);
        if (is_here) add_descents(net, i, batch, rate, momentum, decay);
        is_any = is_any || is_here;
        is_all = is_all && (is_here || !p->layers[i].l.type);
    }
    /* With clip_norm, dnx_net_update_begin() has already fetched the gradients. */
    if (!is_all && net->o.clip_norm <= 0) dnx_gpu_fetch_gradients(net);
    descend(net);
    for (int i = net->first_trained; i < net->n; i++)
        /* Runs before bring_back(), because prepare() may change the parameters. */
        if (updates_on_device(net, i)) dnx_gpu_prepare(net, i);
    if (is_any) bring_back(net);
}

bool dnx_gpu_is_updated(dnx_net *net, int i) {
    return updates_on_device(net, i) || dnx_device_status(dnx_placed_of(net)->device, NULL);
}
