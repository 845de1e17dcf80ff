/* darknet compress pack and unpack: weights files with one bit for each weight of [binary]. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "net/weights_packed.h"
#include "net/weights.h"

static int usage(const char *text) {
    fprintf(stderr, "usage: darknet compress %s\n", text);
    return 2;
}

int dnx_compress_pack(int argc, char **argv) {
    dnx_err err = {0};
    dnx_net *net;
    bool half = dnx_take_flag(&argc, argv, "-half");
    if (argc != 4) return usage("pack net.cfg weights out.packed [-half]");
    if (dnx_open(argv[1], argv[2], false, 1, 1, &net, &err)) return dnx_report(&err);
    double numbers = 0, bits = 0;
    for (int i = 0; i < net->n; i++) {
        dnx_param list[DNX_MAX_PARAMS];
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            numbers += (double)list[k].count;
            if (dnx_is_one_bit(&net->nodes[i], &list[k])) bits += (double)list[k].count;
        }
    }
    dnx_status st = dnx_packed_save(net, argv[3], half, &err);
    double size = (double)dnx_packed_size(net, half);
    dnx_net_free(net);
    if (st) return dnx_report(&err);
    printf("%s: %.0f of %.0f numbers in 1 bit, %.0f bytes, %.1f times smaller than %.0f\n", argv[3],
           bits, numbers, size, (numbers * 4 + 20) / size, numbers * 4 + 20);
    return 0;
}

int dnx_compress_unpack(int argc, char **argv) {
    dnx_err err = {0};
    dnx_net *net;
    if (argc != 4) return usage("unpack in.packed net.cfg out.weights");
    if (dnx_open(argv[2], argv[1], false, 1, 1, &net, &err)) return dnx_report(&err);
    dnx_status st = dnx_weights_save(net, argv[3], &err);
    dnx_net_free(net);
    return st ? dnx_report(&err) : 0;
}
