/* darknet compress: makes a trained network smaller. This file has the verbs pack and unpack. They
 * convert weights files to and from the packed form, which stores each weight of a [binary] layer
 * in one bit. cmd_low_rank.c has the verb low-rank. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "net/weights_packed.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *in, *out;
    bool half, force;
} pack_args;

static const dnx_arg pack_table[] = {
    DNX_PLACE_NET(pack_args, cfg, in),
    DNX_PLACE(pack_args, out, "out.packed", "the packed file, which every verb takes as weights"),
    DNX_ARG_FLAG(pack_args, half, "-half", "write all other numbers in 16 bits instead of 32"),
    DNX_ARG_FLAG(pack_args, force, "-force", "replace an existing file"),
    DNX_ARG_END,
};

static const dnx_arg unpack_table[] = {
    DNX_PLACE(pack_args, in, "in.packed", "the packed file"),
    DNX_PLACE(pack_args, cfg, "net.cfg", "the network"),
    DNX_PLACE(pack_args, out, "out.weights", "weights of 32 bits, as other programs take them"),
    DNX_ARG_FLAG(pack_args, force, "-force", "replace an existing file"),
    DNX_ARG_END,
};

static void print_packed(dnx_net *net, const pack_args *a, dnx_weight_bits of_others) {
    const double numbers = (double)dnx_weights_floats(net, net->n), plain = numbers * 4 + 20;
    const double size = (double)dnx_packed_size(net, of_others);
    double bits = 0;
    for (int i = 0; i < net->n; i++) {
        dnx_param list[DNX_MAX_PARAMS];
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (list[k].is_one_bit) bits += (double)list[k].count;
    }
    if (!bits && !a->half)
        printf("%s: the network has no [binary], so no number became 1 bit: %.0f bytes, more than "
               "%.0f; -half stores numbers in 16 bits\n",
               a->out, size, plain);
    else
        printf("%s: %.0f of %.0f numbers in 1 bit, %.0f bytes, %.1f times smaller than %.0f\n",
               a->out, bits, numbers, size, plain / size, plain);
}

/* Reads a->in and writes a->out, packed or as 32 bits. Returns the exit status. */
static int convert(const pack_args *a, bool packs, dnx_err *err) {
    dnx_net *net;
    const dnx_weight_bits of_others = a->half ? DNX_HALF : DNX_SINGLE;
    const dnx_opening o = {a->cfg, a->in, .batch = 1, .threads = 1};
    if (dnx_open(&o, &net, err)) return 1;
    dnx_status st = dnx_try_weights(a->out, a->force, err);
    if (!st && packs) st = dnx_packed_save(net, a->out, of_others, err);
    else if (!st) st = dnx_weights_save(net, a->out, err);
    if (!st && packs) print_packed(net, a, of_others);
    else if (!st) printf("%s: weights of 32 bits\n", a->out);
    dnx_net_free(net);
    return st != DNX_OK;
}

static int pack(const void *args, dnx_err *err) { return convert(args, true, err); }
static int unpack(const void *args, dnx_err *err) { return convert(args, false, err); }

const dnx_verb dnx_compress_pack = {"compress pack",
                                    "write weights with one bit for each weight of [binary]",
                                    pack_table, sizeof(pack_args), pack};
const dnx_verb dnx_compress_unpack = {"compress unpack",
                                      "write weights of 32 bits from packed ones", unpack_table,
                                      sizeof(pack_args), unpack};

static const dnx_verb *const verbs[] = {&dnx_compress_low_rank, &dnx_compress_pack,
                                        &dnx_compress_unpack, NULL};

const dnx_verb dnx_cmd_compress = {
    .name = "compress",
    .summary = "lower the rank of convolutions; pack binary filters into bits",
    .verbs = verbs};
