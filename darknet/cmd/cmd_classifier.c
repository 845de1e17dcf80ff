/* darknet classifier: train (cmd_train.c), predict and valid (cmd_predict.c) are ours, raw runs a
 * network over tensors in files, for scripts and comparisons. The host's other verbs go to the
 * host's command. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

static int run(int argc, char **argv);

const dnx_verb dnx_cmd_classifier = {
    "classifier",
    "classifier train faces.data net.cfg [weights] [-clear] [-resume] [-threads N] [-seed N]\n"
    "                          [-batches N] [-every N]\n"
    "       darknet classifier predict x.data net.cfg weights [image] [-t N] [-threads N]\n"
    "       darknet classifier valid x.data net.cfg weights [-batch N] [-threads N]\n"
    "       darknet classifier raw net.cfg weights in.f32 out.f32 [-batch N] [-threads N]",
    "train on images; name their classes; count the right ones;\n"
    "              or run on float32 files (N x H x W x C in, N x outputs out)", run};

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

static int run(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "train")) return dnx_classifier_train(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "predict")) return dnx_classifier_predict(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "valid")) return dnx_classifier_valid(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "raw")) {
        execv("/usr/bin/darknet", argv - 1);
        fprintf(stderr, "darknet: the host's command is not installed\n");
        return 1;
    }
    dnx_err err = {0};
    dnx_net *net;
    bool ok = true;
    int batch = dnx_take_int(&argc, argv, "-batch", 1, 1, 65536, &ok);
    int threads = dnx_take_int(&argc, argv, "-threads", 0, 1, 64, &ok);
    if (!ok || argc != 6) return dnx_usage(&dnx_cmd_classifier);
    if (dnx_open_to_run(argv[2], argv[3], batch, threads, &net, &err)) return dnx_report(&err);
    int status = raw(net, argv[4], argv[5]);
    dnx_net_free(net);
    return status;
}
