/* darknet init: fresh weights of a network, so that several runs can start from the same. */
#include "cmd/cmd.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *out;
    bool force;
} init_args;

static const dnx_arg table[] = {
    DNX_PLACE(init_args, cfg, "net.cfg", "the network; seed= of [net] chooses the numbers"),
    DNX_PLACE(init_args, out, "out.weights", "the file of the weights"),
    DNX_ARG_FLAG(init_args, force, "-force", "replace a file that is there already"),
    DNX_ARG_END};

static int run(const void *args) {
    const init_args *a = args;
    dnx_err err = {0};
    dnx_net *net;
    if (dnx_open(a->cfg, NULL, false, 1, 1, &net, &err)) return dnx_report(&err);
    dnx_status st = dnx_try_output(a->out, a->force, &err);
    if (!st) st = dnx_weights_save(net, a->out, &err);
    dnx_net_free(net);
    return st ? dnx_report(&err) : 0;
}

const dnx_verb dnx_cmd_init = {"init", "write a network's random initial weights", table,
                               sizeof(init_args), run};
