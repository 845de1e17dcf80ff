/* darknet partial: writes the weights of a network's first layers, as Darknet's own `partial` does.
 * The file has version 0.2 and `seen` 0. */
#include <stdio.h>

#include "base/lines.h"
#include "cmd/cmd.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *weights, *out, *layers;
    bool force;
} partial_args;

static const dnx_arg table[] = {
    DNX_PLACE(partial_args, cfg, "net.cfg", "the network of the weights"),
    DNX_PLACE(partial_args, weights, "weights", "its weights"),
    DNX_PLACE(partial_args, out, "out.weights", "the file to write"),
    DNX_PLACE(partial_args, layers, "N", "how many layers: 15 takes the layers 0 to 14"),
    DNX_ARG_FLAG(partial_args, force, "-force", "replace an existing file"),
    DNX_ARG_END,
};

static dnx_status find_end(const dnx_net *net, const char *text, int *layers, dnx_err *err) {
    long v = 0;
    const bool ok = dnx_whole(text, 1, net->n, &v);
    *layers = (int)v;
    if (ok) return DNX_OK;
    return dnx_fail_at(err, DNX_EOPTION, net->file,
                       "%.60s: must be a whole number of layers from 1 to %d", text, net->n);
}

static int run(const void *args, dnx_err *err) {
    const partial_args *a = args;
    dnx_net *net;
    int layers;
    const dnx_opening o = {a->cfg, .classes_of = a->weights, .classes = 1, .batch = 1,
                           .threads = 1};
    if (dnx_open(&o, &net, err)) return 1;
    dnx_status st = find_end(net, a->layers, &layers, err);
    if (!st) st = dnx_try_weights(a->out, a->force, err);
    if (!st) st = dnx_weights_load_first(net, a->weights, layers, err);
    net->seen = 0;
    if (!st) st = dnx_weights_save_first(net, a->out, layers, err);
    if (!st)
        printf("%s: %zu floats of the layers 0 to %d\n", a->out, dnx_weights_floats(net, layers),
               layers - 1);
    dnx_net_free(net);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_partial = {"partial", "write the weights of a network's first layers", table,
                                  sizeof(partial_args), run};
