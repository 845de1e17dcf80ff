/* resize.c - changes the size of the images of a network that predicts, and keeps its weights. */
#include <stdlib.h>
#include <string.h>

#include "net/build.h"
#include "net/plan.h"

static void free_nodes(dnx_node *nodes, int n) {
    for (int i = 0; nodes && i < n; i++) {
        dnx_free_owned(nodes[i].memory);
        free(nodes[i].state);
    }
    free(nodes);
}

/* Copies the parameters of `from` to `to`, and prepares `to`. Both layers have the same type and
 * options. */
static dnx_status take_params(const dnx_node *from, dnx_node *to, dnx_err *err) {
    const dnx_param *a = from->params, *b = to->params;
    const dnx_layer_type *type = to->type;
    for (int k = 0; k < from->n_params; k++) {
        if (to->n_params != from->n_params || a[k].count != b[k].count)
            return dnx_fail(err, DNX_ESHAPE, to->loc,
                            "[%s] has weights for an input of %d x %d x %d: none of %d x %d",
                            type->name, from->in[0].h, from->in[0].w, from->in[0].c, to->in[0].h,
                            to->in[0].w);
        if (!a[k].value)
            return dnx_fail(err, DNX_EOPTION, to->loc, "[%s] has released its weights", type->name);
        memcpy(b[k].value, a[k].value, sizeof *a[k].value * a[k].count);
    }
    return type->prepare ? type->prepare(to, err) : DNX_OK;
}

static dnx_status make(const dnx_net *net, dnx_shape in, dnx_node *nodes, int i, dnx_err *err) {
    dnx_node *n = &nodes[i];
    *n = net->nodes[i];
    n->allocated = n->scratch = 0;
    n->n_params = 0;
    n->memory = NULL;
    n->state = calloc(1, n->type->state_size + 1);
    if (!n->state) return dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory", n->type->name);
    for (int k = 0; k < n->n_in; k++) n->in[k] = n->from[k] < 0 ? in : nodes[n->from[k]].out;
    dnx_status st = n->type->make(n, err);
    if (!st && (double)dnx_size(n->out) * n->batch > DNX_MAX_FLOATS)
        st = dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] %d x %d x %d x %d outputs are too many",
                      n->type->name, n->batch, n->out.h, n->out.w, n->out.c);
    return st ? st : take_params(&net->nodes[i], n, err);
}

static dnx_status allocate(dnx_net *net, dnx_err *err) {
    dnx_plan *p = &net->plan;
    dnx_free(p->outputs);
    dnx_free(p->result);
    dnx_free(p->scratch);
    p->outputs = p->result = p->scratch = NULL;
    p->scratch_floats = 0;
    for (int i = 0; i < net->n; i++)
        if (net->nodes[i].scratch > p->scratch_floats) p->scratch_floats = net->nodes[i].scratch;
    dnx_net_fuse(net);
    return dnx_net_allocate(net, err);
}

dnx_status dnx_net_resize(dnx_net *net, int h, int w, dnx_err *err) {
    const dnx_shape in = {h, w, net->in.c};
    const dnx_loc at = {net->file, net->origin.line};
    if (h == net->in.h && w == net->in.w) return DNX_OK;
    if (net->trains) return dnx_fail(err, DNX_EOPTION, at, "a network that trains keeps its size");
    dnx_node *nodes = calloc((size_t)net->n, sizeof *nodes);
    dnx_status st = nodes ? DNX_OK : dnx_fail(err, DNX_EMEM, at, "no memory");
    int made = 0;
    while (!st && made < net->n) st = make(net, in, nodes, made++, err);
    /* Exchanges the nodes one by one, because losses of distillation have pointers to them. */
    for (int i = 0; !st && i < net->n; i++) {
        const dnx_node new = nodes[i];
        nodes[i] = net->nodes[i];
        net->nodes[i] = new;
    }
    free_nodes(nodes, made);
    if (st) return st;
    net->in = in;
    return allocate(net, err);
}
