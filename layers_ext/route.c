/* [route]: joins the channels of the named layers. With groups=G, the C_i channels of each layer i
 * form G groups, and only the channels of group `group_id` are joined.
 * x_i: B x H x W x C_i, y: B x H x W x sum C_i / G. No weights. */
#include <string.h>

#include "kernels/kernels.h"
#include "layer/view.h"

typedef struct {
    dnx_list layers;
    int groups, group_id;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, layers, "layers to join; negative counts back"),
    DNX_OPT_INT(opts, groups, 1, 1, 65536, "number of groups of channels in each layer"),
    DNX_OPT_INT(opts, group_id, 0, 0, 65535, "the group that is taken, from 0"),
    DNX_OPT_END(opts),
};

/* Returns how many channels of input i the layer copies. */
static int part_of(const dnx_node *n, int i) {
    return n->in[i].c / ((const opts *)n->opts)->groups;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    if (n->n_in < 1) return dnx_fail(err, DNX_EOPTION, n->loc, "[route] layers: must name a layer");
    if (o->group_id >= o->groups)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[route] group_id=%d: must be below groups=%d",
                        o->group_id, o->groups);
    n->out = (dnx_shape){n->in[0].h, n->in[0].w, 0};
    for (int i = 0; i < n->n_in; i++) {
        dnx_shape a = n->in[0], b = n->in[i];
        if (a.h != b.h || a.w != b.w)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[route] layers: layer %d is %d x %d, but layer %d is %d x %d",
                            n->from[0], a.h, a.w, n->from[i], b.h, b.w);
        if (b.c % o->groups)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[route] groups=%d: must divide %d channels of layer %d", o->groups,
                            b.c, n->from[i]);
        if (b.c > (1 << 30) - n->out.c)
            return dnx_fail(err, DNX_ESHAPE, n->loc, "[route] layers: over 2^30 channels");
        n->out.c += part_of(n, i);
    }
    return DNX_OK;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t id = (size_t)((const opts *)n->opts)->group_id;
    float *y = p->y + (size_t)lo * (size_t)n->out.c;
    for (long k = lo; k < hi; k++)
        for (int i = 0; i < n->n_in; i++) {
            size_t C = (size_t)n->in[i].c, part = (size_t)part_of(n, i);
            memcpy(y, p->x[i] + (size_t)k * C + id * part, sizeof *y * part);
            y += part;
        }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t id = (size_t)((const opts *)n->opts)->group_id;
    const float *dy = p->dy + (size_t)lo * (size_t)n->out.c;
    for (long k = lo; k < hi; k++)
        for (int i = 0; i < n->n_in; i++) {
            size_t C = (size_t)n->in[i].c, part = (size_t)part_of(n, i);
            float *dx = p->dx[i] ? p->dx[i] + (size_t)k * C : NULL;
            if (dx && !p->dx_adds[i] && part < C) memset(dx, 0, sizeof *dx * C);
            if (dx && p->dx_adds[i]) dnx_kernels()->add(dy, part, dx + id * part);
            else if (dx) memcpy(dx + id * part, dy, sizeof *dx * part);
            dy += part;
        }
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), backward_rows);
}

/* The viewer Netron reads groups= only with one input, so each input gets its own [route]. */
static void show(const dnx_node *n, dnx_view *v) {
    const opts *o = n->opts;
    int parts[DNX_MAX_IN];
    for (int i = 0; o->groups > 1 && i < n->n_in; i++)
        parts[i] = dnx_show(v, "route", &v->from[i], 1,
                            (dnx_shape){n->out.h, n->out.w, part_of(n, i)},
                            "groups=%d\ngroup_id=%d\n", o->groups, o->group_id);
    if (o->groups == 1 || n->n_in > 1)
        dnx_show(v, "route", o->groups > 1 ? parts : v->from, n->n_in, n->out, NULL);
}

static const dnx_description description = {.show = show};

const dnx_layer_type dnx_route = {
    .name = "route",
    .summary = "joins the channels of layers",
    .is_reentrant = true,
    .only_named_inputs = true,
    .layers_key = "layers",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .description = &description,
};
