/* darknet check: a table of a network's layers, and what it costs. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "dnx_compression.h"
#include "net/weights_packed.h"

typedef struct {
    const char *cfg, *weights;
} check_args;

static const dnx_arg table[] = {
    DNX_PLACE(check_args, cfg, "net.cfg", "the network"),
    DNX_PLACE_MAYBE(check_args, weights, "weights",
                    "a file of weights, which must fit the network"),
    DNX_ARG_END};

static int run(const void *args);

const dnx_verb dnx_cmd_check = {
    "check", "check a cfg (and its weights): layers, parameters, multiply-adds, memory", table,
    sizeof(check_args), run};

/* 1234567 as "1,234,567"; the text lives until the fourth next call. */
static const char *grouped(double v) {
    static char ring[4][32];
    static int turn;
    char plain[32], *out = ring[turn++ & 3];
    int len = snprintf(plain, sizeof plain, "%.0f", v), k = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[k++] = ',';
        out[k++] = plain[i];
    }
    out[k] = 0;
    return out;
}

static void print_layer(dnx_net *net, int i, double macs) {
    const dnx_node *n = &net->nodes[i];
    char in[48] = "", out[48];
    if (n->n_in) snprintf(in, sizeof in, "%d x %d x %d", n->in[0].h, n->in[0].w, n->in[0].c);
    snprintf(out, sizeof out, "%d x %d x %d", n->out.h, n->out.w, n->out.c);
    printf("%5d  %-17s %-17s %-17s %11s %15s", i, n->type->name, in, out,
           grouped((double)dnx_net_count(net, i)), grouped(macs));
    if (net->links[i].merged_into >= 0)
        printf("  + layer %d, merged into %d", n->from[1], net->links[i].merged_into);
    else if (n->n_in > 1) {
        printf("  of layers");
        for (int k = 0; k < n->n_in; k++) printf(" %d", n->from[k]);
    }
    printf("\n");
}

/* What [binary] layers make of the totals, and the sizes of the files. */
static dnx_arithmetic arithmetic_of(const dnx_node *n) {
    const dnx_compression *c = n->type->compression;
    return c && c->arithmetic ? c->arithmetic(n) : DNX_MULTIPLY_ADDS;
}

static void print_bits(dnx_net *net, double parameters, double macs) {
    double bits = 0, numbers = 0, counted = 0, added = 0;
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        dnx_param list[DNX_MAX_PARAMS];
        bool is_binary = false;
        for (int k = 0, count = dnx_net_params(net, i, list); k < count; k++) {
            numbers += (double)list[k].count;
            if (!list[k].is_one_bit) continue;
            is_binary = true;
            bits += (double)list[k].count;
        }
        if (is_binary) *(arithmetic_of(n) == DNX_BIT_OPS ? &counted : &added) += n->type->macs(n);
    }
    if (bits > 0) {
        printf("  1-bit          %s parameters, the others %s of 32 bits\n", grouped(bits),
               grouped(parameters - bits));
        printf("  operations     %s multiply-adds of bits, %s additions (1-bit weights), %s of 32 "
               "bits\n", grouped(counted), grouped(added), grouped(macs - counted - added));
    }
    printf("on disk          %s bytes", grouped(numbers * 4 + 20));
    if (bits > 0)
        printf("; packed %s, with half precision %s", grouped((double)dnx_packed_size(net, false)),
               grouped((double)dnx_packed_size(net, true)));
    printf("\n");
}

/* Bytes that training at `size` images allocates: weights and momentum, the layers' own arrays,
 * outputs and their gradients. Only parameters are written: what grows with the batch costs the
 * check address space, not memory. */
static dnx_status training_memory(const char *path, int size, double *bytes, int *threads,
                                  dnx_err *err) {
    dnx_net *net;
    dnx_status st = dnx_open(path, NULL, true, size, 0, &net, err);
    if (st) return st;
    *bytes = (double)dnx_net_memory(net);
    for (int i = 0; i < net->n; i++)
        *bytes += sizeof(float) * (double)(net->nodes[i].allocated + dnx_net_count(net, i));
    *threads = net->threads;
    dnx_net_free(net);
    return DNX_OK;
}

static int run(const void *args) {
    const check_args *a = args;
    dnx_err err = {0};
    dnx_net *net;
    if (dnx_open(a->cfg, a->weights, false, 1, 1, &net, &err)) return dnx_report(&err);
    double parameters = 0, macs = 0, sum = 0;
    printf("%5s  %-17s %-17s %-17s %11s %15s\n", "layer", "section", "input", "output",
           "parameters", "multiply-adds");
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        double m = n->type->macs ? n->type->macs(n) : 0;
        print_layer(net, i, m);
        parameters += (double)dnx_net_count(net, i);
        macs += m;
        sum += net->links[i].merged_into >= 0 ? 0 : (double)dnx_size(n->out);
    }
    printf("\nparameters       %s (%.2f MB)\n", grouped(parameters), parameters * 4e-6);
    printf("multiply-adds    %s an image (%.0f M)\n", grouped(macs), macs * 1e-6);
    print_bits(net, parameters, macs);
    printf("predicting       %.2f MB beside the weights at batch 1 (%.2f MB if no output shared "
           "memory)\n", (double)dnx_net_memory(net) * 1e-6,
           (sum + (double)net->scratch_floats) * 4e-6);
    const char *predicts = NULL;
    for (int i = 0; i < net->n; i++)
        if (!net->nodes[i].type->backward) predicts = net->nodes[i].type->name;
    bool is_taught = net->teachers != NULL;
    int batch = net->o.batch / net->o.subdivisions, threads, few = batch > 1 ? batch / 2 : 2;
    dnx_net_free(net);
    if (predicts) {
        printf("training         not here: [%s] only predicts\n", predicts);
        return 0;
    }
    double all, some;
    dnx_status st = training_memory(a->cfg, batch, &all, &threads, &err);
    if (!st) st = training_memory(a->cfg, few, &some, &threads, &err);
    if ((st == DNX_EIO && is_taught) || st == DNX_EMEM) {
        printf("training         not now: %s\n", err.text);
        return 0;
    }
    if (st) return dnx_report(&err);
    printf("training         %.1f MB an image, %.0f MB at batch %d with %d threads%s\n",
           (all - some) / (batch - few) * 1e-6, all * 1e-6, batch, threads,
           is_taught ? ", beside the teachers" : "");
    return 0;
}
