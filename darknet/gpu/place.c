/* place.c - records which side has the newest values of each tensor of a network, and copies
 * tensors between the processor and a GPU. */
#include "gpu/place.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For one layer: which copies of its output y and of the gradient dy are up to date. */
typedef struct {
    bool y_host, y_device, dy_host, dy_device;
} copies;

typedef struct {
    dnx_gpu_layer l;     /* l.type NULL: the processor runs the layer */
    size_t at;           /* index of its first parameter in values, grads and momentum below */
    bool is_changed;     /* the parameters on the processor are newer */
    bool is_unprepared;  /* prepare() has not seen the newest parameters */
} half;

typedef struct {
    dnx_device *device;
    half *halves;
    copies *copies;
    float *values, *grads, *momentum; /* parameters of all layers on the device */
    size_t floats;                    /* the length of each of these arrays */
    float *staging;                   /* 2 * floats of pinned memory */
    double *losses;                   /* a batch, on the processor */
    float *outputs, *deltas, *input, *scratch;
    bool input_on_device;
} placed;

static struct {
    dnx_device *device;
    dnx_precision precision;
    dnx_placement placement;
} gpu;

static placed *of(const dnx_net *net) { return net->placed; }
static float *y_on_device(const dnx_net *net, int i) {
    return of(net)->outputs + (net->links[i].y - net->plan.outputs);
}
static float *dy_on_device(const dnx_net *net, int i) {
    return of(net)->deltas + (net->links[i].dy - net->plan.deltas);
}
static size_t bytes_of(const dnx_net *net, int i, int batch) {
    return sizeof(float) * dnx_size(net->nodes[i].out) * (size_t)batch;
}

/* ---- building ---- */

static const dnx_gpu_type *half_of(const dnx_node *n) {
    for (const dnx_gpu_type *const *t = dnx_gpu->types; *t; t++)
        if ((*t)->type == n->type && (!(*t)->can || (*t)->can(n))) return *t;
    return NULL;
}

static dnx_status make_half(dnx_net *net, int i, dnx_err *err) {
    half *h = &of(net)->halves[i];
    dnx_gpu_layer *l = &h->l;
    l->node = &net->nodes[i];
    const dnx_gpu_type *type = half_of(l->node);
    const dnx_distillation *d = l->node->distillation;
    if (!type) return DNX_OK;
    if (d && d->head && of(net)->halves[d->head->index].l.type)
        l->head = &of(net)->halves[d->head->index].l;
    l->type = type;
    l->device = of(net)->device;
    l->precision = gpu.precision;
    l->n_params = dnx_net_params(net, i, l->params);
    h->at = of(net)->floats;
    h->is_changed = true;
    for (int k = 0; k < l->n_params; k++) of(net)->floats += l->params[k].count;
    l->state = calloc(1, type->state_size + 1);
    if (!l->state) return dnx_fail(err, DNX_EMEM, l->node->loc, "no memory");
    return type->make ? type->make(l, err) : DNX_OK;
}

static void set_pointers(dnx_net *net, int i) {
    placed *p = of(net);
    dnx_gpu_layer *l = &p->halves[i].l;
    size_t at = p->halves[i].at;
    l->scratch = p->scratch;
    for (int k = 0; l->type && k < l->n_params; k++) {
        const dnx_param *w = &l->params[k];
        l->value[k] = p->values + at;
        if (w->is_trained && w->grad) {
            l->grad[k] = p->grads + at;
            l->momentum[k] = p->momentum + at;
        }
        at += w->count;
    }
}

static dnx_status allocate(dnx_net *net, float **to, size_t floats, dnx_err *err) {
    void *p;
    dnx_status st = dnx_device_new(of(net)->device, &p, floats * sizeof(float), err);
    *to = p;
    return st;
}

static void take_away(dnx_net *net) {
    placed *p = of(net);
    for (int i = 0; p->halves && i < net->n; i++) {
        dnx_gpu_layer *l = &p->halves[i].l;
        if (l->type && l->type->unmake && l->state) l->type->unmake(l);
        for (int k = 0; k < l->n_memory; k++) dnx_device_free(p->device, l->memory[k]);
        free(l->state);
    }
    float *all[] = {p->values, p->grads, p->momentum, p->outputs, p->deltas, p->input, p->scratch};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dnx_device_free(p->device, all[k]);
    dnx_device_unpin(p->device, p->staging);
    free(p->halves);
    free(p->copies);
    free(p->losses);
    free(p);
    net->placed = NULL;
}

static dnx_status place(dnx_net *net, const dnx_placement *with, dnx_err *err) {
    placed *p = net->placed = calloc(1, sizeof *p);
    const dnx_loc at = {net->file, 0};
    if (!p) return dnx_fail(err, DNX_EMEM, at, "no memory");
    p->device = with->device;
    p->halves = calloc((size_t)net->n, sizeof *p->halves);
    p->copies = calloc((size_t)net->n, sizeof *p->copies);
    p->losses = calloc((size_t)net->batch, sizeof *p->losses);
    if (!p->halves || !p->copies || !p->losses) return dnx_fail(err, DNX_EMEM, at, "no memory");
    size_t scratch = 0;
    dnx_status st = DNX_OK;
    for (int i = 0; i < net->n && !st; i++) {
        st = make_half(net, i, err);
        if (p->halves[i].l.scratch_floats > scratch) scratch = p->halves[i].l.scratch_floats;
    }
    if (!st) st = allocate(net, &p->values, p->floats, err);
    if (!st && net->trains) st = allocate(net, &p->grads, p->floats, err);
    if (!st && net->trains) st = allocate(net, &p->momentum, p->floats, err);
    if (!st && net->trains) st = allocate(net, &p->deltas, net->plan.delta_floats, err);
    if (!st) st = allocate(net, &p->outputs, net->plan.output_floats, err);
    if (!st) st = allocate(net, &p->input, dnx_size(net->in) * (size_t)net->batch, err);
    if (!st) st = allocate(net, &p->scratch, scratch, err);
    void *staging = NULL;
    if (!st) st = dnx_device_pinned(p->device, &staging, 2 * p->floats * sizeof(float), err);
    p->staging = staging;
    for (int i = 0; i < net->n && !st; i++) set_pointers(net, i);
    return st;
}

/* ---- parameters ---- */

/* Copies the parameters of layer i (or their momentum) from the processor's arrays to the staging
 * memory s, which holds all layers; with `back`, from s to the arrays. */
static void stage(dnx_net *net, int i, float *s, bool is_momentum, bool back) {
    const half *h = &of(net)->halves[i];
    s += h->at;
    float *v = net->trains ? net->sgd.momentum + net->sgd.momentum_at[i] : NULL;
    for (int k = 0; k < h->l.n_params; k++) {
        const dnx_param *w = &h->l.params[k];
        const bool has_momentum = w->is_trained && w->grad && v;
        float *own = is_momentum ? has_momentum ? v : NULL : w->value;
        if (own) memcpy(back ? own : s, back ? s : own, sizeof(float) * w->count);
        if (has_momentum) v += w->count;
        s += w->count;
    }
}

static size_t floats_of(const half *h) {
    size_t floats = 0;
    for (int k = 0; k < h->l.n_params; k++) floats += h->l.params[k].count;
    return floats;
}

static void upload(dnx_net *net, int i) {
    placed *p = of(net);
    half *h = &p->halves[i];
    const size_t bytes = sizeof(float) * floats_of(h);
    stage(net, i, p->staging, false, false);
    dnx_device_put(p->device, p->values + h->at, p->staging + h->at, bytes);
    if (net->trains) {
        memset(p->staging + h->at, 0, bytes);
        stage(net, i, p->staging, true, false);
        dnx_device_put(p->device, p->momentum + h->at, p->staging + h->at, bytes);
    }
    h->is_changed = false;
    h->is_unprepared = true;
}

static void changed(dnx_net *net, int i) {
    if (net->placed) of(net)->halves[i].is_changed = true;
}

static void fetch_gradients(dnx_net *net, int i) {
    placed *p = of(net);
    dnx_gpu_layer *l = &p->halves[i].l;
    for (int k = 0; l->type && k < l->n_params; k++) {
        const size_t bytes = sizeof(float) * l->params[k].count;
        if (l->grad[k]) {
            dnx_device_get(p->device, l->params[k].grad, l->grad[k], bytes);
            dnx_device_clear(p->device, l->grad[k], bytes);
        } else dnx_device_get(p->device, l->params[k].value, l->value[k], bytes);
    }
}

/* The device updates the layers that it runs, except with clip_norm or weight exclusivity. */
static bool updates_on_device(const dnx_net *net, int i) {
    return of(net)->halves[i].l.type && net->o.clip_norm <= 0 && net->links[i].exclusivity <= 0;
}

static void descend(dnx_net *net, int i, int batch, float rate, float momentum, float decay) {
    const dnx_link *link = &net->links[i];
    half *h = &of(net)->halves[i];
    dnx_gpu_layer *l = &h->l;
    for (int k = 0; k < l->n_params; k++) {
        struct descend_args a = {.w = l->value[k], .g = l->grad[k], .v = l->momentum[k],
                                 .count = (long)l->params[k].count, .momentum = momentum,
                                 .rate = rate * link->rate / (float)batch,
                                 .decay = decay * link->decay * l->params[k].decay * (float)batch,
                                 .nesterov = net->o.nesterov != 0};
        if (l->grad[k]) dnx_device_each(l->device, DNX_CUDA_descend, a.count, &a);
    }
    if (l->type->prepare) l->type->prepare(l); /* may limit the parameters */
    h->is_unprepared = false;
}

/* Copies the values and momentum of all layers that the device has updated to the processor. After
 * a failure the processor keeps its old values. */
static void download(dnx_net *net) {
    placed *p = of(net);
    float *values = p->staging, *momentum = p->staging + p->floats;
    dnx_device_get(p->device, values, p->values, sizeof(float) * p->floats);
    dnx_device_get(p->device, momentum, p->momentum, sizeof(float) * p->floats);
    if (dnx_device_status(p->device, NULL)) return;
    for (int i = net->first_trained; i < net->n; i++)
        if (updates_on_device(net, i)) {
            stage(net, i, values, false, true);
            stage(net, i, momentum, true, true);
        }
}

static void update(dnx_net *net, int batch, float rate, float momentum, float decay) {
    for (int i = net->first_trained; i < net->n; i++) {
        if (updates_on_device(net, i)) descend(net, i, batch, rate, momentum, decay);
        else if (net->o.clip_norm <= 0) fetch_gradients(net, i); /* clip_norm: already fetched */
    }
    download(net);
}

static bool is_updated(dnx_net *net, int i) {
    return updates_on_device(net, i) || dnx_device_status(of(net)->device, NULL);
}

/* ---- passes ---- */

static void need_on_host(dnx_net *net, int i, int batch) {
    copies *t = &of(net)->copies[i];
    if (t->y_host || !t->y_device) return;
    dnx_device_get(of(net)->device, net->links[i].y, y_on_device(net, i), bytes_of(net, i, batch));
    if (dnx_device_status(of(net)->device, NULL)) /* NaN, so that old values are never results */
        for (size_t k = 0; k < bytes_of(net, i, batch) / sizeof(float); k++)
            net->links[i].y[k] = NAN;
    t->y_host = true;
}

static void need_on_device(dnx_net *net, int i, int batch) {
    copies *t = &of(net)->copies[i];
    if (t->y_device) return;
    dnx_device_put(of(net)->device, y_on_device(net, i), net->links[i].y, bytes_of(net, i, batch));
    t->y_device = true;
}

static void need_dy(dnx_net *net, int i, int batch, bool on_device) {
    copies *t = &of(net)->copies[i];
    if (on_device && !t->dy_device)
        dnx_device_put(of(net)->device, dy_on_device(net, i), net->links[i].dy,
                       bytes_of(net, i, batch));
    if (!on_device && !t->dy_host)
        dnx_device_get(of(net)->device, net->links[i].dy, dy_on_device(net, i),
                       bytes_of(net, i, batch));
    *(on_device ? &t->dy_device : &t->dy_host) = true;
}

/* Makes the inputs of layer i available where the layer runs, and sets p->x to them. */
static void bring_inputs(dnx_net *net, int i, dnx_pass *p, bool on_device) {
    placed *at = of(net);
    const dnx_node *n = &net->nodes[i];
    for (int k = 0; k < n->n_in; k++) {
        const int from = n->from[k];
        if (from < 0 && on_device && !at->input_on_device) {
            dnx_device_put(at->device, at->input, p->x[k],
                           sizeof(float) * dnx_size(net->in) * (size_t)p->batch);
            at->input_on_device = true;
        }
        if (from >= 0 && on_device) need_on_device(net, from, p->batch);
        if (from >= 0 && !on_device) need_on_host(net, from, p->batch);
        if (on_device) p->x[k] = from < 0 ? at->input : y_on_device(net, from);
    }
}

/* The loss of layer l, summed over the batch. After a failure of the device it is NaN. */
static double loss_of(placed *at, const dnx_gpu_layer *l, int batch) {
    double sum = 0;
    for (int b = 0; b < batch; b++) at->losses[b] = (double)NAN;
    dnx_device_get(at->device, at->losses, l->losses, sizeof(double) * (size_t)batch);
    for (int b = 0; b < batch; b++) sum += at->losses[b];
    return sum;
}

static void forward(dnx_net *net, int i, dnx_pass *p) {
    placed *at = of(net);
    half *h = &at->halves[i];
    dnx_node *n = &net->nodes[i];
    const bool on_device = h->l.type != NULL;
    if (i == 0) at->input_on_device = false;
    bring_inputs(net, i, p, on_device);
    if (on_device) {
        if (h->is_changed) upload(net, i);
        if (h->is_unprepared && h->l.type->prepare) h->l.type->prepare(&h->l);
        h->is_unprepared = false;
        p->y = y_on_device(net, i);
        if (h->l.type->bring) h->l.type->bring(&h->l, p);
        h->l.type->forward(&h->l, p);
        if (h->l.losses) p->loss = loss_of(at, &h->l, p->batch);
    } else n->type->forward(n, p);
    at->copies[i].y_device = on_device;
    at->copies[i].y_host = !on_device;
}

static void backward(dnx_net *net, int i, dnx_pass *p) {
    placed *at = of(net);
    half *h = &at->halves[i];
    dnx_node *n = &net->nodes[i];
    const bool on_device = h->l.type != NULL;
    if (i == net->n - 1) at->copies[i].dy_host = !(at->copies[i].dy_device = false);
    bring_inputs(net, i, p, on_device);
    if (p->dy) need_dy(net, i, p->batch, on_device);
    if (!on_device) need_on_host(net, i, p->batch);
    for (int k = 0; k < n->n_in; k++) {
        const int from = n->from[k];
        if (!p->dx[k]) continue;
        if (p->dx_adds[k]) need_dy(net, from, p->batch, on_device);
        at->copies[from].dy_device = on_device;
        at->copies[from].dy_host = !on_device;
        if (on_device) p->dx[k] = dy_on_device(net, from);
    }
    if (!on_device) {
        n->type->backward(n, p);
        return;
    }
    p->y = y_on_device(net, i);
    if (p->dy) p->dy = dy_on_device(net, i);
    h->l.type->backward(&h->l, p);
}

static void clear_dy(dnx_net *net, int i, int batch) {
    (void)batch;
    of(net)->copies[i].dy_host = true;
    of(net)->copies[i].dy_device = false;
}

static dnx_status status(dnx_net *net, dnx_err *err) {
    return dnx_device_status(of(net)->device, err);
}

static bool is_elsewhere(const dnx_net *net, int i) { return of(net)->halves[i].l.type != NULL; }

/* ---- the device ---- */

dnx_status dnx_gpu_open(int index, dnx_precision precision, const dnx_placement **out,
                        dnx_err *err) {
    *out = NULL;
    if (!dnx_gpu)
        return dnx_fail(err, DNX_EIO, (dnx_loc){0}, "this build has no code for a GPU: make GPU=1");
    dnx_status st = dnx_device_open(index, dnx_gpu->ptx, &gpu.device, err);
    if (st) return st;
    gpu.precision = precision;
    gpu.placement = (dnx_placement){
        .place = place, .remove = take_away, .forward = forward, .backward = backward,
        .clear_dy = clear_dy, .fetch = need_on_host, .changed = changed,
        .fetch_gradients = fetch_gradients, .update = update, .is_updated = is_updated,
        .status = status, .is_elsewhere = is_elsewhere, .device = gpu.device};
    const dnx_device_facts *f = dnx_device_is(gpu.device);
    static const char *const words[] = {"float32", "tf32", "bfloat16"};
    snprintf(gpu.placement.name, sizeof gpu.placement.name, "GPU %d: %s, %s", f->index, f->name,
             words[precision]);
    *out = &gpu.placement;
    return DNX_OK;
}

void dnx_gpu_close(void) {
    dnx_device_close(gpu.device);
    gpu.device = NULL;
}
