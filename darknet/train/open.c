/* open.c - what a run of `classifier train` opens before its first update. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/train.h"
#include "base/paths.h"
#include "train/teachers.h"
#include "net/weights.h"

enum { READERS = 2, MOST_SHOWN = 20 };

/* ---- the network ---- */

/* A path of the command line, for an option that is read relative to the cfg. */
static dnx_status set_path(dnx_cfg *cfg, int section, const char *key, const char *path,
                           dnx_err *err) {
    char *full = realpath(path, NULL);
    if (!full)
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "cannot open: %s", strerror(errno));
    dnx_status st = dnx_cfg_set(cfg, section, key, full, err);
    free(full);
    return st;
}

/* What the command line says goes into the cfg: layers take it while they are built. */
static dnx_status override(dnx_cfg *cfg, const dnx_train_args *a, dnx_err *err) {
    char text[16];
    dnx_status st = DNX_OK;
    snprintf(text, sizeof text, "%d", a->seed);
    if (a->seed >= 0) st = dnx_cfg_set(cfg, 0, "seed", text, err);
    for (int i = 1; i < cfg->n && !st && a->teacher; i++) {
        if (strncmp(cfg->sections[i].name, "kd_", 3)) continue;
        st = set_path(cfg, i, "teacher", a->teacher, err);
        if (!st) st = set_path(cfg, i, "weights", a->teacher_weights, err);
    }
    return st;
}

dnx_status dnx_train_open_net(dnx_train_job *j, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_status st = dnx_cfg_read(j->a.cfg, &cfg, err);
    if (st) return st;
    if (cfg->n) st = override(cfg, &j->a, err);
    if (!st) st = dnx_net_build(cfg, true, 0, j->a.threads, &j->net, err);
    if (!st && j->a.pairs) st = dnx_net_build(cfg, false, 16, j->a.threads, &j->eval, err);
    dnx_cfg_free(cfg);
    if (st) return st;
    j->losses = calloc((size_t)j->net->n, sizeof *j->losses);
    j->classifier = -1;
    j->feature = -1;
    for (int i = 0; i < j->net->n; i++) {
        const dnx_layer_type *t = j->net->nodes[i].type;
        if (t->is_loss && !t->wants) j->classifier = i;
        if (t->is_loss && j->feature < 0) j->feature = i - 1;
    }
    return j->losses ? DNX_OK : dnx_fail(err, DNX_EMEM, (dnx_loc){j->a.cfg, 0}, "no memory");
}

/* ---- what cannot be trained ---- */

/* The value of a whole-number option, or `none` where the type has no such option. */
static int option(const dnx_node *n, const char *key, int none) {
    for (const dnx_opt *o = n->type->options; o && o->key; o++)
        if (o->type == DNX_INT && !strcmp(o->key, key))
            return *(const int *)(const void *)((const char *)n->opts + o->offset);
    return none;
}

/* Options that change training images or gradients in the host, but not here yet. */
static dnx_status refuse_unknown(const dnx_net_opts *o, dnx_loc at, dnx_err *err) {
    const char *key = o->clip != 0      ? "clip"
                      : o->random != 0  ? "random"
                      : o->notruth != 0 ? "notruth"
                                        : NULL;
    if (!key) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, at, "[net] %s: this version trains without it; remove it",
                    key);
}

/* A loss without a teacher learns from classes and needs room for all of them. */
static dnx_status check_classes(const dnx_train_job *j, dnx_err *err) {
    const int classes = j->data->o.classes;
    for (int i = 0; i < j->net->n; i++) {
        const dnx_node *n = &j->net->nodes[i];
        if (!n->type->is_loss || n->type->wants) continue;
        if (!classes)
            return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] learns from classes, but %s has none",
                            n->type->name, j->data->file);
        int most = option(n, "classes", (int)dnx_size(n->out));
        if (classes > most)
            return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] has room for %d classes, but %s has %d",
                            n->type->name, most, j->data->file, classes);
    }
    return DNX_OK;
}

static dnx_status check(const dnx_train_job *j, int batches, dnx_err *err) {
    const dnx_net *net = j->net;
    const dnx_node *last = &net->nodes[net->n - 1];
    dnx_loc at = {net->file, 0};
    if (!last->type->is_loss) return DNX_OK; /* dnx_host_open says it */
    dnx_status st = refuse_unknown(&net->o, at, err);
    if (st) return st;
    if (!batches && !net->o.max_batches)
        return dnx_fail(err, DNX_EOPTION, at, "[net] needs max_batches=, or the command -batches");
    st = check_classes(j, err);
    return st ? st : dnx_batches_check(j->data, net, err);
}

/* ---- the images ---- */

/* Of an image that the scan found broken. */
static void show_broken(void *arg, const char *path, const char *why) {
    int *count = arg;
    if (++*count <= MOST_SHOWN) fprintf(stderr, "%s: skipped: %s\n", path, why);
    else if (*count == MOST_SHOWN + 1) fprintf(stderr, "... and more\n");
}

/* An image for the teachers, and how many they have seen. */
static bool read_image(void *arg, size_t i, bool mirrored, float *x) {
    const dnx_train_job *j = arg;
    return dnx_data_image(j->data, i, j->net, mirrored, x);
}

static void show_cached(void *arg, size_t done, size_t all) {
    dnx_train_job *j = arg;
    if (j->is_terminal || done == all)
        printf("%steacher: %zu of %zu images%s", j->is_terminal ? "\r" : "", done, all,
               done == all ? "\n" : "");
    fflush(stdout);
}

/* ---- files ---- */

/* folder/name and end, with len bytes of name; free() it. */
static char *join(const char *folder, const char *name, int len, const char *end) {
    size_t size = strlen(folder) + (size_t)len + strlen(end) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%.*s%s", folder, len, name, end);
    return path;
}

/* FOLDER/NAME.weights and so on: FOLDER is -out or backup= of the .data file, NAME is -name or the
 * cfg's. */
static dnx_status name_files(dnx_train_job *j, dnx_err *err) {
    const dnx_train_args *a = &j->a;
    const char *slash = strrchr(a->cfg, '/'), *name = slash ? slash + 1 : a->cfg;
    const char *dot = strrchr(name, '.'), *folder = a->out ? a->out : j->data->o.backup;
    int len = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));
    if (a->name) len = (int)strlen(name = a->name);
    dnx_status st = dnx_folder_make(folder, err);
    if (st) return st;
    j->weights = join(folder, name, len, ".weights");
    j->best = join(folder, name, len, "-best.weights");
    j->state = join(folder, name, len, ".state");
    j->log.path = join(folder, name, len, ".csv");
    if (j->weights && j->best && j->state && j->log.path) return DNX_OK;
    return dnx_fail(err, DNX_EMEM, (dnx_loc){folder, 0}, "no memory");
}

/* Where the run stands: at its beginning, behind other weights, or at the checkpoint of -resume. */
static dnx_status find_place(dnx_train_job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_train_args *a = &j->a;
    dnx_status st = DNX_OK;
    const int order[] = {net->o.sampler, net->o.identities, net->o.images};
    if (a->clear) net->seen = 0;
    j->run = (dnx_run){(uint64_t)net->o.seed, j->data->n, j->data->checksum,
                       (uint64_t)net->o.batch};
    if (net->o.sampler) j->run.list = dnx_hash(j->run.list, order, sizeof order);
    if (a->resume) st = dnx_state_load(&j->run, net, j->state, err);
    j->is_saved = a->resume;
    /* The loop updates when seen / batch is whole: weights of another batch= must not shift it. */
    net->seen -= net->seen % (uint64_t)net->o.batch;
    j->batch = net->seen / (uint64_t)net->o.batch;
    j->last = (uint64_t)(a->batches ? a->batches : net->o.max_batches);
    return st;
}

static dnx_status open_log(dnx_train_job *j, dnx_err *err) {
    char *path = j->log.path;
    j->log.path = NULL; /* until it is open, there is no log to close */
    return dnx_log_open(&j->log, path, j->net, j->batch, err);
}

dnx_status dnx_train_open(dnx_train_job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_train_args *a = &j->a;
    int broken = 0;
    dnx_status st = dnx_data_open(a->data, show_broken, &broken, &j->data, err);
    if (!st) st = check(j, a->batches, err);
    if (!st && a->weights) st = dnx_weights_load(net, a->weights, err);
    if (!st) st = name_files(j, err);
    if (!st && a->pairs) st = dnx_verify_open(a->pairs, a->faces, &j->pairs, err);
    if (!st) st = find_place(j, err);
    if (!st) st = dnx_host_open(net, &j->host, err);
    if (!st && a->cache)
        st = dnx_teachers_cache(net, a->cache, j->data, read_image, show_cached, j, err);
    if (!st) st = open_log(j, err);
    if (!st)
        st = dnx_batches_open(j->data, net, (uint64_t)net->o.seed, READERS, &j->feed, err);
    return st;
}

dnx_status dnx_train_close(dnx_train_job *j, dnx_err *err) {
    dnx_status st = j->log.path ? dnx_log_close(&j->log, err) : DNX_OK;
    dnx_batches_close(j->feed);
    dnx_host_close(j->host);
    dnx_net_free(j->net);
    dnx_net_free(j->eval);
    dnx_verify_close(j->pairs);
    dnx_data_close(j->data);
    free(j->losses);
    free(j->weights);
    free(j->state);
    free(j->best);
    return st;
}
