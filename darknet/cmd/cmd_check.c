/* darknet check: prints a network's layers and their cost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "cmd/check.h"
#include "cmd/cmd.h"
#include "data/data.h"
#include "layer/compression.h"
#include "net/netron.h"
#include "net/weights.h"
#include "net/weights_packed.h"
#include "train/trainable.h"

typedef struct {
    const char *cfg, *weights, *data, *size, *netron;
    bool json, dot, svg, force;
} check_args;

static const dnx_arg table[] = {
    DNX_PLACE(check_args, cfg, "net.cfg", "the network"),
    DNX_PLACE_MAYBE(check_args, weights, "weights",
                    "a file of weights, which must fit up to the embedding"),
    DNX_ARG_TEXT(check_args, data, "-data", "FILE",
                 "check whether the network can be trained on the images of this data file; "
                 "status 1 when it cannot"),
    DNX_ARG_TEXT(check_args, size, "-size", "HxW",
                 "check for images of this height and width, pixels, such as 480x640"),
    DNX_ARG_FLAG(check_args, json, "-json", "print JSON, for scripts"),
    DNX_ARG_FLAG(check_args, dot, "-dot", "print a graph for Graphviz: dot -Tpdf"),
    DNX_ARG_FLAG(check_args, svg, "-svg", "print a picture: layers, shapes, costs"),
    DNX_ARG_TEXT(check_args, netron, "-netron", "FILE",
                 "write a cfg of sections that Netron knows, so that it draws all shapes"),
    DNX_ARG_FLAG(check_args, force, "-force", "with -netron: replace an existing file"),
    DNX_ARG_END,
};

/* Returns 1234567 as "1,234,567". The text is valid during the next three calls. */
static const char *grouped(double v) {
    static char ring[4][32];
    static int turn;
    return dnx_grouped(v, ring[turn++ & 3]);
}

static void print_layer(dnx_net *net, int i, double macs) {
    const dnx_node *n = &net->nodes[i];
    char in[48] = "", out[48];
    if (n->n_in) snprintf(in, sizeof in, "%d x %d x %d", n->in[0].h, n->in[0].w, n->in[0].c);
    snprintf(out, sizeof out, "%d x %d x %d", n->out.h, n->out.w, n->out.c);
    printf("%5d  %-17s %-17s %-17s %11s %15s", i, n->type->name, in, out,
           grouped((double)dnx_net_count(net, i)), grouped(macs));
    if (net->plan.of[i].deferred && net->plan.of[i].merged_into >= 0)
        printf("  applied by layer %d", i + 1);
    else if (net->plan.of[i].merged_into >= 0)
        printf("  + layer %d, merged into %d", n->from[1], net->plan.of[i].merged_into);
    else if (n->n_in > 1) {
        printf("  of layers");
        for (int k = 0; k < n->n_in; k++) printf(" %d", n->from[k]);
    }
    if (net->links[i].name) printf("  name %s", net->links[i].name);
    printf("\n");
}

/* Returns the kind of a layer's operations: [binary] replaces multiply-adds by cheaper
 * operations. */
static dnx_arithmetic arithmetic_of(const dnx_node *n) {
    const dnx_compression *c = n->type->compression;
    return c && c->arithmetic ? c->arithmetic(n) : DNX_MULTIPLY_ADDS;
}

static void print_bits(dnx_net *net, double parameters, double macs) {
    double bits = 0, counted = 0, added = 0;
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        dnx_param list[DNX_MAX_PARAMS];
        bool is_binary = false;
        for (int k = 0, count = dnx_net_params(net, i, list); k < count; k++) {
            if (!list[k].is_one_bit) continue;
            is_binary = true;
            bits += (double)list[k].count;
        }
        if (is_binary) *(arithmetic_of(n) == DNX_BIT_OPS ? &counted : &added) += dnx_macs(n);
    }
    if (bits > 0) {
        printf("  1-bit          %s parameters, the others %s of 32 bits\n", grouped(bits),
               grouped(parameters - bits));
        printf("  operations     %s multiply-adds of bits, %s additions (1-bit weights), %s of 32 "
               "bits\n",
               grouped(counted), grouped(added), grouped(macs - counted - added));
    }
    printf("on disk          %s bytes", grouped((double)dnx_weights_floats(net, net->n) * 4 + 20));
    if (bits > 0)
        printf("; packed %s, with half precision %s",
               grouped((double)dnx_packed_size(net, DNX_SINGLE)),
               grouped((double)dnx_packed_size(net, DNX_HALF)));
    printf("\n");
}

/* Returns a->data. When the cfg cannot be opened with this data file, or without one, sets *why and
 * returns NULL. */
static const char *find_data(const check_args *a, dnx_err *why) {
    dnx_cfg *cfg;
    const dnx_opening o = {a->cfg, .data = a->data};
    if (dnx_open_cfg(&o, &cfg, why)) return NULL; /* a wrong cfg is reported later, by dnx_open() */
    dnx_cfg_free(cfg);
    return a->data;
}

/* Fills t->all, some and threads. *why: the reason why a valid cfg cannot be trained. */
static dnx_status try_training(const check_args *a, const char *known, dnx_check_training *t,
                               dnx_err *why, dnx_err *err) {
    dnx_net *net;
    dnx_data *data = NULL;
    dnx_opening o = {.cfg = a->cfg,
                     .data = known,
                     .classes = 1,
                     .trains = true,
                     .is_blank = true,
                     .batch = t->few};
    dnx_status st = dnx_open(&o, &net, err);
    /* When *why is already set, no data file gave the number of classes, and classes=auto became 1.
     * With the right number the shapes may fit, so DNX_ESHAPE is no error here. */
    if (st == DNX_ESHAPE && why->status) return DNX_OK;
    if (st) return st;
    t->some = dnx_training_bytes(net);
    t->threads = net->threads;
    dnx_net_free(net);
    o.batch = t->batch;
    st = dnx_open(&o, &net, err);
    if (st) return st;
    t->all = dnx_training_bytes(net);
    dnx_status wrong = why->status ? why->status : dnx_trainable(net, why);
    if (!wrong && a->data) wrong = dnx_data_open(a->data, dnx_print_skipped, NULL, &data, why);
    if (data && data->left_out.n)
        fprintf(stderr, "%zu %s left out\n", data->left_out.n,
                dnx_plural(data->left_out.n, "file was", "files were"));
    if (!wrong && data) wrong = dnx_trainable_on(net, data, 0, why);
    char absent[800] = "";
    if (data) dnx_classes_note(net, data, absent, sizeof absent);
    if (absent[0]) fprintf(stderr, "%s\n", absent);
    if (!wrong) dnx_training_fits(net, why);
    dnx_data_close(data);
    dnx_net_free(net);
    return DNX_OK;
}

static void print_table(dnx_net *net) {
    double parameters = 0, macs = 0, sum = 0;
    printf("%5s  %-17s %-17s %-17s %11s %15s\n", "layer", "section", "input", "output",
           "parameters", "multiply-adds");
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        double m = dnx_macs(n);
        print_layer(net, i, m);
        parameters += (double)dnx_net_count(net, i);
        macs += m;
        sum += net->plan.of[i].merged_into >= 0 ? 0 : (double)dnx_size(n->out);
    }
    printf("\nparameters       %s (%.2f MB)\n", grouped(parameters), parameters * 4e-6);
    printf("multiply-adds    %s an image (%.0f M)\n", grouped(macs), macs * 1e-6);
    print_bits(net, parameters, macs);
    printf("predicting       %.2f MB beside the weights at batch 1 (%.2f MB if no output shared "
           "memory)\n",
           (double)dnx_net_memory(net) * 1e-6, (sum + (double)net->plan.scratch_floats) * 4e-6);
}

static void print_training(const dnx_check_training *t, bool is_taught, bool is_later,
                           const char *why) {
    if (why) printf("training         not %s: %s\n", is_later ? "now" : "here", why);
    else
        printf("training         %.1f MB an image, %.0f MB at batch %d with %d threads%s\n",
               (t->all - t->some) / (t->batch - t->few) * 1e-6, t->all * 1e-6, t->batch, t->threads,
               is_taught ? ", beside the teachers" : "");
}

/* Writes the reason why the network can only predict, or "" when all layers have backward(). */
static void find_predicting(const dnx_net *net, char *text, size_t size) {
    text[0] = 0;
    for (int i = 0; i < net->n; i++)
        if (!net->nodes[i].type->backward)
            snprintf(text, size, "[%s] only predicts", net->nodes[i].type->name);
}

static bool has_teacher(const dnx_net *net) {
    for (int i = 0; i < net->n; i++)
        if (dnx_takes(&net->nodes[i])) return true;
    return false;
}

/* Parses "HxW". */
static bool read_size(const char *text, int *h, int *w) {
    char end;
    return strspn(text, "0123456789x") == strlen(text) &&
           sscanf(text, "%8dx%8d%c", h, w, &end) == 2 && *h > 0 && *w > 0;
}

/* Opens the network for images of h x w pixels, or of the size in its cfg when h is 0. */
static dnx_status open_net(const check_args *a, const char *known, int h, int w, dnx_net **net,
                           dnx_err *err) {
    const dnx_opening o = {a->cfg,     a->weights,   .data = known,   .classes = 1,
                           .batch = 1, .threads = 1, .is_blank = true};
    dnx_status st = dnx_open_features(&o, net, err);
    if (st || !h) return st;
    st = dnx_net_resize(*net, h, w, err);
    if (st) dnx_net_free(*net);
    return st;
}

static dnx_status write_netron(const check_args *a, const dnx_net *net, dnx_err *err) {
    char *text;
    int sections;
    dnx_status st = dnx_try_output(a->netron, a->force, err);
    if (!st) st = dnx_netron_cfg(net, &text, &sections, err);
    if (st) return st;
    st = dnx_outfile_write(a->netron, text, strlen(text), err);
    free(text);
    if (!st) printf("%s: %d sections\n", a->netron, sections);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const check_args *a = args;
    dnx_err said = {0}, unfit = {0};
    dnx_net *net;
    char why[sizeof said.text];
    bool is_said = false;
    dnx_status st = DNX_OK;
    int h = 0, w = 0;
    const char *known = find_data(a, &said);
    if (a->size && !read_size(a->size, &h, &w))
        return dnx_wrong("-size %s: must be HEIGHTxWIDTH, as 480x640", a->size);
    if (a->size && a->data) return dnx_wrong("-size is for predicting, -data for training");
    if (a->json + a->dot + a->svg + !!a->netron > 1)
        return dnx_wrong("-json, -dot, -svg and -netron exclude each other");
    if ((a->dot || a->svg || a->netron) && a->data)
        return dnx_wrong("-dot, -svg and -netron need no -data");
    if (a->force && !a->netron) return dnx_wrong("-force is for -netron");
    if (open_net(a, known, h, w, &net, err)) return 1;
    if (a->dot || a->svg || a->netron) {
        if (a->netron) st = write_netron(a, net, err);
        else (a->dot ? dnx_draw_dot : dnx_draw_svg)(net);
        dnx_net_free(net);
        return st != DNX_OK;
    }
    if (!a->json) {
        dnx_print_notes(net);
        print_table(net);
    }
    dnx_check_training t = {.batch = net->o.batch / net->o.subdivisions};
    t.few = t.batch > 1 ? t.batch / 2 : 2;
    find_predicting(net, why, sizeof why);
    if (a->size && !why[0]) snprintf(why, sizeof why, "-size is for predicting");
    if (!why[0]) st = try_training(a, known, &t, &said, &unfit);
    if (st == DNX_EMEM || (st == DNX_EIO && has_teacher(net)))
        said = unfit; /* memory or a teacher is missing: the cfg may still be right */
    else if (st) {
        dnx_net_free(net);
        *err = unfit;
        return 1;
    }
    if (said.status) snprintf(why, sizeof why, "%s", said.text);
    for (int i = 0; i < net->origin.notes.n; i++)
        is_said |= !a->json && !strcmp(net->origin.notes.text[i], why);
    if (a->json) dnx_check_json(net, a->weights, &t, why[0] ? why : NULL);
    else print_training(&t, has_teacher(net), st != DNX_OK, why[0] ? why : NULL);
    dnx_net_free(net);
    if (!a->data || !why[0]) return 0;
    if (!is_said) fprintf(stderr, "%s\n", why);
    return 1;
}

const dnx_verb dnx_cmd_check = {
    "check", "check a cfg (and its weights): layers, parameters, multiply-adds, memory", table,
    sizeof(check_args), run};
