/* [local_avgpool]: the mean of each channel over windows. Pixels outside of the map do not count,
 * as in AlexeyAB's Darknet; [avgpool] counts them as zeros.
 *
 *   y[b,p,q,c] = mean of x[b, p*stride - padding/2 + i, q*stride - padding/2 + j, c], i, j < size
 *
 * x: B x H x W x C, y: B x OH x OW x C with OH = (H + padding - size)/stride + 1. `padding` is the
 * number of pixels on both sides together. No weights. */
#include "common/mean_windows.h"
#include "layer/view.h"

static const dnx_opt options[] = {DNX_POOL_OPTIONS, DNX_OPT_END(dnx_pool_opts)};

static dnx_status make(dnx_node *n, dnx_err *err) { return dnx_windows_make(n, n->state, err); }

/* Shows this layer as a [maxpool]: the viewer Netron then draws the windows and unequal padding. */
static void show(const dnx_node *n, dnx_view *v) {
    const dnx_windows *s = n->state;
    dnx_show(v, "maxpool", v->from, 1, n->out, "size=%d\nstride=%d\npadding=%d\n", s->size,
             s->stride, s->padding);
}

static const dnx_description description = {.show = show};

const dnx_layer_type dnx_local_avgpool = {
    .name = "local_avgpool",
    .aliases = "local_avg",
    .summary = "mean of each channel over windows, of the pixels inside of the map",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(dnx_windows),
    .make = make,
    .forward = dnx_mean_windows_forward,
    .backward = dnx_mean_windows_backward,
    .description = &description,
};
