/* darknet init: fresh weights of a network, so that several runs can start from the same. */
#include "cmd/cmd.h"
#include "net/weights.h"

static int run(int argc, char **argv);

const dnx_verb dnx_cmd_init = {"init", "init net.cfg out.weights",
                               "write a network's random initial weights (seed= of the cfg)", run};

static int run(int argc, char **argv) {
    dnx_err err = {0};
    dnx_net *net;
    if (argc != 3) return dnx_usage(&dnx_cmd_init);
    if (dnx_open(argv[1], NULL, false, 1, 1, &net, &err)) return dnx_report(&err);
    dnx_status st = dnx_weights_save(net, argv[2], &err);
    dnx_net_free(net);
    return st ? dnx_report(&err) : 0;
}
