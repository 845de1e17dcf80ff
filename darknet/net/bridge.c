/* bridge.c - loads weights files that may fit only the first layers of a network. */
#include "net/bridge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/bridge_rows.h"
#include "net/weights.h"

static size_t classes_of(const dnx_node *n) {
    const dnx_classifier *c = n->type->classifier;
    return c && c->classes ? (size_t)c->classes(n) : 0;
}

/* Writes the shape of the largest parameter: "filters x floats", or only its number of floats. */
static void shape_of(const dnx_node *n, const dnx_param *list, int count, char *text, size_t size) {
    const dnx_param *most = list;
    for (int k = 1; k < count; k++)
        if (list[k].count > most->count) most = &list[k];
    size_t filters = most->filters > 0 ? (size_t)most->filters : (size_t)n->out.c;
    if (n->type->is_loss && classes_of(n)) filters = classes_of(n);
    if (filters && most->count % filters == 0 && most->count > filters)
        snprintf(text, size, "%zu x %zu", filters, most->count / filters);
    else snprintf(text, size, "%zu", most->count);
}

dnx_status dnx_bridge_reserve(dnx_bridge *b, int rows, const char *file, dnx_err *err) {
    b->rows = calloc((size_t)rows, sizeof *b->rows);
    return b->rows ? DNX_OK : dnx_no_memory(file, err);
}

dnx_bridge_row *dnx_bridge_add(dnx_bridge *b, dnx_net *net, int layer, dnx_fate fate,
                               const char *why, ...) {
    dnx_param list[DNX_MAX_PARAMS];
    dnx_bridge_row *row = &b->rows[b->n++];
    *row = (dnx_bridge_row){.fate = fate, .layer = layer};
    va_list args;
    va_start(args, why);
    vsnprintf(row->why, sizeof row->why, why, args);
    va_end(args);
    if (layer < 0) return row;
    int n = dnx_net_params(net, layer, list);
    for (int k = 0; k < n; k++) row->floats += list[k].count;
    snprintf(row->section, sizeof row->section, "%.31s", net->nodes[layer].type->name);
    snprintf(row->name, sizeof row->name, "%.63s",
             net->links[layer].name ? net->links[layer].name : "");
    if (n) shape_of(&net->nodes[layer], list, n, row->shape, sizeof row->shape);
    return row;
}

static bool share_line(const dnx_bridge_row *a, const dnx_bridge_row *b) {
    return a->fate == DNX_TAKEN && b->fate == DNX_TAKEN && a->shift == b->shift;
}

void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg) {
    static const char *const fates[] = {"taken", "part", "initial", "left"};
    char text[320], number[16];
    line(arg, "layer  section           name             filters        floats        ");
    for (int i = 0, last; i < b->n; i = last + 1) {
        const dnx_bridge_row *r = &b->rows[i];
        size_t floats = r->floats;
        for (last = i; last + 1 < b->n && share_line(&b->rows[last], &b->rows[last + 1]); last++)
            floats += b->rows[last + 1].floats;
        snprintf(number, sizeof number, "%d", r->layer);
        if (last > i) {
            snprintf(text, sizeof text, "%5s  to %-46d %-9zu %-8s%s%s", number, b->rows[last].layer,
                     floats, fates[r->fate], r->why[0] ? "  " : "", r->why);
            line(arg, text);
            continue;
        }
        snprintf(text, sizeof text, "%5s  %-17s %-16s %-14s %-9zu %-8s%s%s",
                 r->layer < 0 ? "" : number, r->section, r->name, r->shape, r->floats,
                 fates[r->fate], r->why[0] ? "  " : "", r->why);
        line(arg, text);
    }
    snprintf(text, sizeof text, "%zu of the network's %zu floats taken, %zu of the source's left",
             b->taken, b->of, b->left);
    line(arg, text);
}

void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size) {
    text[0] = 0;
    for (int i = 0; i < b->n; i++) {
        const dnx_bridge_row *r = &b->rows[i];
        if (r->fate == DNX_TAKEN) continue;
        if (r->layer < 0)
            snprintf(text, size, "%zu floats behind the embedding are left out: %s", r->floats,
                     r->why);
        else snprintf(text, size, "layer %d [%s] %s", r->layer, r->section, r->why);
        return;
    }
}

void dnx_bridge_free(dnx_bridge *b) {
    free(b->rows);
    *b = (dnx_bridge){0};
}

typedef struct {
    size_t floats; /* floats in the file */
    size_t need;   /* floats in the network */
    size_t core;   /* floats in the network's backbone */
    int layers;    /* layers in the network's backbone */
    size_t width;  /* floats of the embedding */
} reach;

static reach measure(dnx_net *net, size_t floats) {
    int at = dnx_net_embedding(net);
    dnx_shape out = at < 0 ? net->in : net->nodes[at].out;
    return (reach){floats, dnx_weights_floats(net, net->n), dnx_weights_floats(net, at + 1), at + 1,
                   dnx_size(out)};
}

/* True when the file's floats after the backbone can be rows of a head, with or without biases. */
static bool is_head(const reach *r) {
    size_t rest = r->floats > r->core ? r->floats - r->core : 0;
    return r->core > 0 && rest > 0 && (rest % r->width == 0 || rest % (r->width + 1) == 0);
}

/* Returns the number of layers, from the first on, that together have exactly `floats` parameters;
 * 0 when no number fits. */
static int layers_of(dnx_net *net, size_t floats) {
    for (int layers = net->n; floats && layers > 0; layers--)
        if (dnx_weights_floats(net, layers) == floats) return layers;
    return 0;
}

/* Loads the first `layers` layers and fills the table. why: what the table says about the other
 * layers. */
static dnx_status take(dnx_net *net, const char *path, int layers, const reach *r, const char *why,
                       dnx_bridge *b, dnx_err *err) {
    dnx_status st = dnx_bridge_reserve(b, net->n + 1, path, err);
    if (!st) st = dnx_weights_load_first(net, path, layers, err);
    if (st) return st;
    b->of = r->need;
    b->taken = dnx_weights_floats(net, layers);
    b->left = r->floats > b->taken ? r->floats - b->taken : 0;
    for (int i = 0; i < net->n; i++) {
        if (!dnx_net_params(net, i, NULL)) continue;
        dnx_bridge_add(b, net, i, i < layers ? DNX_TAKEN : DNX_INITIAL, "%s",
                       i < layers ? "" : why);
    }
    if (!b->left) return DNX_OK;
    const char *left = is_head(r) && r->need == r->core ? "the head, which the cfg does not have"
                                                        : "of another head";
    dnx_bridge_add(b, net, -1, DNX_LEFT, "%s", left)->floats = b->left;
    return DNX_OK;
}

static dnx_status with_hint(const dnx_err *said, const char *hint, dnx_err *err) {
    return dnx_fail_at(err, said->status, NULL, "%s%s", said->text,
                       said->status == DNX_EWEIGHTS ? hint : "");
}

static dnx_status refuse_start(dnx_net *net, const char *path, const reach *r, dnx_err *err) {
    size_t classes = classes_of(&net->nodes[net->n - 1]), rest = r->floats - r->core;
    int layers = layers_of(net, r->floats);
    if (is_head(r) && r->need > r->core && classes && rest % r->width == 0)
        return dnx_fail_at(
            err, DNX_EWEIGHTS, path,
            "the head has %zu classes, the cfg %zu: -from-backbone gives it initial values",
            rest / r->width, classes);
    if (is_head(r) && r->need > r->core)
        return dnx_fail_at(
            err, DNX_EWEIGHTS, path,
            "the head is another (%zu floats, the cfg's %zu): -from-backbone gives it "
            "initial values",
            rest, r->need - r->core);
    if (layers)
        return dnx_fail_at(
            err, DNX_EWEIGHTS, path,
            "ends after layer %d, the network has layers 0 to %d: -from-backbone takes "
            "the layers that it has",
            layers - 1, net->n - 1);
    dnx_err said = {0};
    dnx_status st = dnx_weights_load(net, path, &said);
    return st ? with_hint(&said, "; -from-backbone -from-cfg with its cfg takes what fits", err)
              : st;
}

dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err) {
    bool is_packed = false;
    size_t floats = 0;
    *b = (dnx_bridge){0};
    dnx_status st = dnx_weights_count(path, &floats, &is_packed, err);
    if (st) return st;
    reach r = measure(net, floats);
    if (is_packed) r.floats = r.need;
    const bool is_backbone = r.floats == r.core && r.core > 0;
    if (fit == DNX_FIT_BACKBONE) {
        int layers = r.floats >= r.core ? r.layers : layers_of(net, r.floats);
        if (!layers || !r.core)
            return dnx_fail_at(err, DNX_EWEIGHTS, path,
                               "%zu floats, the layers up to the embedding have %zu: -from-cfg "
                               "with the cfg of these weights takes what fits",
                               r.floats, r.core);
        dnx_err said = {0};
        st = take(net, path, layers, &r, "gets initial values", b, &said);
        if (st) with_hint(&said, "; -from-cfg with its cfg takes what fits", err);
        if (!st) net->seen = 0;
        return st;
    }
    if (r.floats == r.need) return take(net, path, net->n, &r, "", b, err);
    const char *why = fit == DNX_FIT_START ? "is not in the file and gets initial values"
                      : is_backbone        ? "is not in the file, which ends at the embedding"
                                           : "is of another size in the file and is left out";
    const bool is_more = is_head(&r) || (net->is_partial && r.floats > r.core);
    if (is_backbone || (fit == DNX_FIT_FEATURES && is_more))
        return take(net, path, r.layers, &r, why, b, err);
    return fit == DNX_FIT_START ? refuse_start(net, path, &r, err)
                                : dnx_weights_load(net, path, err);
}
