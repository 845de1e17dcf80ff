/* run.c - a network's layers forward and backward, one by one or all. */
#include <string.h>

#include "kernels/kernels.h"
#include "net/net.h"

/* The layer that stores the output of layer i. */
static int root_of(const dnx_net *net, int i) {
    return net->links[i].merged_into >= 0 ? net->links[i].merged_into : i;
}

static dnx_pass pass_of(dnx_net *net, int i, const float *x, int batch, const float *truth) {
    const dnx_node *n = &net->nodes[i];
    dnx_pass p = {.batch = batch, .y = net->links[i].y, .scratch = net->scratch, .truth = truth,
                  .target = net->links[i].target,
                  .seen = net->seen, .update = net->seen / (uint64_t)net->o.batch};
    for (int k = 0; k < n->n_in; k++) p.x[k] = n->from[k] < 0 ? x : net->links[n->from[k]].y;
    if (n->n_in > 0 && n->from[0] >= 0) p.tail = net->links[n->from[0]].tail;
    return p;
}

void dnx_net_forward_layer(dnx_net *net, int i, const float *x, int batch, bool training,
                           const float *truth, double *loss) {
    const dnx_link *l = &net->links[i];
    if (loss) *loss = 0;
    if (l->merged_into >= 0) return;
    dnx_pass p = pass_of(net, i, x, batch, truth);
    p.is_training = training;
    if (l->residual_of >= 0) p.residual = net->links[l->residual_of].y;
    net->nodes[i].type->forward(&net->nodes[i], &p);
    if (loss) *loss = p.loss;
}

void dnx_net_backward_begin(dnx_net *net) {
    for (int i = 0; i < net->n; i++) net->links[i].dy_written = false;
    if (!net->nodes[net->n - 1].type->is_loss)
        net->links[root_of(net, net->n - 1)].dy_written = true;
}

/* Adds dy of a merged shortcut to the layer that it took its second input from. */
static void pass_residual_on(dnx_net *net, int i, int batch) {
    dnx_link *to = &net->links[root_of(net, net->nodes[i].from[1])];
    size_t size = dnx_size(net->nodes[i].out) * (size_t)batch;
    if (to->dy_written) dnx_kernels()->add(net->links[i].dy, size, to->dy);
    else memcpy(to->dy, net->links[i].dy, sizeof(float) * size);
    to->dy_written = true;
}

void dnx_net_backward_layer(dnx_net *net, int i, const float *x, int batch, const float *truth) {
    if (i < net->first_trained) return;
    dnx_node *n = &net->nodes[i];
    dnx_link *l = &net->links[root_of(net, i)];
    size_t size = dnx_size(n->out) * (size_t)batch;
    if (!l->dy_written && !n->type->is_loss) {
        memset(l->dy, 0, sizeof(float) * size); /* nobody reads this output */
        l->dy_written = true;
    }
    if (net->links[i].merged_into >= 0) {
        if (n->from[1] >= net->first_trained) pass_residual_on(net, i, batch);
        return;
    }
    dnx_pass p = pass_of(net, i, x, batch, truth);
    p.is_training = true;
    p.dy = l->dy_written ? l->dy : NULL;
    for (int k = 0; k < n->n_in; k++) {
        if (n->from[k] < net->first_trained) continue; /* the image, too */
        dnx_link *to = &net->links[root_of(net, n->from[k])];
        p.dx[k] = to->dy;
        p.dx_adds[k] = to->dy_written;
        to->dy_written = true;
    }
    n->type->backward(n, &p);
}

void dnx_net_run(dnx_net *net, const float *x, int batch, int last, float *out) {
    size_t in = dnx_size(net->in), size = dnx_size(net->nodes[last].out);
    dnx_flush_denormals();
    for (int b = 0; b < batch; b += net->chunk) {
        int count = batch - b < net->chunk ? batch - b : net->chunk;
        for (int i = 0; i <= last; i++)
            dnx_net_forward_layer(net, i, x + (size_t)b * in, count, false, NULL, NULL);
        memcpy(out + (size_t)b * size, net->links[last].y, sizeof(float) * size * (size_t)count);
    }
}

const float *dnx_net_predict(dnx_net *net, const float *x, int batch) {
    dnx_net_run(net, x, batch, net->n - 1, net->result);
    return net->result;
}

dnx_status dnx_net_prepare(dnx_net *net, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (int i = 0; i < net->n && !st; i++) st = dnx_net_stored(net, i, err);
    return st;
}

dnx_status dnx_net_room(dnx_net *net, int i, dnx_param *list, int *count, dnx_err *err) {
    dnx_node *n = &net->nodes[i];
    n->forgets = false;
    *count = dnx_net_params(net, i, list);
    for (int k = 0; k < *count; k++)
        if (!list[k].value)
            return dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory for %zu floats", n->type->name,
                            list[k].count);
    return DNX_OK;
}

dnx_status dnx_net_stored(dnx_net *net, int i, dnx_err *err) {
    dnx_node *n = &net->nodes[i];
    n->forgets = net->forgets;
    return n->type->prepare ? n->type->prepare(n, err) : DNX_OK;
}

int dnx_net_params(dnx_net *net, int i, dnx_param *list) {
    dnx_param local[DNX_MAX_PARAMS];
    dnx_node *n = &net->nodes[i];
    return n->type->params ? n->type->params(n, list ? list : local) : 0;
}

size_t dnx_net_count(dnx_net *net, int i) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t count = 0;
    int n = dnx_net_params(net, i, list);
    for (int k = 0; k < n; k++) count += list[k].is_trained ? list[k].count : 0;
    return count;
}

size_t dnx_net_memory(const dnx_net *net) {
    return sizeof(float) * (net->output_floats + net->delta_floats + net->scratch_floats);
}
