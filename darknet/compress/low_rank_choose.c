/* low_rank_choose.c - chooses ranks by one number, a list, an energy or a budget of
 * multiply-adds. */
#include "compress/low_rank_choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"

static dnx_low_rank_layer *layer_of(dnx_low_rank *c, long i) {
    for (int k = 0; k < c->n; k++)
        if (c->layers[k].r.layer == i) return &c->layers[k];
    return NULL;
}

/* Sets the rank of a layer to `rank`, but at most to l->most. Unless `all`, sets it to 0 when the
 * layer would not get cheaper: the layer then stays unchanged. */
static void set_rank(dnx_low_rank_layer *l, long rank, bool all) {
    l->rank = rank < l->most ? (int)rank : l->most;
    if (!all && l->per_rank * l->rank >= l->dense) l->rank = 0;
}

/* Reads a rank for all layers, such as "12". */
static dnx_status take_one_rank(dnx_low_rank *c, const char *text, bool all, dnx_err *err) {
    int widest = 0;
    long r;
    for (int i = 0; i < c->n; i++)
        if (c->layers[i].most > widest) widest = c->layers[i].most;
    if (!dnx_whole(text, 1, widest, &r))
        return dnx_fail_at(err, DNX_EOPTION, NULL,
                           "-rank %s: must be a whole number from 1 to %d, the largest rank of "
                           "a layer, or a list layer:rank,layer:rank",
                           text, widest);
    for (int i = 0; i < c->n; i++) set_rank(&c->layers[i], r, all);
    return DNX_OK;
}

/* Reads ranks of some layers: "3:12,5:16" is rank 12 for layer 3 and rank 16 for layer 5. */
static dnx_status take_ranks(dnx_low_rank *c, const char *text, dnx_err *err) {
    char *end;
    for (const char *p = text;; p = end + 1) {
        long i = strtol(p, &end, 10);
        dnx_low_rank_layer *l = end != p && *end == ':' ? layer_of(c, i) : NULL;
        if (end != p && *end == ':' && !l)
            return dnx_fail_at(err, DNX_EOPTION, NULL,
                               "-rank %s: layer %ld is no convolution without groups before the "
                               "first loss",
                               text, i);
        const char *q = end + 1;
        long r = l ? strtol(q, &end, 10) : 0;
        if (!l || end == q || (*end && *end != ','))
            return dnx_fail_at(err, DNX_EOPTION, NULL,
                               "-rank %s: must be a list layer:rank,layer:rank", text);
        if (r < 1 || r > l->most)
            return dnx_fail_at(err, DNX_EOPTION, NULL, "-rank %s: layer %ld has ranks from 1 to %d",
                               text, i, l->most);
        if (l->rank)
            return dnx_fail_at(err, DNX_EOPTION, NULL, "-rank %s: layer %ld is given twice", text,
                               i);
        l->rank = (int)r;
        if (!*end) return DNX_OK;
    }
}

static void take_energy(dnx_low_rank *c, const dnx_low_rank_wish *a) {
    for (int i = 0; i < c->n; i++) {
        dnx_low_rank_layer *l = &c->layers[i];
        int r = 1, step = a->multiple;
        while (r < l->most && dnx_energy(l->sigma, l->r.N, r) < a->energy * (1 - 1e-12)) r++;
        set_rank(l, (r + step - 1) / step * step, a->all);
    }
}

static dnx_status take_budget(dnx_low_rank *c, const dnx_low_rank_wish *a, dnx_err *err) {
    double budget = a->speedup > 0 ? c->macs / a->speedup : a->flops * 1e6, least, rest = c->macs;
    dnx_rank_layer *l = calloc((size_t)c->n, sizeof *l);
    if (!l) return dnx_no_memory(c->net->file, err);
    for (int i = 0; i < c->n; i++) {
        const dnx_low_rank_layer *s = &c->layers[i];
        l[i] = (dnx_rank_layer){s->most, s->sigma, s->dense, s->per_rank, 0};
        rest -= s->dense;
    }
    bool ok = dnx_rank_select(l, c->n, budget - rest, a->multiple, &least);
    for (int i = 0; ok && i < c->n; i++) set_rank(&c->layers[i], l[i].rank, false);
    free(l);
    if (ok) return DNX_OK;
    char text[64];
    if (a->speedup > 0) snprintf(text, sizeof text, "-speedup %g", a->speedup);
    else snprintf(text, sizeof text, "-flops %g", a->flops);
    return dnx_fail_at(
        err, DNX_EOPTION, c->net->file,
        "%s: at ranks of at most %d, %.3f M of %.3f M multiply-adds are left, a speed-up of %.2f%s",
        text, a->multiple, (rest + least) * 1e-6, c->macs * 1e-6, c->macs / (rest + least),
        a->multiple > 1 ? "; see -multiple" : "");
}

dnx_status dnx_low_rank_choose(dnx_low_rank *c, const dnx_low_rank_wish *a, dnx_err *err) {
    if (a->rank && strchr(a->rank, ':')) return take_ranks(c, a->rank, err);
    if (a->rank) return take_one_rank(c, a->rank, a->all, err);
    if (a->energy <= 0) return take_budget(c, a, err);
    take_energy(c, a);
    return DNX_OK;
}
