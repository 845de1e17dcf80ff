/* fuse.c - lets layers do part of a neighbour's work; see layer/fusion.h. */
#include <stdlib.h>

#include "net/build.h"

static bool adds_residual(const dnx_net *net, int i) {
    const dnx_node *n = &net->nodes[i];
    if (net->placement) return !net->trains && net->placement->adds_residual(net, i);
    return n->type->fusion && n->type->fusion->adds_residual && n->type->fusion->adds_residual(n);
}

/* Merges each layer that only adds two tensors into the layer before it. This earlier layer then
 * adds the second tensor to its own output while it stores the output. */
static void merge_sums(dnx_net *net, const int *uses) {
    for (int i = 1; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        const dnx_fusion *f = n->type->fusion;
        if (!f || !f->is_plain_sum || n->n_in != 2 || uses[i - 1] != 1) continue;
        if (!adds_residual(net, i - 1)) continue;
        if (n->from[0] != i - 1 || n->from[1] == i - 1) continue;
        if (net->plan.of[i - 1].merged_into >= 0) continue;
        if (!f->is_plain_sum(n)) continue;
        net->plan.of[i].merged_into = i - 1;
        net->plan.of[i - 1].residual_of = n->from[1];
    }
}

/* In training, lets a layer defer its batch norm and activation to the next layer. */
static void defer_norm_acts(dnx_net *net, const int *uses) {
    for (int i = 0; i + 1 < net->n; i++) {
        dnx_node *n = &net->nodes[i], *next = n + 1;
        dnx_layer_plan *l = &net->plan.of[i];
        if (uses[i] != 1 || next->n_in < 1 || next->from[0] != i || l->residual_of >= 0) continue;
        const dnx_fusion *f = n->type->fusion, *nf = next->type->fusion;
        if (!n->trains || !f || !f->defer || !nf || !nf->applies_deferred) continue;
        if (!nf->applies_deferred(next)) continue;
        float *z;
        l->deferred = f->defer(n, &z);
        if (l->deferred) l->y = z;
    }
}

/* When predicting, skips a layer that is only norm and activation: the next layer applies both. */
static void hand_on_norm_acts(dnx_net *net, const int *uses) {
    for (int i = 0; i + 1 < net->n; i++) {
        dnx_node *n = &net->nodes[i], *next = n + 1;
        dnx_layer_plan *l = &net->plan.of[i];
        const dnx_fusion *f = n->type->fusion, *nf = next->type->fusion;
        if (net->trains || !f || !f->hand_on || !nf || !nf->take_on || n->from[0] < 0) continue;
        if (uses[i] != 1 || next->from[0] != i || l->residual_of >= 0) continue;
        struct dnx_norm_act *norm = f->hand_on(n);
        if (!norm || !nf->take_on(next)) continue;
        int before = net->plan.of[n->from[0]].merged_into;
        l->deferred = norm;
        l->merged_into = before >= 0 ? before : n->from[0];
        if (next->scratch > net->plan.scratch_floats) net->plan.scratch_floats = next->scratch;
    }
}

void dnx_net_fuse(dnx_net *net) {
    int *uses = calloc((size_t)net->n, sizeof *uses);
    for (int i = 0; i < net->n; i++)
        net->plan.of[i] = (dnx_layer_plan){.merged_into = -1, .residual_of = -1};
    if (!uses) return; /* without fusion the network works, but more slowly */
    for (int i = 0; i < net->n; i++)
        for (int k = 0; k < net->nodes[i].n_in; k++)
            if (net->nodes[i].from[k] >= 0) uses[net->nodes[i].from[k]]++;
    merge_sums(net, uses);
    if (!net->placement) {
        defer_norm_acts(net, uses);
        hand_on_norm_acts(net, uses);
    }
    free(uses);
}

void dnx_net_unmerge(dnx_net *net, int i) {
    if (net->plan.of[i].residual_of < 0) return;
    net->plan.of[i].residual_of = -1;
    /* From now on the [shortcut], layer i + 1, adds its second input itself. It works in place,
     * because its y is still the memory of layer i's y. */
    net->plan.of[i + 1].merged_into = -1;
}
