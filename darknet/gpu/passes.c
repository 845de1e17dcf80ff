/* passes.c - runs layers forward and backward on the GPU or the CPU. Records whether the GPU or the
 * CPU has the newest values of each tensor, and copies a tensor when the other one needs it. */
#include <math.h>
#include <string.h>

#include "cuda/loss.h"
#include "gpu/placed.h"

static float *y_on_device(const dnx_net *net, int i) {
    return dnx_placed_of(net)->outputs + (net->plan.of[i].y - net->plan.outputs);
}
static float *dy_on_device(const dnx_net *net, int i) {
    return dnx_placed_of(net)->deltas + (net->plan.of[i].dy - net->plan.deltas);
}
static size_t bytes_of(const dnx_net *net, int i, int batch) {
    return sizeof(float) * dnx_size(net->nodes[i].out) * (size_t)batch;
}

/* The network of the last dnx_gpu_images(). Its teachers get the same images, so they use its
 * copies of the images on the device. */
static const dnx_net *announced;

static int place_of(const dnx_placed *p, const float *images) {
    for (int k = 0; k < 2; k++)
        if (images && p->image_of[k] == images) return k;
    return -1;
}

/* Starts to copy `images` to a free buffer on the device. Does nothing when the images are on the
 * device already, or when no buffer is free. */
static void bring_beside(dnx_net *net, const float *images) {
    dnx_placed *p = dnx_placed_of(net);
    const int k = p->image_of[0] ? 1 : 0;
    if (!images || place_of(p, images) >= 0 || p->image_of[k]) return;
    dnx_device_put_beside(p->device, p->images[k], images,
                          sizeof(float) * dnx_size(net->in) * (size_t)net->batch);
    p->image_of[k] = images;
}

void dnx_gpu_images(dnx_net *net, const float *now, const float *next) {
    dnx_placed *p = dnx_placed_of(net);
    for (int k = 0; k < 2; k++)
        if (p->image_of[k] != now && p->image_of[k] != next) p->image_of[k] = NULL;
    bring_beside(net, now);
    dnx_device_join(p->device);
    bring_beside(net, next);
    announced = net;
}

void dnx_gpu_forget_images(const dnx_net *net) {
    if (announced == net) announced = NULL;
}

static float *images_on_device(dnx_net *net, const float *x, int batch) {
    dnx_placed *p = dnx_placed_of(net), *other = announced ? dnx_placed_of(announced) : NULL;
    const int there = other && batch == announced->batch ? place_of(other, x) : -1;
    if (there >= 0) return other->images[there];
    if (p->image >= 0) return p->images[p->image];
    p->image = net->trains && p->image_of[0] ? 1 : 0;
    if (p->image_of[p->image]) dnx_device_join(p->device); /* a copy to this buffer may still run */
    p->image_of[p->image] = NULL;
    dnx_device_put(p->device, p->images[p->image], x,
                   sizeof(float) * dnx_size(net->in) * (size_t)batch);
    return p->images[p->image];
}

void dnx_gpu_fetch(dnx_net *net, int i, int batch) {
    dnx_copies *t = &dnx_placed_of(net)->copies[i];
    dnx_device *d = dnx_placed_of(net)->device;
    if (t->y_host || !t->y_device) return;
    dnx_device_get(d, net->plan.of[i].y, y_on_device(net, i), bytes_of(net, i, batch));
    if (dnx_device_status(d, NULL)) /* failed: NaN, because old values would look like results */
        for (size_t k = 0; k < bytes_of(net, i, batch) / sizeof(float); k++)
            net->plan.of[i].y[k] = NAN;
    t->y_host = true;
}

static void need_on_device(dnx_net *net, int i, int batch) {
    dnx_copies *t = &dnx_placed_of(net)->copies[i];
    if (t->y_device) return;
    dnx_device_put(dnx_placed_of(net)->device, y_on_device(net, i), net->plan.of[i].y,
                   bytes_of(net, i, batch));
    t->y_device = true;
}

static void need_dy(dnx_net *net, int i, int batch, bool on_device) {
    dnx_copies *t = &dnx_placed_of(net)->copies[i];
    dnx_device *d = dnx_placed_of(net)->device;
    if (on_device && !t->dy_device)
        dnx_device_put(d, dy_on_device(net, i), net->plan.of[i].dy, bytes_of(net, i, batch));
    if (!on_device && !t->dy_host)
        dnx_device_get(d, net->plan.of[i].dy, dy_on_device(net, i), bytes_of(net, i, batch));
    *(on_device ? &t->dy_device : &t->dy_host) = true;
}

/* Makes the inputs of layer i available where the layer runs. On the device, sets p->x to them. */
static void bring_inputs(dnx_net *net, int i, dnx_pass *p, bool on_device) {
    const dnx_node *n = &net->nodes[i];
    for (int k = 0; k < n->n_in; k++) {
        const int from = n->from[k];
        if (from >= 0 && on_device) need_on_device(net, from, p->batch);
        if (from >= 0 && !on_device) dnx_gpu_fetch(net, from, p->batch);
        if (on_device)
            p->x[k] = from < 0 ? images_on_device(net, p->x[k], p->batch) : y_on_device(net, from);
    }
}

/* Records that the newest y of layer i is on the device or on the CPU. Layers merged into layer i
 * share its y, so the same is recorded for them. */
static void note_output(dnx_net *net, int i, bool on_device) {
    dnx_copies *copies = dnx_placed_of(net)->copies;
    for (int k = i; k == i || (k < net->n && net->plan.of[k].merged_into == i); k++) {
        copies[k].y_device = on_device;
        copies[k].y_host = !on_device;
    }
}

static const float *residual_of(dnx_net *net, int i, int batch) {
    const int from = net->plan.of[i].residual_of;
    if (from < 0) return NULL;
    need_on_device(net, from, batch);
    return y_on_device(net, from);
}

static void bring(dnx_net *net, int i, dnx_pass p) {
    dnx_gpu_layer *l = &dnx_placed_of(net)->layers[i].l;
    p.target = net->links[i].target;
    if (l->type && l->type->bring) l->type->bring(l, &p);
}

/* When training, calls bring() of all layers before the first kernel. bring() copies labels and
 * targets to the device. A copy between two kernels would divide the kernels of this step into two
 * CUDA graphs. */
static void begin(dnx_net *net, const dnx_pass *p) {
    dnx_placed_of(net)->image = -1;
    dnx_placed_of(net)->batch = p->batch;
    for (int k = 0; p->is_training && k < net->n; k++) bring(net, k, *p);
}

double dnx_gpu_loss(dnx_net *net, int i) {
    const dnx_placed *at = dnx_placed_of(net);
    const dnx_placed_layer *layer = &at->layers[i];
    double sum = 0;
    if (!layer->losses) return 0;
    if (dnx_device_status(at->device, NULL)) return (double)NAN;
    for (int b = 0; b < at->batch; b++) sum += layer->losses[b];
    return sum;
}

void dnx_gpu_forward(dnx_net *net, int i, dnx_pass *p) {
    dnx_placed *at = dnx_placed_of(net);
    dnx_placed_layer *layer = &at->layers[i];
    dnx_node *n = &net->nodes[i];
    const bool on_device = layer->l.type != NULL;
    if (i == 0) begin(net, p);
    bring_inputs(net, i, p, on_device);
    if (on_device) {
        dnx_gpu_upload(net, i);
        if (layer->is_unprepared) dnx_gpu_prepare(net, i);
        const dnx_fused fused = {.residual = residual_of(net, i, p->batch)};
        p->fused = &fused;
        p->y = y_on_device(net, i);
        if (!p->is_training) bring(net, i, *p);
        (layer->l.is_idle ? dnx_gpu_idle_forward : layer->l.type->forward)(&layer->l, p);
        if (layer->losses)
            dnx_device_fetch(at->device, layer->losses, layer->l.losses,
                             sizeof(double) * (size_t)p->batch);
    } else n->type->forward(n, p);
    note_output(net, i, on_device);
}

void dnx_gpu_backward(dnx_net *net, int i, dnx_pass *p) {
    dnx_placed *at = dnx_placed_of(net);
    dnx_placed_layer *layer = &at->layers[i];
    dnx_node *n = &net->nodes[i];
    const bool on_device = layer->l.type != NULL;
    if (i == net->n - 1) at->copies[i].dy_host = !(at->copies[i].dy_device = false);
    bring_inputs(net, i, p, on_device);
    if (p->dy) need_dy(net, i, p->batch, on_device);
    if (!on_device) dnx_gpu_fetch(net, i, p->batch);
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
    (layer->l.is_idle ? dnx_gpu_idle_backward : layer->l.type->backward)(&layer->l, p);
}

void dnx_gpu_clear_dy(dnx_net *net, int i, int batch) {
    dnx_placed *p = dnx_placed_of(net);
    const bool on_device = p->layers[i].l.type != NULL;
    if (on_device) dnx_device_clear(p->device, dy_on_device(net, i), bytes_of(net, i, batch));
    p->copies[i].dy_host = true;
    p->copies[i].dy_device = on_device;
}
