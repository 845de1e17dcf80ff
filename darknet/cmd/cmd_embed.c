/* darknet embed: writes the features of images into one file (embeddings.h). The first loss and the
 * layers after it do not run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/skipped_file.h"
#include "data/embeddings.h"
#include "host/loop.h"
#include "data/images.h"
#include "face/search.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "net/fingerprint.h"

typedef struct {
    const char *cfg, *weights, *images, *out;
    int flip, batch, threads; /* flip: index of the word, or -1; dnx_flip is one more */
    bool unit, half, force;
} embed_args;

static const dnx_arg table[] = {
    DNX_PLACE(embed_args, cfg, "net.cfg", "the network"),
    DNX_PLACE(embed_args, weights, "weights", "its weights"),
    DNX_PLACE(embed_args, images, "images", "a folder, a list of paths or a .bin set of images"),
    DNX_PLACE(embed_args, out, "out", "the file of the features"),
    DNX_ARG_WORD(embed_args, flip, "-flip", "sum|concat", -1,
                 "compute the mirrored image, too; add its features or append them"),
    DNX_ARG_FLAG(embed_args, unit, "-unit", "scale the features to length 1"),
    DNX_ARG_FLAG(embed_args, half, "-half", "write numbers of 16 bits instead of 32"),
    DNX_ARG_INT(embed_args, batch, "-batch", "N", 16, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(embed_args),
    DNX_ARG_FLAG(embed_args, force, "-force", "replace an existing file"),
    DNX_ARG_END,
};

typedef struct {
    dnx_net *net;
    const dnx_images *images;
    size_t first;
    int count;
    dnx_flip flip;
    uint64_t network; /* its fingerprint */
    float *x;         /* batch x H x W x C, then their mirror images */
    float *features;  /* features of `count` images, without mirror images */
    dnx_err *errors;  /* for each image of the batch */
    char **names;     /* names of the images whose features are written */
    size_t done;      /* their number */
    dnx_skipped skipped;
} job;

static void load(void *arg, int t, long i) {
    (void)t;
    job *j = arg;
    size_t size = dnx_size(j->net->in);
    float *x = j->x + (size_t)i * size;
    j->errors[i] = (dnx_err){0};
    dnx_images_load(j->images, j->first + (size_t)i, j->net, x,
                    j->flip ? x + (size_t)j->net->batch * size : NULL, &j->errors[i]);
}

/* Skips the images that could not be loaded, and moves the others together. */
static dnx_status close_gaps(job *j, dnx_err *err) {
    const size_t size = dnx_size(j->net->in), mirrored = (size_t)j->net->batch * size;
    int good = 0;
    for (int i = 0; i < j->count; i++) {
        if (j->errors[i].status == DNX_EMEM ||
            (j->errors[i].status && !dnx_skipped_add_line(&j->skipped, j->errors[i].text)))
            return dnx_fail_at(err, DNX_EMEM, j->net->file, "no memory for the images");
        if (j->errors[i].status) continue;
        float *from = j->x + (size_t)i * size, *to = j->x + (size_t)good * size;
        if (good < i) memcpy(to, from, size * sizeof *to);
        if (good < i && j->flip) memcpy(to + mirrored, from + mirrored, size * sizeof *to);
        j->names[j->done + (size_t)good++] = j->images->name[j->first + (size_t)i];
    }
    j->count = good;
    return DNX_OK;
}

/* ---- features ---- */

/* Computes the features of the images in j->x into out: count x dim. */
static dnx_status embed(job *j, int last, bool unit, float *out, dnx_err *err) {
    dnx_net *net = j->net;
    size_t D = dnx_size(net->nodes[last].out), dim = j->flip == DNX_FLIP_CONCAT ? 2 * D : D;
    for (int side = 0; side < (j->count ? j->flip ? 2 : 1 : 0); side++) {
        const float *x = j->x + (size_t)side * (size_t)net->batch * dnx_size(net->in);
        dnx_net_run(net, x, j->count, last, j->features);
        for (int b = 0; b < j->count; b++)
            for (size_t k = 0; k < D; k++) {
                float v = j->features[(size_t)b * D + k];
                float *to = out + (size_t)b * dim + k;
                if (side && j->flip == DNX_FLIP_CONCAT) to += D;
                *to = v + (side && j->flip == DNX_FLIP_SUM ? *to : 0);
            }
    }
    dnx_status st = dnx_net_status(net, err);
    if (st) return st;
    st = dnx_features_keep(out, &j->count, dim, j->names + j->done, &j->skipped, err);
    for (int b = 0; unit && !st && b < j->count; b++) (void)dnx_unit(out + (size_t)b * dim, dim);
    return st;
}

static dnx_status check_half(const float *v, size_t n, const char *name, dnx_err *err) {
    for (size_t k = 0; k < n; k++)
        if (!dnx_fits_half(v[k]))
            return dnx_fail_at(err, DNX_ENUMBER, name,
                               "a feature is %g, and -half holds at most 65504", (double)v[k]);
    return DNX_OK;
}

static dnx_status save(job *j, int last, const embed_args *a, dnx_err *err) {
    size_t dim = dnx_size(j->net->nodes[last].out) * (j->flip == DNX_FLIP_CONCAT ? 2 : 1);
    const dnx_embeddings_kind kind = {a->half, j->flip, j->network};
    dnx_embeddings_out f;
    dnx_status st = dnx_embeddings_create(&f, a->out, j->images->n, dim, &kind, err);
    if (st) return st;
    float *out = dnx_alloc((size_t)j->net->batch * dim);
    j->features = dnx_alloc((size_t)j->net->batch * dim);
    if (!out || !j->features) st = dnx_no_memory(a->out, err);
    for (size_t i = 0; i < j->images->n; i++) dnx_embeddings_name(&f, j->images->name[i]);
    for (size_t step; !st && j->first < j->images->n && !f.file.why; j->first += step) {
        size_t left = j->images->n - j->first;
        if ((st = dnx_stop_check(err))) break;
        step = left < (size_t)j->net->batch ? left : (size_t)j->net->batch;
        j->count = (int)step;
        dnx_pool_each(j->net->pool, j->count, load, j);
        st = close_gaps(j, err);
        if (!st) st = embed(j, last, a->unit, out, err);
        for (int b = 0; a->half && !st && b < j->count; b++)
            st = check_half(out + (size_t)b * dim, dim, j->names[j->done + (size_t)b], err);
        if (!st) dnx_embeddings_rows(&f, out, (size_t)j->count);
        j->done += (size_t)j->count;
    }
    if (!st && !j->done && !f.file.why)
        st = dnx_fail_at(
            err, DNX_EIO, a->out, "not written: %s",
            dnx_plural(j->images->n, "its only image was skipped", "all images were skipped"));
    if (!st && j->skipped.n) dnx_embeddings_keep(&f, j->names, j->done);
    dnx_free(out);
    dnx_free(j->features);
    if (!st) st = dnx_outfile_sync(&f.file, err); /* after this only the rename can fail */
    if (!st) st = dnx_skipped_remove(a->out, err);
    if (!st) return dnx_embeddings_finish(&f, err);
    dnx_embeddings_discard(&f);
    return st;
}

/* Checks both outputs before the work. */
static dnx_status check_outputs(const dnx_images *l, const embed_args *a, dnx_err *err) {
    char *skipped = dnx_skipped_file(a->out);
    dnx_status st = skipped ? dnx_images_note(l, a->out, err) : dnx_no_memory(a->out, err);
    if (!st) st = dnx_try_output(a->out, a->force, err);
    if (!st) st = dnx_try_output(skipped, a->force, err);
    free(skipped);
    return st;
}

/* A skipped image makes the exit status 1; a file that is not an image does not. */
static dnx_status report_skipped(const job *j, const char *out, dnx_err *err) {
    dnx_status st = dnx_skipped_report(&j->skipped, j->images, out, err);
    if (!st && j->skipped.n) st = dnx_skipped_fail(j->skipped.n, j->images->n, out, err);
    return st;
}

static dnx_status work(dnx_net *net, const embed_args *a, dnx_err *err) {
    dnx_images l = {0};
    int last = dnx_net_embedding(net), sides = a->flip >= 0 ? 2 : 1;
    const dnx_flip flip = (dnx_flip)(a->flip + 1);
    if (net->in.c != 1 && net->in.c != 3)
        return dnx_fail_at(err, DNX_ESHAPE, net->file, "[net] channels=%d: images have 1 or 3",
                           net->in.c);
    if (last < 0) return dnx_fail_at(err, DNX_ESHAPE, net->file, "no layer before the first loss");
    job j = {.net = net, .images = &l, .flip = flip};
    j.network = dnx_net_fingerprint(net, last);
    j.x = dnx_alloc((size_t)sides * (size_t)net->batch * dnx_size(net->in));
    j.errors = calloc((size_t)net->batch, sizeof *j.errors);
    dnx_status st = j.x && j.errors ? dnx_images_find(a->images, &l, err)
                                    : dnx_no_memory(a->images, err);
    if (!st) st = check_outputs(&l, a, err);
    if (!st && !(j.names = malloc(sizeof *j.names * l.n))) st = dnx_no_memory(a->images, err);
    double start = dnx_now();
    dnx_flush_denormals();
    bool is_written = !st && !(st = save(&j, last, a, err));
    if (is_written)
        printf("%zu %s, %zu numbers each, %.2f s: %s\n", j.done,
               dnx_plural(j.done, "image", "images"),
               dnx_size(net->nodes[last].out) * (flip == DNX_FLIP_CONCAT ? 2 : 1),
               dnx_now() - start, a->out);
    if (is_written || (l.n && j.skipped.n == l.n)) {
        dnx_status reported = report_skipped(&j, a->out, err);
        if (!st) st = reported;
    }
    dnx_free(j.x);
    free(j.errors);
    free(j.names);
    dnx_skipped_free(&j.skipped);
    dnx_images_free(&l);
    return st;
}

static int run(const void *args) {
    const embed_args *a = args;
    dnx_err err = {0};
    dnx_net *net;
    dnx_stop_on_signals();
    const dnx_opening how = {a->cfg, a->weights, 1, a->batch, a->threads, .to_run = true};
    if (dnx_open_features(&how, &net, &err)) return dnx_report(&err);
    dnx_status st = work(net, a, &err);
    dnx_net_free(net);
    return st ? dnx_report(&err) : 0;
}

const dnx_verb dnx_cmd_embed = {
    "embed",
    "write the features of a folder, a list or a .bin set of images into a file",
    table,
    sizeof(embed_args),
    run,
    "The features are the input of the first loss. That loss and all layers after it are left "
    "out."};
