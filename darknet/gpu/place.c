/* place.c - opens a GPU, and places the layers of a network on it. */
#include "gpu/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpu/placed.h"

static struct {
    dnx_device *device;
    dnx_precision precision;
    dnx_placement placement;
} gpu;

static const dnx_gpu_type *half_of(const dnx_node *n) {
    for (const dnx_gpu_pair *t = dnx_gpu->types; t->type; t++)
        if (t->type == n->type && (!t->gpu->can || t->gpu->can(n))) return t->gpu;
    return NULL;
}

/* True when layer i must run on the CPU: every frozen loss must. d->head is the classifier that
 * gives the logits of a loss of distillation. If the GPU cannot run one of the two layers, both
 * must run on the CPU. */
static bool must_stay(const dnx_net *net, int i) {
    const dnx_node *n = &net->nodes[i];
    const dnx_distillation *d = n->distillation;
    if (d && d->head && !dnx_placed_of(net)->layers[d->head->index].l.type) return true;
    for (int k = i + 1; k < net->n; k++) {
        d = net->nodes[k].distillation;
        if (d && d->head == n && !half_of(&net->nodes[k])) return true;
    }
    return n->type->is_loss && net->trains && !n->trains;
}

static const dnx_gpu_type *type_of(const dnx_net *net, int i) {
    return must_stay(net, i) ? NULL : half_of(&net->nodes[i]);
}

/* True when layer i leaves its batch norm and activation to its reader. Layer i must have only one
 * reader, and this reader must be able to apply both while it loads its input. */
static bool defers(const dnx_net *net, int i) {
    int readers = 0;
    bool loads = false;
    if (!net->nodes[i].trains || !type_of(net, i)->may_defer) return false;
    for (int j = i + 1; j < net->n; j++)
        for (int k = 0; k < net->nodes[j].n_in; k++) {
            if (net->nodes[j].from[k] != i) continue;
            const dnx_gpu_type *t = type_of(net, j);
            loads = t && t->loads && t->loads(&net->nodes[j]);
            readers++;
        }
    return readers == 1 && loads;
}

static bool adds_residual(const dnx_net *net, int i) {
    /* For a loss, type_of() would need net->placed, which is not set yet. */
    if (net->nodes[i].type->is_loss) return false;
    const dnx_gpu_type *t = type_of(net, i);
    return t && t->adds_residual;
}

static dnx_status make_half(dnx_net *net, int i, dnx_err *err) {
    dnx_placed_layer *layer = &dnx_placed_of(net)->layers[i];
    dnx_gpu_layer *l = &layer->l;
    l->node = &net->nodes[i];
    const dnx_gpu_type *type = type_of(net, i);
    const dnx_distillation *d = l->node->distillation;
    if (!type) return DNX_OK;
    if (d && d->head) l->head = &dnx_placed_of(net)->layers[d->head->index].l;
    l->type = type;
    l->defers = defers(net, i);
    for (int k = 0; k < l->node->n_in; k++) {
        const int from = l->node->from[k];
        dnx_gpu_layer *before = from < 0 ? NULL : &dnx_placed_of(net)->layers[from].l;
        if (before && before->defers) l->deferred[k] = before;
    }
    l->device = dnx_placed_of(net)->device;
    l->precision = gpu.precision;
    layer->at = dnx_placed_of(net)->floats;
    layer->is_changed = true;
    for (int k = 0; k < l->node->n_params; k++)
        dnx_placed_of(net)->floats += l->node->params[k].count;
    l->state = calloc(1, type->state_size + 1);
    if (!l->state) return dnx_fail(err, DNX_EMEM, l->node->loc, "no memory");
    dnx_status st = type->make ? type->make(l, err) : DNX_OK;
    void *losses = NULL;
    if (!st && l->losses)
        st = dnx_device_pinned(l->device, &losses, sizeof(double) * (size_t)net->batch, err);
    layer->losses = losses;
    return st;
}

static void take_away(dnx_net *net) {
    dnx_placed *p = dnx_placed_of(net);
    dnx_gpu_forget_images(net);
    for (int i = 0; p->layers && i < net->n; i++) {
        dnx_gpu_layer *l = &p->layers[i].l;
        for (int k = 0; k < l->n_memory; k++) dnx_device_free(p->device, l->memory[k]);
        dnx_device_unpin(p->device, p->layers[i].losses);
        free(l->state);
    }
    dnx_gpu_free_parameters(net);
    float *all[] = {p->outputs, p->deltas, p->images[0], p->images[1], p->scratch};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dnx_device_free(p->device, all[k]);
    free(p->layers);
    free(p->copies);
    free(p);
    net->placed = NULL;
}

static dnx_status make(dnx_net *net, dnx_device *device, dnx_err *err) {
    dnx_placed *p = net->placed = calloc(1, sizeof *p);
    const dnx_loc at = {net->file, 0};
    const size_t images = dnx_size(net->in) * (size_t)net->batch;
    size_t scratch = 0;
    dnx_status st = DNX_OK;
    if (!p) return dnx_fail(err, DNX_EMEM, at, "no memory");
    p->device = device;
    p->layers = calloc((size_t)net->n, sizeof *p->layers);
    p->copies = calloc((size_t)net->n, sizeof *p->copies);
    if (!p->layers || !p->copies) return dnx_fail(err, DNX_EMEM, at, "no memory");
    for (int i = 0; i < net->n && !st; i++) {
        st = make_half(net, i, err);
        if (p->layers[i].l.scratch_floats > scratch) scratch = p->layers[i].l.scratch_floats;
    }
    if (!st) st = dnx_gpu_make_parameters(net, err);
    if (!st && net->trains)
        st = dnx_gpu_allocate(net, &p->deltas, net->plan.delta_floats * sizeof(float), err);
    if (!st) st = dnx_gpu_allocate(net, &p->outputs, net->plan.output_floats * sizeof(float), err);
    for (int k = 0; k < (net->trains ? 2 : 1) && !st; k++)
        st = dnx_gpu_allocate(net, &p->images[k], images * sizeof(float), err);
    if (!st) st = dnx_gpu_allocate(net, &p->scratch, scratch * sizeof(float), err);
    for (int i = 0; i < net->n && !st; i++) p->layers[i].l.scratch = p->scratch;
    return st;
}

/* Calls make() twice. The first call only counts memory, so that an error message can say how much
 * is needed. */
static dnx_status place(dnx_net *net, const dnx_placement *with, dnx_err *err) {
    dnx_device_count_begin(with->device);
    dnx_status st = make(net, with->device, err);
    if (net->placed) take_away(net);
    const size_t bytes = dnx_device_count_end(with->device);
    if (!st) st = dnx_device_has(with->device, bytes, err);
    return st ? st : make(net, with->device, err);
}

static dnx_status status(dnx_net *net, dnx_err *err) {
    return dnx_device_status(dnx_placed_of(net)->device, err);
}

static bool is_elsewhere(const dnx_net *net, int i) {
    return dnx_placed_of(net)->layers[i].l.type != NULL;
}

static float *new_images(const dnx_net *net, size_t floats) {
    void *p;
    (void)net;
    return dnx_device_pinned(gpu.device, &p, floats * sizeof(float), NULL) ? NULL : p;
}

static void free_images(const dnx_net *net, float *images) {
    (void)net;
    dnx_device_unpin(gpu.device, images);
}

dnx_status dnx_gpu_open(int index, dnx_precision precision, void (*note)(const char *line),
                        const dnx_placement **out, dnx_err *err) {
    *out = NULL;
    if (!dnx_gpu)
        return dnx_fail_at(err, DNX_EIO, NULL, "this build has no code for a GPU: make GPU=1");
    dnx_status st = dnx_device_open(index, dnx_gpu->ptx, &gpu.device, err);
    if (st) return st;
    dnx_device_notes(gpu.device, note);
    gpu.precision = precision;
    // clang-format off
    gpu.placement = (dnx_placement){
        .place = place, .remove = take_away, .adds_residual = adds_residual,
        .images = dnx_gpu_images, .forward = dnx_gpu_forward, .backward = dnx_gpu_backward,
        .loss = dnx_gpu_loss, .clear_dy = dnx_gpu_clear_dy, .fetch = dnx_gpu_fetch,
        .changed = dnx_gpu_changed, .catch_up = dnx_gpu_catch_up,
        .fetch_gradients = dnx_gpu_fetch_gradients, .update = dnx_gpu_update,
        .is_updated = dnx_gpu_is_updated, .status = status, .is_elsewhere = is_elsewhere,
        .new_images = new_images, .free_images = free_images, .device = gpu.device};
    // clang-format on
    const dnx_device_facts *f = dnx_device_is(gpu.device);
    static const char *const words[] = {"float32", "tf32", "bfloat16"};
    snprintf(gpu.placement.name, sizeof gpu.placement.name, "GPU %d: %s, %s", f->index, f->name,
             words[precision]);
    *out = &gpu.placement;
    return DNX_OK;
}

dnx_work dnx_gpu_work(void) { return gpu.device ? dnx_device_work(gpu.device) : (dnx_work){0}; }

void dnx_gpu_close(void) {
    dnx_device_close(gpu.device);
    gpu.device = NULL;
}
