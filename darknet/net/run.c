/* run.c - runs the layers of a network forward and backward. */
#include <string.h>

#include "base/clock.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "net/net.h"

static dnx_pass pass_of(dnx_net *net, int lane, int i, const float *x, int batch,
                        const float *truth) {
    const dnx_node *n = &net->nodes[i];
    size_t at = (size_t)lane * net->plan.output_floats;
    dnx_pass p = {.batch = batch,
                  .y = net->plan.of[i].y + at,
                  .scratch = net->plan.scratch + (size_t)lane * net->plan.scratch_floats,
                  .truth = truth,
                  .target = net->links[i].target,
                  .seen = net->seen,
                  .update = net->seen / (uint64_t)net->o.batch};
    for (int k = 0; k < n->n_in; k++) p.x[k] = n->from[k] < 0 ? x : net->plan.of[n->from[k]].y + at;
    return p;
}

static dnx_fused fused_of(const dnx_net *net, int lane, int i) {
    const dnx_node *n = &net->nodes[i];
    size_t at = (size_t)lane * net->plan.output_floats;
    int before = n->n_in > 0 ? n->from[0] : -1, residual = net->plan.of[i].residual_of;
    return (dnx_fused){.residual = residual < 0 ? NULL : net->plan.of[residual].y + at,
                       .deferred = before < 0 ? NULL : net->plan.of[before].deferred};
}

/* Returns the loss of layer i, summed over the batch; 0 when a device runs layer i. */
static double forward(dnx_net *net, int lane, int i, const float *x, int batch, dnx_phase phase,
                      const float *truth) {
    if (net->plan.of[i].merged_into >= 0) return 0;
    dnx_pass p = pass_of(net, lane, i, x, batch, truth);
    dnx_fused fused = fused_of(net, lane, i);
    p.is_training = phase == DNX_TRAINING;
    p.fused = &fused;
    if (net->placement) net->placement->forward(net, i, &p);
    else net->nodes[i].type->forward(&net->nodes[i], &p);
    return p.loss;
}

void dnx_net_forward_layer(dnx_net *net, int i, const float *x, int batch, dnx_phase phase,
                           const float *truth, double *loss) {
    net->links[i].loss = forward(net, 0, i, x, batch, phase, truth);
    if (loss) *loss = dnx_net_loss(net, i);
}

double dnx_net_loss(dnx_net *net, int i) {
    const dnx_placement *p = net->placement;
    return p && p->is_elsewhere(net, i) ? p->loss(net, i) : net->links[i].loss;
}

void dnx_net_backward_begin(dnx_net *net) {
    for (int i = 0; i < net->n; i++) net->plan.of[i].dy_written = false;
    if (!net->nodes[net->n - 1].type->is_loss)
        net->plan.of[dnx_net_root(net, net->n - 1)].dy_written = true;
}

/* Passes the dy of a merged [shortcut] on to its second input. */
static void pass_residual_on(dnx_net *net, int i, int batch) {
    dnx_layer_plan *to = &net->plan.of[dnx_net_root(net, net->nodes[i].from[1])];
    size_t size = dnx_size(net->nodes[i].out) * (size_t)batch;
    if (to->dy_written) dnx_kernels()->add(net->plan.of[i].dy, size, to->dy);
    else memcpy(to->dy, net->plan.of[i].dy, sizeof(float) * size);
    to->dy_written = true;
}

void dnx_net_backward_layer(dnx_net *net, int i, const float *x, int batch, const float *truth) {
    if (i < net->first_trained) return;
    dnx_node *n = &net->nodes[i];
    dnx_layer_plan *l = &net->plan.of[dnx_net_root(net, i)];
    size_t size = dnx_size(n->out) * (size_t)batch;
    if (!l->dy_written && !n->type->is_loss) {
        memset(l->dy, 0, sizeof(float) * size); /* no layer reads this output */
        if (net->placement) net->placement->clear_dy(net, i, batch);
        l->dy_written = true;
    }
    if (net->plan.of[i].merged_into >= 0) {
        if (n->from[1] >= net->first_trained) pass_residual_on(net, i, batch);
        return;
    }
    dnx_pass p = pass_of(net, 0, i, x, batch, truth);
    dnx_fused fused = {.deferred = fused_of(net, 0, i).deferred};
    p.is_training = true;
    p.fused = &fused;
    p.dy = l->dy_written ? l->dy : NULL;
    for (int k = 0; k < n->n_in; k++) {
        if (n->from[k] < net->first_trained) continue; /* the input is frozen, or the image */
        dnx_layer_plan *to = &net->plan.of[dnx_net_root(net, n->from[k])];
        p.dx[k] = to->dy;
        p.dx_adds[k] = to->dy_written;
        to->dy_written = true;
    }
    if (net->placement) net->placement->backward(net, i, &p);
    else n->type->backward(n, &p);
}

float *dnx_net_new_images(const dnx_net *net, size_t floats, bool *is_of_net) {
    float *images = net->placement ? net->placement->new_images(net, floats) : NULL;
    *is_of_net = images != NULL;
    return images ? images : dnx_alloc(floats);
}

void dnx_net_free_images(const dnx_net *net, float *images, bool is_of_net) {
    if (is_of_net) net->placement->free_images(net, images);
    else dnx_free(images);
}

void dnx_net_images(dnx_net *net, const float *now, const float *next) {
    if (net->placement) net->placement->images(net, now, next);
}

const float *dnx_net_output(dnx_net *net, int i, int batch) {
    if (net->placement) net->placement->fetch(net, i, batch);
    return net->plan.of[i].y;
}

dnx_status dnx_net_status(dnx_net *net, dnx_err *err) {
    return net->placement ? net->placement->status(net, err) : DNX_OK;
}

/* Does the work of dnx_net_own_output() for the images of one lane. */
static const float *output(dnx_net *net, int lane, int i, const float *x, int batch, float *room) {
    if (net->trains || !net->plan.of[i].deferred)
        return dnx_net_output(net, i, batch) + (size_t)lane * net->plan.output_floats;
    dnx_pass p = pass_of(net, lane, i, x, batch, NULL);
    p.y = room;
    net->nodes[i].type->forward(&net->nodes[i], &p);
    return room;
}

const float *dnx_net_own_output(dnx_net *net, int i, const float *x, int batch, float *room) {
    return output(net, 0, i, x, batch, room);
}

typedef struct {
    dnx_net *net;
    const float *x;
    int batch, last;
    const dnx_tap *taps;
    int n_taps;
} job;

static void copy(const job *j, int lane, int layer, const float *x, int first, int count) {
    size_t size = dnx_size(j->net->nodes[layer].out);
    for (int k = 0; k < j->n_taps; k++) {
        float *out = j->taps[k].out + (size_t)first * size;
        if (j->taps[k].layer != layer) continue;
        const float *y = output(j->net, lane, layer, x, count, out);
        if (y != out) memcpy(out, y, sizeof(float) * size * (size_t)count);
    }
}

static void run_chunk(void *arg, int lane, long c) {
    job *j = arg;
    dnx_net *net = j->net;
    double *laps = net->plan.laps ? net->plan.laps + (size_t)lane * (size_t)net->n : NULL;
    int b = (int)c * net->chunk, count = j->batch - b < net->chunk ? j->batch - b : net->chunk;
    const float *x = j->x + (size_t)b * dnx_size(net->in);
    for (int i = 0; i <= j->last; i++) {
        double start = laps ? dnx_now() : 0;
        forward(net, lane, i, x, count, DNX_PREDICTING, NULL);
        if (laps) dnx_net_status(net, NULL); /* waits until a device has finished */
        copy(j, lane, i, x, b, count);
        if (laps) laps[i] += dnx_now() - start;
    }
}

void dnx_net_run_taps(dnx_net *net, const float *x, int batch, const dnx_tap *taps, int n) {
    job j = {.net = net, .x = x, .batch = batch, .taps = taps, .n_taps = n};
    bool fits = net->plan.lanes > 1;
    for (int k = 0; k < n; k++)
        if (taps[k].layer > j.last) j.last = taps[k].layer;
    for (int i = 0; i <= j.last; i++) fits = fits && net->nodes[i].type->is_reentrant;
    dnx_flush_denormals();
    long chunks = (batch + net->chunk - 1) / net->chunk;
    if (fits) dnx_pool_each(net->pool, chunks, run_chunk, &j);
    for (long c = 0; !fits && c < chunks; c++) run_chunk(&j, 0, c);
}

void dnx_net_run(dnx_net *net, const float *x, int batch, int last, float *out) {
    dnx_tap tap = {last, out};
    dnx_net_run_taps(net, x, batch, &tap, 1);
}

const float *dnx_net_predict(dnx_net *net, const float *x, int batch) {
    dnx_net_run(net, x, batch, net->n - 1, net->plan.result);
    return net->plan.result;
}

dnx_status dnx_net_prepare(dnx_net *net, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (int i = 0; i < net->n && !st; i++) st = dnx_net_release_params(net, i, err);
    return st;
}

dnx_status dnx_net_restore_params(dnx_net *net, int i, dnx_param *list, int *count, dnx_err *err) {
    dnx_node *n = &net->nodes[i];
    n->keeps_no_weights = false;
    dnx_status st = dnx_restore_params(n, err);
    *count = st ? 0 : dnx_net_params(net, i, list);
    return st;
}

dnx_status dnx_net_release_params(dnx_net *net, int i, dnx_err *err) {
    dnx_node *n = &net->nodes[i];
    n->keeps_no_weights = net->keeps_no_weights;
    if (net->placement) net->placement->changed(net, i);
    return n->type->prepare ? n->type->prepare(n, err) : DNX_OK;
}

int dnx_net_params(dnx_net *net, int i, dnx_param *list) {
    const dnx_node *n = &net->nodes[i];
    if (net->placement) net->placement->catch_up(net, i);
    if (list) memcpy(list, n->params, sizeof *list * (size_t)n->n_params);
    return n->n_params;
}

size_t dnx_net_count(dnx_net *net, int i) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t count = 0;
    int n = dnx_net_params(net, i, list);
    for (int k = 0; k < n; k++) count += list[k].is_trained ? list[k].count : 0;
    return count;
}

size_t dnx_net_copy_params(dnx_net *from, int i, dnx_net *to, int k) {
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    size_t count = 0;
    int n = dnx_net_params(from, i, a);
    dnx_net_params(to, k, b);
    for (int p = 0; p < n; p++) {
        memcpy(b[p].value, a[p].value, sizeof(float) * a[p].count);
        count += a[p].count;
    }
    return count;
}

size_t dnx_net_memory(const dnx_net *net) {
    size_t of_lane = net->plan.output_floats + net->plan.scratch_floats;
    return sizeof(float) * ((size_t)net->plan.lanes * of_lane + net->plan.delta_floats);
}
