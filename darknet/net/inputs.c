/* inputs.c - finds the inputs of a layer and its teacher. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/build.h"
#include "net/opts.h"

int dnx_net_find(const dnx_net *net, const char *text) {
    char *end;
    long i = strtol(text, &end, 10);
    if (end != text && !*end) return i >= 0 && i < net->n ? (int)i : -1;
    for (int k = 0; k < net->n; k++)
        if (net->links[k].name && !strcmp(net->links[k].name, text)) return k;
    return -1;
}

int dnx_net_embedding(const dnx_net *net) {
    int i = net->n - 1;
    while (i > 0 && dnx_target_of(net->nodes[i].type)) i--;
    while (i >= 0 && net->nodes[i].type->is_loss) i = net->nodes[i].from[0];
    return i;
}

bool dnx_net_source(dnx_net *net, int end, int given, dnx_target_kind kind, int *source,
                    dnx_node **head, const char **why) {
    *head = NULL;
    for (int i = end - 1; given < 0 && i >= 0; i--) {
        const dnx_layer_type *t = net->nodes[i].type;
        if (t->is_loss && !(dnx_is_of_head(kind) && dnx_has_logits(t))) continue;
        given = i;
        break;
    }
    *why = dnx_is_of_head(kind) ? "no layer makes logits" : "there are only losses";
    if (given < 0) return false;
    *why = "no such layer";
    if (given >= end) return false;
    dnx_node *n = &net->nodes[given];
    *source = given;
    *why = "it is a loss";
    if (!n->type->is_loss) return true;
    if (!dnx_is_of_head(kind) || !dnx_has_logits(n->type)) return false;
    *head = n;
    *source = n->from[0];
    *why = "it classifies the image itself";
    return *source >= 0;
}

/* Finds the input and the teacher of a loss of distillation. */
static dnx_status find_pair(dnx_net *net, dnx_node *n, dnx_teacher_opts *o, dnx_err *err) {
    const char *name = n->type->name, *key = n->type->layers_key, *why;
    const dnx_list *refs = dnx_opts_field(n, key);
    double given = refs->n ? (double)refs->v[0] : -1, at = given < 0 ? n->index + given : given;
    if (refs->n > 1) return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] %s: one layer", name, key);
    if (refs->n && (given != floor(given) || at < 0 || at >= n->index))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] %s=%g: this is layer %d, so it must name a layer before it", name,
                        key, given, n->index);
    if (!dnx_net_source(net, n->index, refs->n ? (int)at : -1, dnx_target_of(n->type), &n->from[0],
                        &n->distillation->head, &why))
        return refs->n
                   ? dnx_fail(err, DNX_EOPTION, n->loc, "[%s] %s=%g: %s", name, key, given, why)
                   : dnx_fail(err, DNX_EOPTION, n->loc, "[%s] %s: %s before it", name, key, why);
    n->n_in = 1;
    n->in[0] = net->nodes[n->from[0]].out;
    const dnx_teacher_source *source = net->teacher_source;
    if (net->trains && source) return source->open(net, n, o, err);
    /* A network that predicts needs the shape of the teacher's output only for a loss whose
     * parameters take their shape from that output. */
    if (!n->type->classifier->needs_shape) return DNX_OK;
    if (net->depth > 1 || !source || source->open(net, n, o, NULL)) {
        n->distillation->target = (dnx_shape){0, 0, 0};
        net->is_partial = true;
    }
    return DNX_OK;
}

static dnx_status find_named(dnx_net *net, dnx_node *n, dnx_err *err) {
    if (!n->type->only_named_inputs) n->from[n->n_in++] = n->index - 1;
    const dnx_list *refs = n->type->layers_key ? dnx_opts_field(n, n->type->layers_key) : NULL;
    const char *key = n->type->layers_key;
    if (key && (!refs || refs->n == 0))
        return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] needs %s=", n->type->name, key);
    for (int i = 0; refs && i < refs->n; i++) {
        double v = (double)refs->v[i], at = v < 0 ? n->index + v : v;
        if (n->index == 0)
            return dnx_fail(err, DNX_EOPTION, n->loc,
                            "[%s] %s=%g: this is layer 0, so there is no layer to name",
                            n->type->name, key, v);
        if (v != floor(v) || at < 0 || at >= n->index)
            return dnx_fail(err, DNX_EOPTION, n->loc,
                            "[%s] %s=%g: this is layer %d, so it must name a layer from 0 to %d",
                            n->type->name, key, v, n->index, n->index - 1);
        if (n->n_in == DNX_MAX_IN)
            return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] %s: more than %d layers", n->type->name,
                            key, DNX_MAX_IN);
        n->from[n->n_in++] = (int)at;
    }
    for (int i = 0; i < n->n_in; i++) {
        const dnx_node *from = n->from[i] < 0 ? NULL : &net->nodes[n->from[i]];
        if (from && dnx_target_of(from->type))
            return dnx_fail(err, DNX_EOPTION, n->loc,
                            "[%s] reads layer %d [%s], which only has a loss: put it before that "
                            "section",
                            n->type->name, from->index, from->type->name);
        n->in[i] = from ? from->out : net->in;
    }
    return DNX_OK;
}

dnx_status dnx_net_inputs(dnx_net *net, dnx_node *n, dnx_teacher_opts *teacher, dnx_err *err) {
    if (dnx_target_of(n->type)) return find_pair(net, n, teacher, err);
    dnx_status st = find_named(net, n, err);
    const bool opens = n->trains && net->teacher_source && dnx_takes(n);
    return st || !opens ? st : net->teacher_source->open(net, n, teacher, err);
}
