/* darknet strip: writes a trained network without what only training needs, for deployment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "cmd/cmd.h"
#include "net/strip.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *weights, *out_cfg, *out_weights, *to;
    bool force;
} strip_args;

static const dnx_arg table[] = {
    DNX_PLACE(strip_args, cfg, "net.cfg", "the network as it was trained"),
    DNX_PLACE(strip_args, weights, "weights", "its weights"),
    DNX_PLACE(strip_args, out_cfg, "out.cfg", "the cfg to write"),
    DNX_PLACE(strip_args, out_weights, "out.weights", "the weights to write"),
    DNX_ARG_TEXT(strip_args, to, "-to", "LAYER",
                 "the layer whose output is kept, a number or a name; default the embedding"),
    DNX_ARG_FLAG(strip_args, force, "-force", "replace existing files"),
    DNX_ARG_END,
};

static dnx_status find_last(const dnx_net *net, const char *to, int *last, dnx_err *err) {
    *last = to ? dnx_net_find(net, to) : dnx_net_embedding(net);
    if (*last >= 0) return DNX_OK;
    if (to)
        return dnx_fail_at(err, DNX_EOPTION, net->file,
                           "-to %s: no such layer; they have the numbers 0 to %d", to, net->n - 1);
    return dnx_fail_at(err, DNX_ESHAPE, net->file, "no layer before the first loss");
}

static dnx_status strip(const strip_args *a, dnx_net *net, const dnx_cfg *cfg, dnx_err *err) {
    dnx_net *out = NULL;
    char *text = NULL, note[600];
    int last;
    dnx_status st = find_last(net, a->to, &last, err);
    if (st) return st;
    snprintf(note, sizeof note, "# The layers of %.500s up to layer %d.\n", a->cfg, last);
    st = dnx_net_strip(net, cfg, last, note, &text, &out, err);
    if (!st) st = dnx_try_output(a->out_cfg, a->force, err);
    if (!st) st = dnx_try_another(a->out_weights, &a->out_cfg, 1, err);
    if (!st) st = dnx_try_weights(a->out_weights, a->force, err);
    if (!st) st = dnx_save_network(a->out_cfg, text, out, a->out_weights, err);
    if (!st)
        printf("%s, %s: %d of %d layers, %zu of %zu floats; the output is %d x %d x %d\n",
               a->out_cfg, a->out_weights, out->n, net->n, dnx_weights_floats(out, out->n),
               dnx_weights_floats(net, net->n), out->nodes[out->n - 1].out.h,
               out->nodes[out->n - 1].out.w, out->nodes[out->n - 1].out.c);
    free(text);
    dnx_net_free(out);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const strip_args *a = args;
    dnx_net *net;
    dnx_cfg *cfg;
    const dnx_opening o = {a->cfg, a->weights, .classes = 1, .batch = 1, .threads = 1};
    if (dnx_open_features(&o, &net, err)) return 1;
    dnx_status st = dnx_open_cfg(&o, &cfg, err);
    if (!st) {
        st = strip(a, net, cfg, err);
        dnx_cfg_free(cfg);
    }
    dnx_net_free(net);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_strip = {
    "strip", "write a trained network without its losses and head, for deployment", table,
    sizeof(strip_args), run};
