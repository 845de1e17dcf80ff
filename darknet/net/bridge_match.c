/* bridge_match.c - matches the layers of two networks and copies parameters between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/bridge_rows.h"
#include "net/weights.h"

static bool same_shapes(dnx_net *from, int f, dnx_net *to, int t) {
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    int n = dnx_net_params(from, f, a);
    if (n != dnx_net_params(to, t, b)) return false;
    for (int k = 0; k < n; k++)
        if (strcmp(a[k].name, b[k].name) || a[k].count != b[k].count) return false;
    /* Arrays of one length can have different numbers of filters. A copy would mix filters up. */
    return from->nodes[f].out.c == to->nodes[t].out.c;
}

static const dnx_param *find(const dnx_param *list, int n, dnx_role role) {
    for (int k = 0; k < n; k++)
        if (list[k].role == role) return &list[k];
    return NULL;
}

/* Copies the first channels of the first filters. The weights a and b have the shapes filters x
 * channels x taps. Returns false when a and b differ in more than the numbers of filters and
 * channels. */
static bool copy_weights(const dnx_node *f, const dnx_param *a, const dnx_node *t,
                         const dnx_param *b) {
    size_t Oa = (size_t)f->out.c, Ob = (size_t)t->out.c;
    if (a->count % Oa || b->count % Ob) return false;
    size_t row_a = a->count / Oa, row_b = b->count / Ob, O = Oa < Ob ? Oa : Ob;
    size_t Ia = (size_t)f->in[0].c, Ib = (size_t)t->in[0].c;
    bool has_channels = row_a % Ia == 0 && row_b % Ib == 0 && row_a / Ia == row_b / Ib;
    if (row_a != row_b && !has_channels) return false;
    size_t len = row_a < row_b ? row_a : row_b;
    for (size_t o = 0; o < O; o++)
        memcpy(b->value + o * row_b, a->value + o * row_a, sizeof(float) * len);
    return true;
}

/* Copies the first filters of layer f, with bias and norm, to layer t. Adds the number of copied
 * floats to *floats. Returns false when the weights do not fit. */
static bool copy_part(dnx_net *from, int f, dnx_net *to, int t, size_t *floats) {
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    const dnx_node *nf = &from->nodes[f], *nt = &to->nodes[t];
    int na = dnx_net_params(from, f, a), nb = dnx_net_params(to, t, b);
    const dnx_param *wa = find(a, na, DNX_WEIGHTS), *wb = find(b, nb, DNX_WEIGHTS);
    if (!wa || !wb || !copy_weights(nf, wa, nt, wb)) return false;
    size_t O = (size_t)(nf->out.c < nt->out.c ? nf->out.c : nt->out.c);
    size_t row_a = wa->count / (size_t)nf->out.c, row_b = wb->count / (size_t)nt->out.c;
    *floats += O * (row_a < row_b ? row_a : row_b);
    for (int k = 0; k < nb; k++) {
        const dnx_param *p = find(a, na, b[k].role);
        if (!p || &b[k] == wb) continue;
        if (p->count != (size_t)nf->out.c || b[k].count != (size_t)nt->out.c) continue;
        memcpy(b[k].value, p->value, sizeof(float) * O);
        *floats += O;
    }
    return true;
}

typedef struct {
    dnx_net *from, *to;
    dnx_bridge_how how;
    dnx_bridge *b;
    bool *is_used; /* is_used[i]: layer i of the source was copied, at least in part */
    int next;      /* the next layer of the source, when matching in order */
    bool in_order; /* all layers since the last pair with the same name have matched */
} walk;

static bool has_params(dnx_net *net, int i) { return dnx_net_params(net, i, NULL) > 0; }

static int find_name(const dnx_net *net, const char *name) {
    for (int i = 0; name && i < net->n; i++)
        if (net->links[i].name && !strcmp(net->links[i].name, name)) return i;
    return -1;
}

/* Copies what fits of the source's layer f to layer t. is_named: both layers have the same name=.
 * Returns false when nothing fits. */
static bool try_layer(walk *w, int f, int t, bool is_named) {
    const dnx_node *nf = &w->from->nodes[f], *nt = &w->to->nodes[t];
    size_t before = w->b->taken;
    if (nf->type != nt->type) {
        dnx_bridge_add(w->b, w->to, t, DNX_INITIAL, "the source has [%s] %s", nf->type->name,
                       is_named ? "of that name" : "there");
        return false;
    }
    if (same_shapes(w->from, f, w->to, t)) {
        w->b->taken += dnx_net_copy_params(w->from, f, w->to, t);
        dnx_bridge_row *row = dnx_bridge_add(w->b, w->to, t, DNX_TAKEN,
                                             f == t ? "" : "from layer %d", f);
        row->shift = f - t;
        return true;
    }
    if (w->how.widths && !nt->type->is_loss && copy_part(w->from, f, w->to, t, &w->b->taken)) {
        dnx_bridge_add(w->b, w->to, t, DNX_PART_TAKEN,
                       "from layer %d: %zu floats, of %d of %d filters", f, w->b->taken - before,
                       nf->out.c < nt->out.c ? nf->out.c : nt->out.c, nt->out.c);
        return true;
    }
    dnx_bridge_add(w->b, w->to, t, DNX_INITIAL, "of another shape in the source");
    return false;
}

static void match_layer(walk *w, int t) {
    const dnx_node *n = &w->to->nodes[t];
    int f = find_name(w->from, w->to->links[t].name);
    if (f >= 0) {
        w->next = f + 1;
        w->in_order = true;
    }
    if (!has_params(w->to, t)) return;
    if (n->type->is_loss && w->how.new_heads) {
        dnx_bridge_add(w->b, w->to, t, DNX_INITIAL, "the head gets initial values");
        return;
    }
    const bool is_named = f >= 0;
    while (!is_named && w->next < w->from->n &&
           (!has_params(w->from, w->next) || w->is_used[w->next]))
        w->next++;
    if (!is_named) f = w->next;
    if (!is_named && (!w->in_order || f >= w->from->n)) {
        dnx_bridge_add(w->b, w->to, t, DNX_INITIAL,
                       w->in_order ? "the source has no more layers" : "behind one that differs");
        return;
    }
    bool is_taken = try_layer(w, f, t, is_named);
    w->is_used[f] = is_taken;
    if (!is_named) {
        w->in_order = is_taken;
        w->next = f + is_taken;
    }
}

dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err) {
    *b = (dnx_bridge){0};
    dnx_status st = dnx_bridge_reserve(b, to->n + from->n, to->file, err);
    if (st) return st;
    walk w = {from, to, how, b, calloc((size_t)from->n, sizeof *w.is_used), 0, true};
    if (!w.is_used) return dnx_no_memory(to->file, err);
    for (int t = 0; t < to->n; t++) match_layer(&w, t);
    for (int f = 0; f < from->n; f++)
        if (!w.is_used[f] && has_params(from, f))
            b->left += dnx_bridge_add(b, from, f, DNX_LEFT, "of %.90s", from->file)->floats;
    free(w.is_used);
    b->of = dnx_weights_floats(to, to->n);
    if (!b->taken)
        return dnx_fail_at(err, DNX_EWEIGHTS, to->file,
                           "no layer fits one of %s, by name or from the front%s", from->file,
                           how.widths ? ""
                                      : "; `darknet init -from` takes parts of layers of another "
                                        "width");
    return dnx_net_prepare(to, err);
}
