/* darknet classifier: train (cmd_train.c), predict and valid (cmd_predict.c) are ours, raw runs a
 * network over tensors in files, for scripts and comparisons. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

typedef struct {
    const char *cfg, *weights, *in, *out;
    int batch, threads;
} raw_args;

static const dnx_arg table[] = {
    DNX_PLACE(raw_args, cfg, "net.cfg", "the network"),
    DNX_PLACE(raw_args, weights, "weights", "its weights"),
    DNX_PLACE(raw_args, in, "in.f32", "images as float32 numbers, N x height x width x channels"),
    DNX_PLACE(raw_args, out, "out.f32", "the last layer's outputs, N x height x width x channels"),
    DNX_ARG_INT(raw_args, batch, "-batch", "N", 1, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(raw_args),
    DNX_ARG_END};

static int raw(dnx_net *net, const char *in, const char *out) {
    size_t size = dnx_size(net->in), batch = (size_t)net->batch, got;
    FILE *f = fopen(in, "rb"), *o = f ? fopen(out, "wb") : NULL;
    float *x = dnx_alloc(size * batch);
    bool ok = f && o && x;
    if (!ok) fprintf(stderr, "%s: %s\n", f ? out : in, strerror(errno));
    while (ok && (got = fread(x, sizeof(float), size * batch, f)) > 0) {
        size_t outputs = dnx_size(net->nodes[net->n - 1].out), images = got / size;
        if (got % size) {
            fprintf(stderr, "%s: is no whole number of %zu-float images\n", in, size);
            ok = false;
            break;
        }
        const float *y = dnx_net_predict(net, x, (int)images);
        if (fwrite(y, sizeof(float), outputs * images, o) != outputs * images) {
            fprintf(stderr, "%s: cannot write: %s\n", out, strerror(errno));
            ok = false;
        }
    }
    if (o && fclose(o) && ok) {
        fprintf(stderr, "%s: cannot write: %s\n", out, strerror(errno));
        ok = false;
    }
    if (f) fclose(f);
    dnx_free(x);
    return ok ? 0 : 1;
}

static int run(const void *args) {
    const raw_args *a = args;
    dnx_err err = {0};
    dnx_net *net;
    if (dnx_open_to_run(a->cfg, a->weights, a->batch, a->threads, &net, &err))
        return dnx_report(&err);
    int status = raw(net, a->in, a->out);
    dnx_net_free(net);
    return status;
}

const dnx_verb dnx_classifier_raw = {"classifier raw", "run a network on files of float32 numbers",
                                     table, sizeof(raw_args), run};

static const dnx_verb *const verbs[] = {&dnx_classifier_train, &dnx_classifier_predict,
                                        &dnx_classifier_valid, &dnx_classifier_raw, NULL};
static const char *const host_verbs[] = {"csv", "demo", "fout", "gun", "label", "test", "threat",
                                         "try", "valid10", "validcrop", "validfull", "validmulti",
                                         NULL};

const dnx_verb dnx_cmd_classifier = {
    .name = "classifier", .summary = "train on images; name their classes; count the right ones",
    .verbs = verbs, .host_verbs = host_verbs};
