/* darknet init: writes weights to start from: random, or copied from another network. */
#include <stdio.h>

#include "base/outfile.h"
#include "cmd/cmd.h"
#include "data/datafile.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *out, *from[2], *data;
    bool force;
} init_args;

static const dnx_arg table[] = {
    DNX_PLACE(init_args, cfg, "net.cfg", "the network; seed= of [net] chooses the numbers"),
    DNX_PLACE(init_args, out, "out.weights", "the file of the weights"),
    DNX_ARG_FLAG(init_args, force, "-force", "replace an existing file"),
    DNX_ARG_TWO(init_args, from, "-from", "OLD.cfg OLD.weights",
                "copy the layers of another network that fit, matched by name= or by order"),
    DNX_ARG_TEXT(init_args, data, "-data", "FILE",
                 "a .data file, for the number of classes of a cfg with classes=auto"),
    DNX_ARG_END,
};

static dnx_status bridge(dnx_net *net, const char *const *from, dnx_err *err) {
    dnx_bridge b = {0};
    dnx_net *old;
    const dnx_opening o = {from[0], from[1], 1, .batch = 1, .threads = 1};
    dnx_status st = dnx_open_features(&o, &old, err);
    if (st) return st;
    st = dnx_bridge_net(old, net, (dnx_bridge_how){.widths = true}, &b, err);
    bool has_parts = false;
    for (int i = 0; i < b.n; i++) has_parts |= b.rows[i].fate == DNX_PART_TAKEN;
    if (!st) dnx_print_bridge(&b);
    if (!st && has_parts)
        fprintf(stderr, "of layers of another width the first filters and channels were taken: "
                        "the network has to be trained before use\n");
    dnx_bridge_free(&b);
    dnx_net_free(old);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const init_args *a = args;
    dnx_net *net;
    const dnx_opening o = {a->cfg, .data = a->data, .classes_of = a->from[1], .batch = 1,
                           .threads = 1};
    if (dnx_open(&o, &net, err)) return 1;
    dnx_status st = dnx_try_weights(a->out, a->force, err);
    if (!st && a->from[0]) st = bridge(net, a->from, err);
    if (!st) st = dnx_weights_save(net, a->out, err);
    if (!st && a->from[0]) printf("%s: with weights of %s\n", a->out, a->from[1]);
    else if (!st) printf("%s: random weights of seed %d\n", a->out, net->o.seed);
    dnx_net_free(net);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_init = {"init",
                               "write weights to start from: random, or from another network",
                               table, sizeof(init_args), run};
