/* darknet classifier: train (cmd_train.c), predict and valid (cmd_predict.c), and raw, which runs a
 * network on tensors in files, for scripts and comparisons. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/outfile.h"
#include "cmd/cmd.h"
#include "net/finite.h"

typedef struct {
    const char *cfg, *weights, *in, *out;
    int batch, threads;
    bool force;
} raw_args;

static const dnx_arg table[] = {
    DNX_PLACE_NET(raw_args, cfg, weights),
    DNX_PLACE(raw_args, in, "in.f32", "images as float32 numbers, N x height x width x channels"),
    DNX_PLACE(raw_args, out, "out.f32", "the last layer's outputs, N x height x width x channels"),
    DNX_ARG_INT(raw_args, batch, "-batch", "N", 1, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(raw_args),
    DNX_ARG_FLAG(raw_args, force, "-force", "replace an existing file"),
    DNX_ARG_END,
};

static dnx_status run_file(dnx_net *net, const raw_args *a, FILE *in, float *x, dnx_outfile *out,
                           dnx_err *err) {
    const size_t size = dnx_size(net->in), outputs = dnx_size(net->nodes[net->n - 1].out);
    const size_t bytes = size * sizeof *x;
    for (size_t got; (got = fread(x, 1, bytes * (size_t)net->batch, in)) > 0;) {
        if (got % bytes && !ferror(in))
            return dnx_fail_at(err, DNX_EIO, a->in,
                               "its length is not a multiple of %zu bytes: an image of %d x %d x "
                               "%d float32 numbers",
                               bytes, net->in.h, net->in.w, net->in.c);
        const float *y = dnx_net_predict(net, x, (int)(got / bytes));
        dnx_status st = dnx_net_status(net, err);
        if (!st) st = dnx_check_numbers(y, outputs * (got / bytes), a->in, err);
        if (st) return st;
        dnx_outfile_put(out, y, sizeof *y * outputs * (got / bytes));
    }
    if (!ferror(in)) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, a->in, "cannot read: %s", strerror(errno));
}

static bool is_stream(const char *path) {
    struct stat s;
    return !stat(path, &s) && (S_ISCHR(s.st_mode) || S_ISFIFO(s.st_mode));
}

static dnx_status open_output(const raw_args *a, dnx_outfile *out, dnx_err *err) {
    dnx_status st = is_stream(a->out) ? DNX_OK : dnx_try_output(a->out, a->force, err);
    return st ? st : dnx_outfile_stream(out, a->out, err);
}

static dnx_status raw(dnx_net *net, const raw_args *a, dnx_err *err) {
    dnx_outfile out;
    FILE *in = dnx_file_stream(a->in);
    if (!in) return dnx_fail_at(err, DNX_EIO, a->in, "cannot open: %s", strerror(errno));
    dnx_status st = open_output(a, &out, err);
    if (!st) {
        float *x = dnx_alloc(dnx_size(net->in) * (size_t)net->batch);
        st = x ? run_file(net, a, in, x, &out, err)
               : dnx_fail_at(err, DNX_EMEM, a->cfg, "no memory for the images");
        dnx_free(x);
        if (!st) st = dnx_outfile_commit(&out, err);
        else dnx_outfile_discard(&out);
    }
    fclose(in);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const raw_args *a = args;
    dnx_net *net;
    const dnx_opening o = {a->cfg, a->weights, 0, a->batch, a->threads, .to_run = true};
    if (dnx_open(&o, &net, err)) return 1;
    dnx_status st = raw(net, a, err);
    const size_t outputs = dnx_size(net->nodes[net->n - 1].out);
    dnx_net_free(net);
    if (st) return 1;
    if (!is_stream(a->out))
        printf("%s: %zu %s for each image\n", a->out, outputs,
               dnx_plural(outputs, "number", "numbers"));
    return 0;
}

const dnx_verb dnx_classifier_raw = {"classifier raw", "run a network on files of float32 numbers",
                                     table, sizeof(raw_args), run};

static const dnx_verb *const verbs[] = {&dnx_classifier_train, &dnx_classifier_predict,
                                        &dnx_classifier_valid, &dnx_classifier_raw, NULL};
static const char *const host_verbs[] = {"csv",       "demo",       "fout", "gun",     "label",
                                         "test",      "threat",     "try",  "valid10", "validcrop",
                                         "validfull", "validmulti", NULL};

const dnx_verb dnx_cmd_classifier = {
    .name = "classifier",
    .summary = "train on images; name their classes; count the right ones",
    .verbs = verbs,
    .host_verbs = host_verbs};
