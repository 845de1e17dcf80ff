/* darknet classifier train: trains a network on images by the host's own loop. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "feed.h"
#include "finite.h"
#include "host.h"
#include "kernels/kernels.h"
#include "log.h"
#include "state.h"
#include "targets.h"
#include "verify.h"
#include "weights.h"

enum { READERS = 2, PLAIN_LINE = 50, EVERY = 500, SAVE_SECONDS = 300, MOST_SHOWN = 20, SHOW = 16 };

static const dnx_verb verb = {
    "classifier",
    "classifier train faces.data net.cfg [weights] [-clear] [-resume] [-threads N] [-seed N]\n"
    "       [-batches N] [-every N] [-pairs pairs.txt -faces folder [-verify N]]\n"
    "       [-teacher net.cfg -teacher-weights weights] [-cache folder]",
    "train; -every N: batches between checkpoints; -verify N: between verifications", NULL};

typedef struct {
    const char *data, *cfg, *weights, *pairs, *faces, *teacher, *teacher_weights, *cache;
    int threads, seed, batches, every, verify;
    bool clear, resume;
} arguments;

typedef struct {
    arguments a;
    dnx_net *net;
    dnx_data *data;
    dnx_host *host;
    dnx_feed *feed;
    dnx_run run;
    char *weights, *state, *best; /* paths */
    dnx_log log;
    uint64_t batch, last, first; /* updates done; to do; done when this process began */
    double saved, shown, began;  /* times */
    double *losses;              /* by layer, per image, of this update */
    int classifier;              /* the layer whose output tells whether the class is right; -1 */
    dnx_verify *pairs;
    dnx_net *eval;  /* the same network, predicting: what pairs are verified with */
    int feature;    /* its layer */
    double lfw;     /* of the last verification; NAN: none yet */
    bool is_terminal, is_saved;  /* is_saved: there is a checkpoint of this run */
} job;

static volatile sig_atomic_t is_told_to_stop;

static void on_signal(int number) {
    (void)number;
    is_told_to_stop = 1;
}

static void show_broken(void *arg, const char *path, const char *why) {
    int *count = arg;
    if (++*count <= MOST_SHOWN) fprintf(stderr, "%s: skipped: %s\n", path, why);
    else if (*count == MOST_SHOWN + 1) fprintf(stderr, "... and more\n");
}

/* ---- opening ---- */

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
static dnx_status override(dnx_cfg *cfg, const arguments *a, dnx_err *err) {
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

static dnx_status open_net(job *j, dnx_err *err) {
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

/* The value of a whole-number option, or `none` where the type has no such option. */
static int option(const dnx_node *n, const char *key, int none) {
    for (const dnx_opt *o = n->type->options; o && o->key; o++)
        if (o->type == DNX_INT && !strcmp(o->key, key))
            return *(const int *)(const void *)((const char *)n->opts + o->offset);
    return none;
}

static char *join(const char *folder, const char *name, int len, const char *end) {
    size_t size = strlen(folder) + (size_t)len + strlen(end) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%.*s%s", folder, len, name, end);
    return path;
}

static dnx_status name_files(job *j, const char *cfg, dnx_err *err) {
    const char *slash = strrchr(cfg, '/'), *name = slash ? slash + 1 : cfg;
    const char *dot = strrchr(name, '.'), *folder = j->data->o.backup;
    int len = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));
    dnx_loc at = {folder, 0};
    if (mkdir(folder, 0777) && errno != EEXIST)
        return dnx_fail(err, DNX_EIO, at, "cannot make this folder: %s", strerror(errno));
    j->weights = join(folder, name, len, ".weights");
    j->best = join(folder, name, len, "-best.weights");
    j->state = join(folder, name, len, ".state");
    j->log.path = join(folder, name, len, ".csv");
    if (j->weights && j->best && j->state && j->log.path) return DNX_OK;
    return dnx_fail(err, DNX_EMEM, at, "no memory");
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
static dnx_status check_classes(const job *j, dnx_err *err) {
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

static dnx_status check(const job *j, int batches, dnx_err *err) {
    const dnx_net *net = j->net;
    const dnx_node *last = &net->nodes[net->n - 1];
    dnx_loc at = {net->file, 0};
    if (!last->type->is_loss) return DNX_OK; /* dnx_host_open says it */
    dnx_status st = refuse_unknown(&net->o, at, err);
    if (st) return st;
    if (!batches && !net->o.max_batches)
        return dnx_fail(err, DNX_EOPTION, at, "[net] needs max_batches=, or the command -batches");
    st = check_classes(j, err);
    return st ? st : dnx_feed_check(j->data, net, err);
}

/* ---- the run ---- */

static dnx_status save(job *j, dnx_err *err) {
    dnx_status st = dnx_check_params(j->net, err);
    if (!st) st = dnx_log_flush(&j->log, err);
    if (!st) st = dnx_state_save(&j->run, j->net, j->state, err);
    if (!st) j->is_saved = true;
    if (!st) st = dnx_weights_save(j->net, j->weights, err);
    j->saved = dnx_now();
    return st;
}

/* Verifies the pairs with the parameters as they are, and keeps the best ones. */
static dnx_status verify(job *j, dnx_err *err) {
    dnx_param from[DNX_MAX_PARAMS], to[DNX_MAX_PARAMS];
    for (int i = 0; i <= j->feature; i++) {
        int n = dnx_net_params(j->net, i, from);
        dnx_net_params(j->eval, i, to);
        for (int k = 0; k < n; k++)
            memcpy(to[k].value, from[k].value, sizeof(float) * from[k].count);
    }
    dnx_status st = dnx_net_prepare(j->eval, err);
    if (!st) st = dnx_verify_run(j->pairs, j->eval, j->feature, dnx_host_decode,
                                 dnx_host_decode_free, &j->lfw, err);
    if (st) return st;
    bool is_best = j->lfw > j->log.best;
    if (is_best) st = dnx_weights_save(j->net, j->best, err);
    printf("%sbatch %llu: %.2f %% of the pairs are right%s\n", j->is_terminal ? "\n" : "",
           (unsigned long long)j->batch, 100 * j->lfw, is_best ? ", the best so far" : "");
    return st;
}

/* The losses by name, their values per image. */
static void show_losses(const job *j) {
    for (int i = 0; i < j->net->n; i++)
        if (j->net->nodes[i].type->is_loss)
            printf("  %s %.4f", j->net->nodes[i].type->name, j->losses[i]);
}

static void show_bar(double share) {
    putchar('[');
    for (int i = 0; i < SHOW; i++) putchar(i < share * SHOW ? '#' : '.');
    printf("] ");
}

static void show(job *j, const dnx_log_line *l) {
    double now = dnx_now();
    bool is_due = j->is_terminal ? now - j->shown >= .2 : j->batch % PLAIN_LINE == 0;
    if (!is_due && j->batch < j->last) return;
    j->shown = now;
    double left = (now - j->began) * (double)(j->last - j->batch) / (double)(j->batch - j->first);
    if (j->is_terminal) printf("\r");
    printf("batch %llu/%llu  epoch %.2f ", (unsigned long long)j->batch,
           (unsigned long long)j->last, l->epoch);
    if (j->is_terminal) show_bar(l->epoch - floor(l->epoch));
    printf(" %.0f images/s", l->speed);
    show_losses(j);
    if (!isnan(l->accuracy)) printf("  accuracy %.1f %%", 100 * l->accuracy);
    if (!isnan(l->exclusivity)) printf("  exclusivity %.4g", l->exclusivity);
    printf("  rate %.3g  waiting %.0f %%  left %d:%02d:%02d%s", l->rate, 100 * l->wait,
           (int)(left / 3600), (int)(left / 60) % 60, (int)left % 60,
           j->is_terminal ? "\033[K" : "\n");
    fflush(stdout);
    fflush(j->log.file);
}

/* How many of a sub-batch are right, by the classifier's output: 1 or 0 an image (a margin loss),
 * or a value for each class. */
static int count_right(const job *j, const float *truth) {
    const dnx_net *net = j->net;
    if (j->classifier < 0) return 0;
    size_t n = dnx_size(net->nodes[j->classifier].out);
    const float *y = net->links[j->classifier].y;
    int right = 0;
    for (int b = 0; b < net->batch; b++, y += n) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (y[i] > y[best]) best = i;
        right += n == 1 ? y[0] == 1 : (float)best == truth[b];
    }
    return right;
}

/* The loss of the sub-batch just trained is not finite: says where that began. */
static dnx_status find_nan(job *j, dnx_err *err) {
    dnx_status st = dnx_check_outputs(j->net, err);
    if (!st) st = dnx_check_params(j->net, err);
    for (int i = 0; i < j->net->n && !st; i++)
        if (!isfinite(dnx_host_loss(j->host, i)))
            st = dnx_fail(err, DNX_ENUMBER, j->net->nodes[i].loc,
                          "NaN or infinity in the loss of layer %d [%s]", i,
                          j->net->nodes[i].type->name);
    return st ? st : dnx_fail(err, DNX_ENUMBER, (dnx_loc){j->a.cfg, 0}, "NaN or infinity");
}

/* One update: all sub-batches. */
static dnx_status step(job *j, dnx_err *err) {
    const dnx_net *net = j->net;
    const int parts = net->o.subdivisions;
    double start = dnx_now(), waited = 0, loss = 0;
    const char *line;
    int right = 0;
    memset(j->losses, 0, sizeof *j->losses * (size_t)net->n);
    for (int i = 0; i < parts; i++) {
        dnx_batch b;
        double before = dnx_now();
        dnx_status st = dnx_feed_next(j->feed, &b, err);
        waited += dnx_now() - before;
        while ((line = dnx_feed_broken(j->feed)))
            fprintf(stderr, "%s%s\n", j->is_terminal ? "\n" : "", line);
        if (st) return st;
        dnx_targets_run(j->net, b.x, b.altered ? NULL : b.image, b.mirrored);
        double part = dnx_host_train(j->host, b.x, b.truth);
        loss += part / parts;
        for (int k = 0; k < net->n; k++) j->losses[k] += dnx_host_loss(j->host, k) / parts;
        right += count_right(j, b.truth);
        if (!isfinite(part)) return find_nan(j, err);
    }
    j->batch++;
    double took = dnx_now() - start;
    dnx_log_line l = {.batch = j->batch, .epoch = (double)net->seen / (double)j->data->n,
                      .loss = loss, .speed = net->o.batch / took, .wait = waited / took,
                      .accuracy = j->classifier < 0 ? NAN : (double)right / net->o.batch,
                      .lfw = NAN, .exclusivity = net->has_exclusivity ? net->exclusivity : NAN,
                      .gradient = net->o.clip_norm > 0 ? net->norm : NAN, .losses = j->losses};
    l.rate = (double)dnx_host_rate(j->host); /* the host counts the images, then updates */
    dnx_status st = DNX_OK;
    if (j->pairs && (j->batch % (uint64_t)j->a.verify == 0 || j->batch == j->last)) {
        st = verify(j, err);
        if (!st) l.lfw = j->lfw;
    }
    dnx_log_write(&j->log, net, &l);
    show(j, &l);
    return st;
}

static dnx_status train(job *j, dnx_err *err) {
    dnx_status st = DNX_OK;
    uint64_t saved_at = UINT64_MAX;
    j->saved = j->began = dnx_now();
    j->first = j->batch;
    while (!st && j->batch < j->last && !is_told_to_stop) {
        st = step(j, err);
        if (st || (j->batch % (uint64_t)j->a.every && dnx_now() - j->saved < SAVE_SECONDS))
            continue;
        st = save(j, err);
        saved_at = j->batch;
    }
    if (!st && saved_at != j->batch) st = save(j, err);
    if (j->is_terminal) printf("\n");
    if (st == DNX_ENUMBER && j->is_saved)
        fprintf(stderr, "stopped at batch %llu; %s is the last checkpoint\n",
                (unsigned long long)j->batch + 1, j->state);
    return st;
}

static bool read_image(void *arg, size_t i, bool mirrored, float *x) {
    const job *j = arg;
    return dnx_data_image(j->data, i, j->net, mirrored, dnx_host_decode, dnx_host_decode_free, x);
}

static void show_progress(void *arg, size_t done, size_t all) {
    job *j = arg;
    if (j->is_terminal || done == all)
        printf("%steacher: %zu of %zu images%s", j->is_terminal ? "\r" : "", done, all,
               done == all ? "\n" : "");
    fflush(stdout);
}

static dnx_status start(job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const arguments *a = &j->a;
    dnx_status st = check(j, a->batches, err);
    if (!st && a->weights) st = dnx_weights_load(net, a->weights, err);
    if (!st) st = name_files(j, a->cfg, err);
    if (!st && a->pairs) st = dnx_verify_open(a->pairs, a->faces, &j->pairs, err);
    if (st) return st;
    if (a->clear) net->seen = 0;
    const int order[] = {net->o.sampler, net->o.identities, net->o.images};
    j->run = (dnx_run){(uint64_t)net->o.seed, j->data->n, j->data->checksum,
                       (uint64_t)net->o.batch};
    if (net->o.sampler) j->run.list = dnx_hash(j->run.list, order, sizeof order);
    if (a->resume) st = dnx_state_load(&j->run, net, j->state, err);
    j->is_saved = a->resume;
    /* The loop updates when seen / batch is whole: weights of another batch= must not shift it. */
    net->seen -= net->seen % (uint64_t)net->o.batch;
    j->batch = net->seen / (uint64_t)net->o.batch;
    j->last = (uint64_t)(a->batches ? a->batches : net->o.max_batches);
    if (!st) st = dnx_host_open(net, &j->host, err);
    if (!st && a->cache)
        st = dnx_targets_cache(net, a->cache, j->data, read_image, show_progress, j, err);
    if (!st) {
        char *path = j->log.path;
        j->log.path = NULL;
        st = dnx_log_open(&j->log, path, net, j->batch, err);
    }
    if (!st)
        st = dnx_feed_open(j->data, net, (uint64_t)net->o.seed, READERS, dnx_host_decode,
                           dnx_host_decode_free, &j->feed, err);
    return st;
}

static dnx_status close_all(job *j, dnx_err *err) {
    dnx_status st = j->log.path ? dnx_log_close(&j->log, err) : DNX_OK;
    dnx_feed_close(j->feed);
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

/* The exit status of a command line with which that is wrong; NULL: nothing is. */
static int say(const char *wrong) {
    if (wrong) fprintf(stderr, "darknet: %s\n", wrong);
    return wrong ? 2 : 0;
}

/* 0, or the exit status of a wrong command line. */
static int take_arguments(int argc, char **argv, arguments *a) {
    const char *wrong;
    bool ok = true;
    a->threads = dnx_take_int(&argc, argv, "-threads", 0, 1, 64, &ok);
    a->seed = dnx_take_int(&argc, argv, "-seed", -1, 0, 2147483647, &ok);
    a->batches = dnx_take_int(&argc, argv, "-batches", 0, 1, 1000000000, &ok);
    a->every = dnx_take_int(&argc, argv, "-every", EVERY, 1, 1000000000, &ok);
    a->verify = dnx_take_int(&argc, argv, "-verify", 0, 1, 1000000000, &ok);
    a->pairs = dnx_take(&argc, argv, "-pairs", NULL);
    a->faces = dnx_take(&argc, argv, "-faces", NULL);
    a->teacher = dnx_take(&argc, argv, "-teacher", NULL);
    a->teacher_weights = dnx_take(&argc, argv, "-teacher-weights", NULL);
    a->cache = dnx_take(&argc, argv, "-cache", NULL);
    a->clear = dnx_take_flag(&argc, argv, "-clear");
    a->resume = dnx_take_flag(&argc, argv, "-resume");
    if (!ok || argc < 3 || argc > 4) return dnx_usage(&verb);
    a->data = argv[1];
    a->cfg = argv[2];
    a->weights = argc > 3 ? argv[3] : NULL;
    wrong = a->resume && (a->clear || a->weights) ? "-resume takes neither weights nor -clear"
            : a->clear && !a->weights ? "-clear needs weights, whose count of images it sets to 0"
            : !a->pairs != !a->faces  ? "-pairs and -faces go together"
            : a->verify && !a->pairs  ? "-verify needs -pairs and -faces"
            : !a->teacher != !a->teacher_weights ? "-teacher and -teacher-weights go together"
                                                 : NULL;
    if (!a->verify) a->verify = EVERY;
    return say(wrong);
}

/* The same for what this network has no use for. */
static int check_arguments(const job *j) {
    const arguments *a = &j->a;
    const bool has_teacher = j->net->targets;
    return say(a->teacher && !has_teacher ? "-teacher: no loss of the network has one"
               : a->cache && !has_teacher ? "-cache: no loss of the network has a teacher"
               : a->cache && dnx_augment_always(j->net)
                   ? "-cache: [net] alters every image, which leaves a teacher no output to keep"
               : a->pairs && j->feature < 0
                   ? "-pairs: the network has no layer before its first loss"
                   : NULL);
}

int dnx_classifier_train(int argc, char **argv) {
    job j = {.is_terminal = isatty(STDOUT_FILENO) == 1, .lfw = NAN};
    dnx_err err = {0};
    int broken = 0, wrong = take_arguments(argc, argv, &j.a);
    if (wrong) return wrong;
    dnx_flush_denormals();
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &a, NULL); /* a second one ends at once */
    sigaction(SIGTERM, &a, NULL);
    dnx_status st = open_net(&j, &err);
    if (!st && (wrong = check_arguments(&j))) {
        close_all(&j, &err);
        return wrong;
    }
    if (!st) st = dnx_data_open(j.a.data, show_broken, &broken, &j.data, &err);
    if (!st) st = start(&j, &err);
    if (!st) {
        printf("%zu images, %zu broken and skipped, %d classes\n", j.data->n, j.data->broken,
               j.data->o.classes);
        st = train(&j, &err);
    }
    bool is_whole = j.batch >= j.last;
    if (!st && !is_whole)
        fprintf(stderr, "stopped at batch %llu; go on with -resume\n", (unsigned long long)j.batch);
    dnx_status closed = close_all(&j, &err);
    if (st || closed) return dnx_report(&err);
    return is_whole ? 0 : 1;
}
