/* [avgpool]: the mean of each channel over the whole map or, with size=, over windows.
 *
 *   y[b,p,q,c] = 1/size^2 sum_{i,j<size} x[b, p*stride - P + i, q*stride - P + j, c]
 *
 * x: B x H x W x C. y: B x 1 x 1 x C; with size=, B x OH x OW x C, OH = (H + 2P - size)/stride + 1.
 * P = size/2 with pad=1, else 0. Pixels outside of the map count in the mean as 0. No weights. */
#include "common/mean_windows.h"
#include "kernels/activations.h"
#include "layer/view.h"

typedef struct {
    int size, stride, pad;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, size, 0, 0, 4096, "side of the window, pixels; 0: the whole map"),
    DNX_OPT_INT(opts, stride, 1, 1, 4096, "step between windows, pixels"),
    DNX_OPT_INT(opts, pad, 0, 0, 1, "1: size/2 pixels of zeros on each side"),
    DNX_OPT_END(opts),
};

static int pad_of(const opts *o) { return o->pad ? o->size / 2 : 0; }

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_shape in = n->in[0];
    dnx_windows *s = n->state;
    *s = (dnx_windows){o->size, o->stride, 2 * pad_of(o), true};
    n->out = (dnx_shape){1, 1, in.c};
    if (!o->size && (o->stride > 1 || o->pad))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[avgpool] %s=%d: needs size=", o->pad ? "pad" : "stride",
                        o->pad ? 1 : o->stride);
    if (!o->size) return DNX_OK;
    return dnx_windows_shape(n, s, err);
}

/* In the viewer Netron an [avgpool] has no windows. So an [avgpool] with size= is shown as a
 * convolution. */
static void show(const dnx_node *n, dnx_view *v) {
    const opts *o = n->opts;
    const dnx_convolution c = {o->size, o->stride, pad_of(o), n->out.c, DNX_LINEAR};
    if (o->size) dnx_show_convolution(v, v->from[0], n->out, &c, "");
    else dnx_show(v, "avgpool", v->from, 1, n->out, NULL);
}

static const dnx_description description = {.show = show};

const dnx_layer_type dnx_avgpool = {
    .name = "avgpool",
    .aliases = "avg",
    .summary = "mean of each channel over the map or over windows",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(dnx_windows),
    .make = make,
    .forward = dnx_mean_windows_forward,
    .backward = dnx_mean_windows_backward,
    .description = &description,
};
