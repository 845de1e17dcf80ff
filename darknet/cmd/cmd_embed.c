/* darknet embed: writes the features of images into one file (data/embeddings.h). */
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/skipped_file.h"
#include "face/features.h"
#include "face/search.h"
#include "net/fingerprint.h"

typedef struct {
    const char *cfg, *weights, *images, *out;
    int flip, batch, threads; /* flip: index into sum|concat, or -1; flip + 1 is a dnx_flip */
    bool unit, half, force;
} embed_args;

static const dnx_arg table[] = {
    DNX_PLACE_NET(embed_args, cfg, weights),
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
    const embed_args *a;
    dnx_embeddings_out file;
    char **names; /* names of the images whose features are written */
    size_t done;
} output;

static dnx_status check_half(const float *v, size_t n, const char *name, dnx_err *err) {
    for (size_t k = 0; k < n; k++)
        if (!dnx_fits_half(v[k]))
            return dnx_fail_at(err, DNX_ENUMBER, name,
                               "a feature is %g, and -half holds at most 65504", (double)v[k]);
    return DNX_OK;
}

static dnx_status take(void *arg, char *const *name, float *rows, int count, dnx_err *err) {
    output *o = arg;
    const size_t dim = o->file.dim;
    if (o->a->unit) dnx_unit_rows(rows, (size_t)count, dim);
    for (int b = 0; b < count; b++) {
        dnx_status st = o->a->half ? check_half(rows + (size_t)b * dim, dim, name[b], err) : DNX_OK;
        if (st) return st;
        o->names[o->done++] = name[b];
    }
    dnx_embeddings_rows(&o->file, rows, (size_t)count);
    return o->file.file.why ? dnx_outfile_sync(&o->file.file, err) : DNX_OK;
}

static dnx_status save(dnx_features *f, output *o, dnx_err *err) {
    const char *path = o->a->out;
    const dnx_embeddings_kind kind = {o->a->half, f->flip, dnx_net_fingerprint(f->net, f->last)};
    const size_t n = f->images->n;
    dnx_status st = dnx_embeddings_create(&o->file, path, n, dnx_features_dim(f), &kind, err);
    if (st) return st;
    for (size_t i = 0; i < n; i++) dnx_embeddings_name(&o->file, f->images->name[i]);
    st = dnx_features_run(f, err);
    if (!st && !o->done)
        st = dnx_fail_at(err, DNX_EIO, path, "not written: %s",
                         dnx_plural(n, "its only image was skipped", "all images were skipped"));
    if (!st && f->skipped.n) dnx_embeddings_keep(&o->file, o->names, o->done);
    /* Syncs before the old OUT.skipped is removed: a full disk then leaves the old files. */
    if (!st) st = dnx_outfile_sync(&o->file.file, err);
    if (!st) st = dnx_skipped_remove(path, err);
    if (!st) return dnx_embeddings_finish(&o->file, err);
    dnx_embeddings_discard(&o->file);
    return st;
}

static dnx_status check_outputs(const dnx_images *l, const embed_args *a, dnx_err *err) {
    char *skipped = dnx_skipped_file(a->out);
    dnx_status st = skipped ? dnx_images_note(l, a->out, err) : dnx_no_memory(a->out, err);
    if (!st) st = dnx_try_output(a->out, a->force, err);
    if (!st) st = dnx_try_output(skipped, a->force, err);
    free(skipped);
    return st;
}

/* Writes OUT.skipped. Fails when an image was skipped, but not when a file was left out because its
 * name does not end as an image's. */
static dnx_status report_skipped(const dnx_features *f, const char *out, dnx_err *err) {
    dnx_status st = dnx_skipped_report(&f->skipped, f->images, out, err);
    if (!st && f->skipped.n) st = dnx_skipped_fail(f->skipped.n, f->images->n, out, err);
    return st;
}

static dnx_status work(dnx_net *net, const embed_args *a, dnx_err *err) {
    dnx_images l = {0};
    output o = {.a = a};
    dnx_features f = {net, dnx_net_embedding(net), &l, (dnx_flip)(a->flip + 1), {0}, take, &o};
    if (dnx_takes_images(net, err)) return DNX_ESHAPE;
    if (f.last < 0)
        return dnx_fail_at(err, DNX_ESHAPE, net->file, "no layer before the first loss");
    dnx_status st = dnx_images_find(a->images, &l, err);
    if (!st) st = check_outputs(&l, a, err);
    if (!st && !(o.names = malloc(sizeof *o.names * l.n))) st = dnx_no_memory(a->images, err);
    double start = dnx_now();
    bool is_written = !st && !(st = save(&f, &o, err));
    if (is_written)
        printf("%zu %s, %zu numbers each, %.2f s: %s\n", o.done,
               dnx_plural(o.done, "image", "images"), dnx_features_dim(&f), dnx_now() - start,
               a->out);
    if (is_written || (l.n && f.skipped.n == l.n)) {
        dnx_status reported = report_skipped(&f, a->out, err);
        if (!st) st = reported;
    }
    free(o.names);
    dnx_skipped_free(&f.skipped);
    dnx_images_free(&l);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const embed_args *a = args;
    dnx_net *net;
    dnx_stop_on_signals();
    const dnx_opening how = {a->cfg, a->weights, 1, a->batch, a->threads, .to_run = true};
    if (dnx_open_features(&how, &net, err)) return 1;
    dnx_status st = work(net, a, err);
    dnx_net_free(net);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_embed = {
    "embed",
    "write the features of a folder, a list or a .bin set of images into a file",
    table,
    sizeof(embed_args),
    run,
    "The features are the input of the first loss. That loss and all layers after it are left "
    "out."};
