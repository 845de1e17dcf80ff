/* open.c - opens everything that a run needs before its first update. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "data/augment.h"
#include "host/layers.h"
#include "kernels/processors.h"
#include "layer/advice.h"
#include "net/average.h"
#include "net/rate.h"
#include "net/types.h"
#include "net/weights.h"
#include "train/job.h"
#include "train/teachers.h"
#include "train/trainable.h"

/* Numbers of threads that decode images. Two threads decode faster than a CPU trains. A GPU trains
 * faster than two threads decode. */
enum { READERS = 2, GPU_READERS = 12 };
static int readers_of(const dnx_net *net) {
    const int spare = dnx_processors() - 1;
    if (!net->placed || spare < READERS) return READERS;
    return spare < GPU_READERS ? spare : GPU_READERS;
}

/* ---- the network ---- */

/* Sets the option `key` to the absolute path, because a relative path in a cfg would begin at the
 * folder of the cfg. */
static dnx_status set_path(dnx_cfg *cfg, int section, const char *key, const char *path,
                           dnx_err *err) {
    char *full = realpath(path, NULL);
    if (!full) return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    dnx_status st = dnx_cfg_set(cfg, section, key, full, err);
    free(full);
    return st;
}

/* Applies -seed, -teacher and -teacher-weights to the cfg. */
static dnx_status override(dnx_cfg *cfg, const dnx_train_args *a, dnx_err *err) {
    char text[16];
    dnx_status st = DNX_OK;
    snprintf(text, sizeof text, "%d", a->seed);
    if (a->seed >= 0) st = dnx_cfg_set(cfg, 0, "seed", text, err);
    for (int i = 1; i < cfg->n && !st && a->teacher; i++) {
        const dnx_layer_type *type = dnx_type_find(cfg->sections[i].name, dnx_host_types);
        if (!type || !dnx_may_have_teacher(type)) continue;
        st = set_path(cfg, i, "teacher", a->teacher, err);
        if (!st) st = set_path(cfg, i, "weights", a->teacher_weights, err);
    }
    return st;
}

static dnx_status allocate(dnx_train_job *j, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t floats = 0;
    for (int i = 0; i < j->net->n; i++)
        for (int k = 0, n = dnx_net_params(j->net, i, list); k < n; k++)
            if (!list[k].is_trained) floats += list[k].count;
    j->losses = calloc((size_t)j->net->n, sizeof *j->losses);
    j->used = calloc((size_t)j->net->n, sizeof *j->used);
    j->statistics = dnx_alloc(floats + 1);
    return j->losses && j->used && j->statistics ? DNX_OK : dnx_no_memory(j->a->cfg, err);
}

static dnx_status open_net(dnx_train_job *j, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_status st = dnx_datafile_cfg(j->a->data, j->a->cfg, &cfg, err);
    if (st) return st;
    if (cfg->n) st = override(cfg, j->a, err);
    dnx_build how = {.trains = true,
                     .threads = j->a->threads,
                     .types = dnx_host_types,
                     .teachers = &dnx_cfg_teachers,
                     .placement = j->a->placement};
    if (!st) st = dnx_net_build(cfg, &how, &j->net, err);
    how.trains = false;
    how.batch = 16;
    how.is_blank = true;
    if (!st && dnx_train_verified_on(j->a)) st = dnx_net_build(cfg, &how, &j->eval, err);
    dnx_cfg_free(cfg);
    if (st) return st;
    for (int i = 0; i < j->net->n; i++) {
        const dnx_layer_type *t = j->net->nodes[i].type;
        if (dnx_learns_classes(t) && dnx_answers(t)) j->classifier = i;
        if (t->is_loss && j->feature < 0)
            j->feature = dnx_learns_classes(t) ? j->net->nodes[i].from[0] : i - 1;
    }
    return allocate(j, err);
}

dnx_status dnx_train_open(const dnx_train_args *args, const dnx_train_events *events,
                          dnx_train_job **out, dnx_err *err) {
    dnx_train_job *j = calloc(1, sizeof *j);
    *out = NULL;
    if (!j) return dnx_no_memory(args->cfg, err);
    j->a = args;
    j->events = events;
    j->classifier = j->feature = -1;
    j->verified = j->loss = j->accuracy = NAN;
    j->best_verified = -1;
    j->saved_batch = UINT64_MAX;
    j->skipped_saved = SIZE_MAX;
    dnx_status st = open_net(j, err);
    if (st) dnx_train_close(j);
    else *out = j;
    return st;
}

const char *dnx_train_unfit(const dnx_train_job *j, char *text, size_t size) {
    const dnx_train_args *a = j->a;
    if (a->teacher && !j->net->teachers) return "-teacher: no loss of the network has one";
    if (a->cache && !j->net->teachers) return "-cache: no loss of the network has a teacher";
    const char *key = a->cache ? dnx_augment_always(j->net) : NULL;
    if (key) {
        snprintf(text, size,
                 "-cache: line %d of %s: [net] %s= alters every image, which leaves a teacher no "
                 "output to keep",
                 dnx_net_at(j->net, key).line, j->net->file, key);
        return text;
    }
    if (!dnx_train_verified_on(a) || j->feature >= 0) return NULL;
    return a->pairs ? "-pairs: the network has no layer before its first loss"
                    : "-faces: the network has no layer before its first loss";
}

/* ---- the images ---- */

static void show_broken(void *arg, const char *path, const char *why) {
    dnx_train_job *j = arg;
    char text[100];
    snprintf(text, sizeof text, "skipped: %s", why);
    dnx_train_note(j, DNX_TRAIN_WARNING, "%s: %s", path, text);
    dnx_skipped_add(&j->skipped, path, text);
}

static void show_left_out(dnx_train_job *j) {
    enum { MOST_SHOWN = 20 };
    const dnx_skipped *s = &j->data->left_out;
    for (size_t i = 0; i < s->n; i++) {
        if (i < MOST_SHOWN) dnx_train_note(j, DNX_TRAIN_WARNING, "%s", s->line[i]);
        dnx_skipped_add_line(&j->skipped, s->line[i]);
    }
    if (s->n)
        dnx_train_note(j, DNX_TRAIN_WARNING, "%zu %s left out", s->n,
                       dnx_plural(s->n, "file was", "files were"));
}

/* For losses with a teacher, reports options that are probably a mistake (layer/advice.h). */
static void show_doubts(const dnx_train_job *j) {
    for (int i = 0; i < j->net->n; i++) {
        char text[200];
        const dnx_node *n = &j->net->nodes[i];
        const dnx_advice *a = n->type->advice;
        if (dnx_takes(n) && a && a->doubts && a->doubts(n, text, sizeof text))
            dnx_train_note(j, DNX_TRAIN_WARNING, "%s:%d: [%s] %s", n->loc.file, n->loc.line,
                           n->type->name, text);
    }
}

static dnx_status open_images(dnx_train_job *j, dnx_err *err) {
    char classes[800];
    dnx_err much = {0};
    dnx_status st = dnx_data_open(j->a->data, show_broken, j, &j->data, err);
    if (!st) st = dnx_trainable_on(j->net, j->data, j->a->batches, err);
    if (st) return st;
    const dnx_data *d = j->data;
    dnx_train_note(j, DNX_TRAIN_NEWS, "%zu %s, %zu broken and skipped, %d %s", d->n,
                   dnx_plural(d->n, "image", "images"), d->broken, d->o.classes,
                   dnx_plural((size_t)d->o.classes, "class", "classes"));
    dnx_classes_note(j->net, d, classes, sizeof classes);
    if (classes[0]) dnx_train_note(j, DNX_TRAIN_WARNING, "%s", classes);
    show_doubts(j);
    show_left_out(j);
    if (d->is_sampled)
        dnx_train_note(j, DNX_TRAIN_NEWS,
                       "more than %d images: -resume compares the size, the "
                       "first and the last bytes of each, not all",
                       DNX_DATA_MOST_WHOLE);
    if (d->loose)
        dnx_train_note(j, DNX_TRAIN_WARNING, "%zu %s left out", d->loose,
                       dnx_plural(d->loose, "file in no identity folder was",
                                  "files in no identity folder were"));
    if (dnx_training_fits(j->net, &much)) dnx_train_note(j, DNX_TRAIN_WARNING, "%s", much.text);
    return DNX_OK;
}

/* Reads image i into x. Waits 2 s for a file that cannot be read, and longer while other files
 * cannot be read, either. Returns false when it gives up or a signal asks to stop. */
static bool read_image(void *arg, size_t i, bool mirrored, float *x) {
    const dnx_train_job *j = arg;
    const double pause = .2, report_after = .5, alone_after = 2;
    char name[400];
    bool ok, reported = false;
    errno = 0;
    for (double waited = 0; !(ok = dnx_data_image(j->data, i, j->net, mirrored, x));) {
        int why = errno;
        /* The file itself can be read, so waiting does not help. Perhaps it has become readable
         * only now: the last line of this function tries once more. */
        if (dnx_data_can_read(j->data, i)) break;
        if (waited >= alone_after && dnx_data_others_can_be_read(j->data, i)) break;
        if (!reported && waited >= report_after) {
            dnx_data_name(j->data, i, name, sizeof name);
            dnx_train_note(j, DNX_TRAIN_WARNING, "%s: cannot be read: %s; waiting for it", name,
                           strerror(why));
            reported = true;
        }
        if (!dnx_stop_sleep(pause)) return false;
        waited += pause;
    }
    if (reported) dnx_train_note(j, DNX_TRAIN_WARNING, "%s: waited for no more", name);
    return ok || dnx_data_image(j->data, i, j->net, mirrored, x);
}

static void show_cached(void *arg, size_t done, size_t all) {
    const dnx_train_job *j = arg;
    j->events->cached(j->events->arg, done, all);
}

static void note_cache(void *arg, const char *text) {
    dnx_train_note(arg, DNX_TRAIN_NEWS, "%s", text);
}

static dnx_status open_verified(dnx_train_job *j, dnx_err *err) {
    const dnx_train_args *a = j->a;
    dnx_verified what = {.pairs = a->pairs, .faces = a->faces, .distractors = a->distractors};
    if (!dnx_judge_read(a->judge, &what.judge))
        return dnx_fail_at(err, DNX_EOPTION, NULL, "-judge %s: is not a judge", a->judge);
    return dnx_verify_open(&what, &j->pairs, err);
}

/* ---- all ---- */

dnx_status dnx_train_open_rest(dnx_train_job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_train_args *a = j->a;
    dnx_status st = a->port ? dnx_page_listen(a->port, &j->page, err) : DNX_OK;
    if (!st) st = open_images(j, err);
    if (!st && a->weights) st = dnx_train_start(j, err);
    if (!st && !a->resume) st = dnx_train_find_place(j, err);
    if (!st && !a->resume) st = dnx_train_note_begin(j, err);
    if (!st && dnx_train_verified_on(a)) st = open_verified(j, err);
    if (!st) st = dnx_train_list_inputs(j, err);
    if (!st) st = dnx_train_take_files(j, err);
    if (!st && a->resume) st = dnx_train_resume(j, err);
    else if (!st) st = dnx_average_begin(net, err);
    if (!st) st = dnx_host_open(net, &j->host, err);
    if (!st && j->pairs) st = dnx_verify_check(j->pairs, j->eval, err);
    if (!st) st = dnx_train_find_best(j, err);
    if (!st && a->cache && j->batch < j->last) {
        const dnx_teachers_job job = {read_image, show_cached, note_cache, j};
        st = dnx_teachers_cache(net, a->cache, j->data, &job, err);
    }
    const char *verification = j->pairs ? dnx_judge_column(&j->pairs->judge) : "pairs";
    if (!st) st = dnx_log_open(&j->log, j->csv, net, verification, a->resume ? j->batch : 0, err);
    if (!st && a->tensorboard)
        st = dnx_events_open(&j->curves, a->tensorboard, j->base, verification,
                             a->resume ? j->batch : 0, err);
    if (!st && a->port) {
        st = dnx_page_start(j->page, strrchr(j->base, '/') + 1, j->last, net, &j->log, err);
        if (!st) dnx_train_note(j, DNX_TRAIN_NEWS, "http://127.0.0.1:%d/ shows this run", a->port);
    }
    if (!st)
        st = dnx_batches_open(j->data, net, (uint64_t)net->o.seed, readers_of(net), &j->batches,
                              err);
    return st;
}

void dnx_train_close(dnx_train_job *j) {
    if (!j) return;
    dnx_page_close(j->page);
    dnx_log_close(&j->log);
    dnx_events_close(&j->curves);
    dnx_batches_close(j->batches);
    dnx_host_close(j->host);
    dnx_net_free(j->net);
    dnx_net_free(j->eval);
    dnx_verify_close(j->pairs);
    dnx_data_close(j->data);
    dnx_record_free(&j->inputs);
    dnx_lock_release(j->lock);
    free(j->inputs_text);
    free(j->begun_from);
    free(j->losses);
    free(j->used);
    dnx_free(j->statistics);
    free(j->base);
    for (int i = 0; i < DNX_RUN_FILES; i++) free(j->path[i]);
    dnx_skipped_free(&j->skipped);
    free(j);
}
