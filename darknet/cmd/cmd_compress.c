/* darknet compress: makes a trained network smaller. The sub-verbs are in cmd_low_rank.c and
 * cmd_pack.c. */
#include <string.h>

#include "cmd/cmd.h"

static int run(int argc, char **argv);

const dnx_verb dnx_cmd_compress = {
    "compress",
    "compress low-rank net.cfg weights images out.cfg out.weights\n"
    "                         -rank R|layer:R,... | -energy E | -speedup S | -flops M\n"
    "                         [-method linear|nonlinear|asymmetric] [-samples N] [-positions N]\n"
    "                         [-multiple N] [-all] [-csv energy.csv] [-seed N] [-threads N]\n"
    "                         [-force]\n"
    "       darknet compress pack net.cfg weights out.packed [-half]\n"
    "       darknet compress unpack in.packed net.cfg out.weights",
    "lower the rank of convolutions; pack binary filters into bits", run};

static int run(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {{"low-rank", dnx_compress_low_rank},
                 {"pack", dnx_compress_pack},
                 {"unpack", dnx_compress_unpack}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (argc > 1 && !strcmp(argv[1], verbs[i].name)) return verbs[i].run(argc - 1, argv + 1);
    return dnx_usage(&dnx_cmd_compress);
}
