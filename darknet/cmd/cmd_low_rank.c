/* darknet compress low-rank: replaces convolutions by [low_rank] layers (compress/low_rank.h). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/low_rank_report.h"
#include "cmd/skipped_file.h"
#include "base/files.h"
#include "base/outfile.h"
#include "base/stop.h"
#include "compress/low_rank_choose.h"
#include "data/images.h"
#include "host/layers.h"
#include "host/loop.h"
#include "train/teachers.h"
#include "net/classes.h"
#include "net/weights.h"

typedef struct {
    const char *cfg, *weights, *images, *out_cfg, *out_weights, *csv;
    dnx_low_rank_wish wish;
    int method, samples, held_out, positions, seed, threads;
    bool force, json;
} args;

static const dnx_arg table[] = {
    DNX_PLACE_NET(args, cfg, weights),
    DNX_PLACE(args, images, "images",
              "a folder or a list of images as it was trained on; no classes are needed"),
    DNX_PLACE(args, out_cfg, "out.cfg", "the smaller network"),
    DNX_PLACE(args, out_weights, "out.weights", "its weights"),
    DNX_ARG_TEXT(args, wish.rank, "-rank", "R|LAYER:R,...",
                 "this rank for every layer, or one for each of some layers"),
    DNX_ARG_NUMBER(args, wish.energy, "-energy", "E", 0, 0, 1,
                   "for each layer the lowest rank that keeps this share of its energy"),
    DNX_ARG_NUMBER(args, wish.speedup, "-speedup", "S", 0, 1, 1e6,
                   "ranks that divide the network's multiply-adds by S"),
    DNX_ARG_NUMBER(args, wish.flops, "-flops", "M", 0, 0, 1e9,
                   "ranks that leave M million multiply-adds"),
    DNX_ARG_WORD(args, method, "-method", "linear|nonlinear|asymmetric", 0,
                 "fit outputs before the activation, after it, or after it while also correcting "
                 "the errors of earlier layers"),
    DNX_ARG_INT(args, samples, "-samples", "N", 3000, 1, 10000000, "sample images"),
    DNX_ARG_INT(args, held_out, "-held-out", "P", 25, 0, 90,
                "percent of them that only measure the error"),
    DNX_ARG_INT(args, positions, "-positions", "N", 10, 1, 65536, "sampled pixels of each"),
    DNX_ARG_INT(args, wish.multiple, "-multiple", "N", 16, 1, 256,
                "chosen ranks are multiples of N"),
    DNX_ARG_FLAG(args, wish.all, "-all",
                 "with -rank or -energy: also replace layers that do not get faster"),
    DNX_ARG_TEXT(args, csv, "-csv", "FILE", "write the eigenvalues of every layer to a table"),
    DNX_ARG_INT(args, seed, "-seed", "N", 1, 0, 2147483647,
                "seed of the choice of images and places"),
    DNX_ARG_THREADS(args),
    DNX_ARG_FLAG(args, json, "-json", "print the report as JSON"),
    DNX_ARG_FLAG(args, force, "-force", "replace existing files"),
    DNX_ARG_END,
};

typedef struct {
    dnx_low_rank c;
    dnx_low_rank_source of;
    dnx_images list;
    size_t *pick; /* indices into list; the sample images come first */
    dnx_skipped skipped;
    char *out_text;
    bool is_terminal;
} job;

static dnx_status check_outputs(const job *j, const args *a, dnx_err *err) {
    char *skipped = dnx_skipped_file(a->out_weights);
    const char *out[] = {a->out_cfg, a->out_weights, skipped, a->csv};
    dnx_status st = skipped ? DNX_OK : dnx_no_memory(a->out_weights, err);
    for (int i = 0; i < 4 && !st; i++) {
        if (!out[i]) continue;
        st = dnx_images_note(&j->list, out[i], err);
        if (!st) st = dnx_try_another(out[i], out, i, err);
        if (!st)
            st = (out[i] == a->out_weights ? dnx_try_weights : dnx_try_output)(out[i], a->force,
                                                                               err);
    }
    free(skipped);
    return st;
}

static dnx_status read_image(void *arg, size_t i, float *x, dnx_err *err) {
    job *j = arg;
    if (dnx_stop_check(err)) return DNX_ESTOP;
    return dnx_images_load(&j->list, j->pick[i], j->c.net, x, NULL, err);
}

static void progress(void *arg, const char *what, size_t done, size_t all) {
    const job *j = arg;
    if (!j->is_terminal || (done % 50 && done != all)) return;
    fprintf(stderr, "\r%-10s %zu / %zu images%s", what, done, all, done == all ? "\r\033[K" : "");
}

/* Sets *is_good when image i can be read into x. Otherwise adds the image to j->skipped. */
static dnx_status try_image(job *j, size_t i, float *x, bool *is_good, dnx_err *err) {
    dnx_err why = {0};
    dnx_status st = dnx_stop_check(err);
    if (st) return st;
    st = dnx_images_load(&j->list, i, j->c.net, x, NULL, &why);
    *is_good = !st;
    const bool ok = !st || (st != DNX_EMEM && dnx_skipped_add_line(&j->skipped, why.text));
    return ok ? DNX_OK : dnx_no_memory(j->c.net->file, err);
}

/* Puts at most a->samples readable images, chosen at random, at the start of j->pick. */
static dnx_status choose_images(job *j, const args *a, dnx_err *err) {
    dnx_status st = dnx_images_find(a->images, &j->list, err);
    if (!st) st = check_outputs(j, a, err);
    if (st) return st;
    size_t n = j->list.n;
    j->pick = malloc(sizeof *j->pick * n);
    if (!j->pick) return dnx_no_memory(a->images, err);
    for (size_t i = 0; i < n; i++) j->pick[i] = i;
    dnx_rng g;
    dnx_rng_seed(&g, (uint64_t)a->seed, 0);
    float *x = dnx_alloc(dnx_size(j->c.net->in));
    if (!x) st = dnx_no_memory(a->images, err);
    for (size_t i = 0; !st && i < n && j->c.images < (size_t)a->samples; i++) {
        size_t k = i + (size_t)(dnx_rng_next(&g) % (n - i)), v = j->pick[k];
        bool is_good = false;
        j->pick[k] = j->pick[i];
        st = try_image(j, v, x, &is_good, err);
        if (is_good) j->pick[j->c.images++] = v;
        progress(j, "reading", i + 1, n);
    }
    dnx_free(x);
    if (!st && !j->c.images)
        st = dnx_fail_at(err, DNX_EIO, a->images, "%s; the first: %s",
                         dnx_plural(n, "its only image was skipped", "all images were skipped"),
                         j->skipped.line[0]);
    return st;
}

static dnx_status build_small(job *j, const args *a, dnx_err *err) {
    static const char *const methods[] = {"linear", "nonlinear", "asymmetric"};
    char note[512];
    const char *slash = strrchr(a->cfg, '/');
    int *ranks = calloc((size_t)j->of.net->n, sizeof *ranks);
    if (!ranks) return dnx_no_memory(a->cfg, err);
    for (int i = 0; i < j->c.n; i++) ranks[j->c.layers[i].r.layer] = j->c.layers[i].rank;
    snprintf(note, sizeof note,
             "# Made by darknet compress low-rank from %.200s (method %s). Comments below are\n"
             "# that file's: their parameters and multiply-adds are those before.\n\n",
             slash ? slash + 1 : a->cfg, methods[a->method]);
    dnx_status st = dnx_low_rank_cfg(&j->of, ranks, note, &j->out_text, err);
    free(ranks);
    dnx_cfg *cfg = NULL;
    if (!st) st = dnx_cfg_parse(j->out_text, strlen(j->out_text), a->out_cfg, &cfg, err);
    const dnx_build how = {
        .batch = 1, .threads = a->threads, .types = dnx_host_types, .teachers = &dnx_cfg_teachers};
    if (!st) st = dnx_classes_resolve(cfg, a->cfg, a->weights, 0, &how, err);
    if (!st) st = dnx_net_build(cfg, &how, &j->c.small, err);
    dnx_cfg_free(cfg);
    return st;
}

static dnx_status work(job *j, const args *a, dnx_err *err) {
    dnx_low_rank *c = &j->c;
    dnx_status st = DNX_OK;
    if (!(j->of.text = dnx_file_read(a->cfg, &j->of.length)))
        st = dnx_fail_at(err, DNX_EIO, a->cfg, "cannot be opened: %s", strerror(errno));
    if (!st) st = dnx_cfg_parse(j->of.text, j->of.length, a->cfg, &j->of.cfg, err);
    if (!st) {
        const dnx_opening o = {a->cfg, a->weights, .batch = 1, .threads = a->threads};
        st = dnx_open(&o, &c->net, err);
        j->of.net = c->net;
    }
    if (!st) st = dnx_takes_images(c->net, err);
    if (!st) st = choose_images(j, a, err);
    if (!st) st = dnx_low_rank_collect(c, err);
    if (!st) st = dnx_low_rank_choose(c, &a->wish, err);
    if (!st) st = build_small(j, a, err);
    if (!st) st = dnx_low_rank_solve(c, err);
    if (!st) st = dnx_low_rank_measure(c, err);
    if (!st && a->csv) st = dnx_low_rank_csv(c, a->csv, err);
    if (!st) st = dnx_skipped_remove(a->out_weights, err);
    if (!st) st = dnx_save_network(a->out_cfg, j->out_text, j->c.small, a->out_weights, err);
    if (!st) st = dnx_skipped_report(&j->skipped, &j->list, a->out_weights, err);
    return st;
}

/* Skipped images are an error only when no other images took their places. */
static dnx_status tell_skipped(const job *j, const args *a, dnx_err *err) {
    const size_t found = j->c.images, skipped = j->skipped.n;
    if (!skipped) return DNX_OK;
    if (found < (size_t)a->samples)
        return dnx_skipped_fail(skipped, found + skipped, a->out_weights, err);
    fprintf(stderr, "%zu %s: %s.skipped names %s\n", skipped,
            dnx_plural(skipped, "image was skipped, another took its place",
                       "images were skipped, others took their places"),
            a->out_weights, dnx_plural(skipped, "it", "them"));
    return DNX_OK;
}

static int run(const void *given, dnx_err *err) {
    const args *a = given;
    if ((a->wish.rank != NULL) + (a->wish.energy > 0) + (a->wish.speedup > 0) +
            (a->wish.flops > 0) !=
        1)
        return dnx_wrong("exactly one of -rank, -energy, -speedup and -flops must be given");
    if (a->wish.all && !a->wish.rank && a->wish.energy <= 0)
        return dnx_wrong("-all is for -rank and -energy");
    job j = {.is_terminal = isatty(2)};
    dnx_stop_on_signals();
    j.c = (dnx_low_rank){.method = (dnx_low_rank_method)a->method,
                         .positions = a->positions,
                         .held_out = a->held_out / 100.,
                         .seed = (uint64_t)a->seed,
                         .read = read_image,
                         .arg = &j,
                         .progress = progress};
    dnx_status st = work(&j, a, err);
    if (!st && !a->json) {
        dnx_low_rank_print(&j.c);
        printf("%s, %s: the smaller network%s%s\n", a->out_cfg, a->out_weights,
               a->csv ? "; its layers' energies: " : "", a->csv ? a->csv : "");
    } else if (!st) dnx_low_rank_json(&j.c, &j.list, j.pick, j.skipped.n);
    if (!st) st = tell_skipped(&j, a, err);
    dnx_low_rank_close(&j.c);
    dnx_net_free(j.c.net);
    dnx_net_free(j.c.small);
    dnx_cfg_free(j.of.cfg);
    dnx_images_free(&j.list);
    free(j.of.text);
    free(j.out_text);
    free(j.pick);
    dnx_skipped_free(&j.skipped);
    return st != DNX_OK;
}

const dnx_verb dnx_compress_low_rank = {
    "compress low-rank",
    "replace convolutions by [low_rank] layers, which need fewer multiply-adds",
    table,
    sizeof(args),
    run,
    "Exactly one of -rank, -energy, -speedup and -flops must be given. Images that cannot be used "
    "are named in out.weights.skipped, and others take their places. When these are too few, the "
    "status is 1."};
