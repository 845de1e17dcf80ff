/* plan.c - lets tensors that are not needed at the same time share memory. */
#include "net/plan.h"

#include <stdlib.h>

/* Returns the number of floats to reserve for y of layer i, or for dy when is_y is false. The
 * number includes a gap to the next tensor. It is 0 for y of a layer that leaves its batch norm to
 * the next layer: such a layer stores its output in memory of its own. */
static size_t floats_of(const dnx_net *net, int i, bool is_y) {
    if (is_y && net->plan.of[i].deferred) return 0;
    return (dnx_size(net->nodes[i].out) * (size_t)net->chunk + 31) & ~(size_t)15;
}

/* Chooses for each layer i the offset at[i], in floats, of its y, or of its dy when is_y is false.
 * Tensors that are needed at the same time do not overlap. y of layer i is needed until layer
 * last_use[i] has read it. The backward pass visits the layers in reverse order, so dy of a layer
 * is needed over the same layers as its y. Returns the total number of floats. */
static size_t plan(const dnx_net *net, bool is_y, size_t *at, int *last_use) {
    bool shares = !is_y || !net->trains;
    size_t total = 0;
    for (int i = 0; i < net->n; i++) last_use[i] = i;
    for (int i = 0; i < net->n; i++) {
        for (int k = 0; k < net->nodes[i].n_in; k++)
            if (net->nodes[i].from[k] >= 0) last_use[dnx_net_root(net, net->nodes[i].from[k])] = i;
        if (net->plan.of[i].merged_into >= 0) last_use[net->plan.of[i].merged_into] = i;
    }
    last_use[dnx_net_root(net, net->n - 1)] = net->n;
    for (int i = 0; i < net->n; i++) {
        if (dnx_net_root(net, i) != i) continue;
        size_t size = floats_of(net, i, is_y);
        size_t pos = shares ? 0 : total;
        for (bool moved = shares; moved;) {
            moved = false;
            for (int j = 0; j < i; j++) {
                if (dnx_net_root(net, j) != j || last_use[j] < i) continue;
                size_t len = floats_of(net, j, is_y);
                if (pos < at[j] + len && at[j] < pos + size) {
                    pos = at[j] + len;
                    moved = true;
                }
            }
        }
        at[i] = pos;
        if (pos + size > total) total = pos + size;
    }
    return total;
}

dnx_status dnx_net_allocate(dnx_net *net, dnx_err *err) {
    size_t *pos = calloc((size_t)net->n, sizeof *pos);
    int *last_use = calloc((size_t)net->n, sizeof *last_use);
    if (!pos || !last_use) goto no_memory;
    net->plan.output_floats = plan(net, true, pos, last_use);
    net->plan.scratch_floats = (net->plan.scratch_floats + 16) & ~(size_t)15;
    size_t lanes = (size_t)net->plan.lanes;
    net->plan.result = dnx_alloc(dnx_size(net->nodes[net->n - 1].out) * (size_t)net->batch);
    net->plan.outputs = dnx_alloc(lanes * net->plan.output_floats);
    net->plan.scratch = dnx_alloc(lanes * net->plan.scratch_floats);
    if (!net->plan.outputs || !net->plan.scratch || !net->plan.result) goto no_memory;
    for (int i = 0; i < net->n; i++)
        if (!net->plan.of[i].deferred || dnx_net_root(net, i) != i)
            net->plan.of[i].y = net->plan.outputs + pos[dnx_net_root(net, i)];
    if (net->trains) {
        net->plan.delta_floats = plan(net, false, pos, last_use);
        net->plan.deltas = dnx_alloc(net->plan.delta_floats);
        for (int i = 0; i < net->n; i++)
            net->sgd.of[i + 1].momentum_at = net->sgd.of[i].momentum_at + dnx_net_count(net, i);
        net->sgd.momentum = dnx_alloc(net->sgd.of[net->n].momentum_at + 1);
        if (!net->plan.deltas || !net->sgd.momentum) goto no_memory;
        for (int i = 0; i < net->n; i++)
            net->plan.of[i].dy = net->plan.deltas + pos[dnx_net_root(net, i)];
    }
    free(pos);
    free(last_use);
    return DNX_OK;
no_memory:
    free(pos);
    free(last_use);
    return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for the network's tensors");
}
