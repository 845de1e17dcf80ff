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
#include "host.h"
#include "kernels/kernels.h"
#include "state.h"
#include "train.h"
#include "weights.h"

enum { READERS = 2, PLAIN_LINE = 50, EVERY = 500, SAVE_SECONDS = 300, MOST_SHOWN = 20 };

static const dnx_verb verb = {
    "classifier",
    "classifier train faces.data net.cfg [weights] [-clear] [-resume] [-threads N] [-seed N]\n"
    "       [-batches N] [-every N]",
    "train; -every N: batches between checkpoints", NULL};

typedef struct {
    dnx_net *net;
    dnx_data *data;
    dnx_host *host;
    dnx_feed *feed;
    dnx_run run;
    char *weights, *state, *log; /* paths */
    FILE *csv;
    uint64_t batch, last; /* updates done; to do */
    int every;
    double saved, shown; /* times */
    char losses[128];    /* names of the loss layers */
    bool is_terminal, is_saved; /* is_saved: there is a checkpoint of this run */
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

/* Puts seed= into [net]: layers take it while they are built. */
static dnx_status set_seed(dnx_cfg *cfg, int seed, dnx_err *err) {
    dnx_section *s = &cfg->sections[0];
    char text[16];
    int i = 0;
    snprintf(text, sizeof text, "%d", seed);
    while (i < s->n && strcmp(s->pairs[i].key, "seed")) i++;
    char *value = strdup(text);
    if (value && i == s->n) {
        char *key = strdup("seed");
        dnx_pair *more = realloc(s->pairs, sizeof *more * (size_t)(s->n + 1));
        if (more) {
            s->pairs = more;
            if (key) s->pairs[s->n++] = (dnx_pair){key, NULL, s->line};
        }
        if (!more || !key) {
            free(key);
            free(value);
            value = NULL;
        }
    }
    if (!value) return dnx_fail(err, DNX_EMEM, (dnx_loc){cfg->file, 0}, "no memory");
    free(s->pairs[i].value);
    s->pairs[i].value = value;
    return DNX_OK;
}

static dnx_status open_net(job *j, const char *path, int threads, int seed, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_status st = dnx_cfg_read(path, &cfg, err);
    if (st) return st;
    if (seed >= 0 && cfg->n) st = set_seed(cfg, seed, err);
    if (!st) st = dnx_net_build(cfg, true, 0, threads, &j->net, err);
    dnx_cfg_free(cfg);
    if (st) return st;
    for (int i = 0; i < j->net->n; i++) {
        const dnx_layer_type *t = j->net->nodes[i].type;
        size_t used = strlen(j->losses);
        if (t->is_loss)
            snprintf(j->losses + used, sizeof j->losses - used, "%s%s", used ? "+" : "", t->name);
    }
    return DNX_OK;
}

/* The value of a whole-number option, or `none` where the type has no such option. */
static int option(const dnx_node *n, const char *key, int none) {
    for (const dnx_opt *o = n->type->options; o && o->key; o++)
        if (o->type == DNX_INT && !strcmp(o->key, key))
            return *(const int *)(const void *)((const char *)n->opts + o->offset);
    return none;
}

/* What .state does not hold, because the layers keep it to themselves. */
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
    j->state = join(folder, name, len, ".state");
    j->log = join(folder, name, len, ".csv");
    if (j->weights && j->state && j->log) return DNX_OK;
    return dnx_fail(err, DNX_EMEM, at, "no memory");
}

/* Keeps the log's lines up to batch `last`: what follows will be trained again. */
static dnx_status open_log(job *j, dnx_err *err) {
    dnx_loc at = {j->log, 0};
    char *text = NULL;
    size_t room = 0, keep = 0;
    unsigned long long batch;
    FILE *old = j->batch ? fopen(j->log, "r") : NULL;
    for (ssize_t n; old && (n = getline(&text, &room, old)) > 0 && text[n - 1] == '\n';) {
        if (keep && (sscanf(text, "%llu,", &batch) != 1 || batch > j->batch)) break;
        keep += (size_t)n;
    }
    free(text);
    if (old) fclose(old);
    if (keep && truncate(j->log, (off_t)keep))
        return dnx_fail(err, DNX_EIO, at, "cannot shorten: %s", strerror(errno));
    j->csv = fopen(j->log, keep ? "a" : "w");
    if (!j->csv) return dnx_fail(err, DNX_EIO, at, "cannot write: %s", strerror(errno));
    if (!keep) fprintf(j->csv, "batch,epoch,loss,rate,images_per_second,wait,accuracy\n");
    return DNX_OK;
}

/* Options that change training images or gradients in the host, but not here yet. */
static dnx_status refuse_unknown(const dnx_net_opts *o, dnx_loc at, dnx_err *err) {
    const char *key = o->angle != 0        ? "angle"
                      : o->hue != 0        ? "hue"
                      : o->aspect != 1     ? "aspect"
                      : o->saturation != 1 ? "saturation"
                      : o->exposure != 1   ? "exposure"
                      : o->max_crop != 0   ? "max_crop"
                      : o->min_crop != 0   ? "min_crop"
                      : o->max_ratio != 0  ? "max_ratio"
                      : o->min_ratio != 0  ? "min_ratio"
                      : o->clip != 0       ? "clip"
                      : o->random != 0     ? "random"
                      : o->center != 0     ? "center"
                      : o->notruth != 0    ? "notruth"
                                           : NULL;
    if (!key) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, at, "[net] %s: this version trains without it; remove it",
                    key);
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
    int most = option(last, "classes", (int)dnx_size(last->out));
    if (j->data->o.classes <= most) return DNX_OK;
    return dnx_fail(err, DNX_ESHAPE, last->loc, "[%s] has room for %d classes, but %s has %d",
                    last->type->name, most, j->data->file, j->data->o.classes);
}

/* ---- the run ---- */

static dnx_status save(job *j, dnx_err *err) {
    dnx_status st = dnx_check_params(j->net, err);
    if (!st && fflush(j->csv))
        st = dnx_fail(err, DNX_EIO, (dnx_loc){j->log, 0}, "cannot write: %s", strerror(errno));
    if (!st) st = dnx_state_save(&j->run, j->net, j->state, err);
    if (!st) j->is_saved = true;
    if (!st) st = dnx_weights_save(j->net, j->weights, err);
    j->saved = dnx_now();
    return st;
}

static void show(job *j, double loss, double accuracy, double rate, double speed, double wait,
                 double epoch) {
    double now = dnx_now();
    if (j->is_terminal ? now - j->shown < .2 && j->batch < j->last : j->batch % PLAIN_LINE != 0)
        return;
    j->shown = now;
    printf("%sbatch %llu/%llu  epoch %.2f  %.0f images/s  %s %.4f  accuracy %.1f %%  rate %.3g  "
           "waiting %.0f %%%s",
           j->is_terminal ? "\r" : "", (unsigned long long)j->batch, (unsigned long long)j->last,
           epoch, speed, j->losses, loss, 100 * accuracy, rate, 100 * wait,
           j->is_terminal ? "\033[K" : "\n");
    fflush(stdout);
    fflush(j->csv);
}

/* How many of a sub-batch are right, by the last layer's output: 1 or 0 an image (a margin loss),
 * or a value for each class. */
static int count_right(const dnx_net *net, const float *truth) {
    size_t n = dnx_size(net->nodes[net->n - 1].out);
    const float *y = net->links[net->n - 1].y;
    int right = 0;
    for (int b = 0; b < net->batch; b++, y += n) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (y[i] > y[best]) best = i;
        right += n == 1 ? y[0] == 1 : best == (size_t)truth[b];
    }
    return right;
}

/* One update: all sub-batches. */
static dnx_status step(job *j, dnx_err *err) {
    const int parts = j->net->o.subdivisions;
    double start = dnx_now(), waited = 0, loss = 0;
    const char *path;
    int right = 0;
    for (int i = 0; i < parts; i++) {
        const float *x, *truth;
        double before = dnx_now();
        dnx_status st = dnx_feed_next(j->feed, &x, &truth, err);
        waited += dnx_now() - before;
        while ((path = dnx_feed_broken(j->feed)))
            fprintf(stderr, "%s%s: skipped: cannot be decoded\n", j->is_terminal ? "\n" : "", path);
        if (st) return st;
        double part = dnx_host_train(j->host, x, truth);
        loss += part / parts;
        right += count_right(j->net, truth);
        if (isfinite(part)) continue;
        st = dnx_check_outputs(j->net, err);
        if (!st) st = dnx_check_params(j->net, err);
        if (!st)
            st = dnx_fail(err, DNX_ENUMBER, j->net->nodes[j->net->n - 1].loc,
                          "NaN or infinity in the loss [%s]", j->losses);
        return st;
    }
    j->batch++;
    double rate = (double)dnx_host_rate(j->host); /* the host counts the images, then updates */
    double took = dnx_now() - start, speed = j->net->o.batch / took;
    double epoch = (double)j->net->seen / (double)j->data->n;
    double accuracy = (double)right / j->net->o.batch;
    fprintf(j->csv, "%llu,%.4f,%.9g,%.9g,%.1f,%.4f,%.4f\n", (unsigned long long)j->batch, epoch,
            loss, rate, speed, waited / took, accuracy);
    show(j, loss, accuracy, rate, speed, waited / took, epoch);
    return DNX_OK;
}

static dnx_status train(job *j, dnx_err *err) {
    dnx_status st = DNX_OK;
    uint64_t saved_at = UINT64_MAX;
    j->saved = dnx_now();
    while (!st && j->batch < j->last && !is_told_to_stop) {
        st = step(j, err);
        if (st || (j->batch % (uint64_t)j->every && dnx_now() - j->saved < SAVE_SECONDS)) continue;
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

static dnx_status start(job *j, char **args, bool clear, bool resume, int batches, dnx_err *err) {
    dnx_net *net = j->net;
    dnx_status st = check(j, batches, err);
    if (!st && args[3]) st = dnx_weights_load(net, args[3], err);
    if (!st) st = name_files(j, args[2], err);
    if (st) return st;
    if (clear) net->seen = 0;
    j->run = (dnx_run){(uint64_t)net->o.seed, j->data->n, j->data->checksum,
                       (uint64_t)net->o.batch};
    if (resume) st = dnx_state_load(&j->run, net, j->state, err);
    j->is_saved = resume;
    /* The loop updates when seen / batch is whole: weights of another batch= must not shift it. */
    net->seen -= net->seen % (uint64_t)net->o.batch;
    j->batch = net->seen / (uint64_t)net->o.batch;
    j->last = (uint64_t)(batches ? batches : net->o.max_batches);
    if (!st) st = dnx_host_open(net, &j->host, err);
    if (!st) st = open_log(j, err);
    if (!st)
        st = dnx_feed_open(j->data, net, (uint64_t)net->o.seed, READERS, dnx_host_decode,
                           dnx_host_decode_free, &j->feed, err);
    return st;
}

static void close_all(job *j) {
    dnx_feed_close(j->feed);
    dnx_host_close(j->host);
    dnx_net_free(j->net);
    dnx_data_close(j->data);
    free(j->weights);
    free(j->state);
    free(j->log);
}

int dnx_classifier_train(int argc, char **argv) {
    job j = {.is_terminal = isatty(STDOUT_FILENO) == 1};
    dnx_err err = {0};
    bool ok = true;
    int broken = 0;
    int threads = dnx_take_int(&argc, argv, "-threads", 0, 1, 64, &ok);
    int seed = dnx_take_int(&argc, argv, "-seed", -1, 0, 2147483647, &ok);
    int batches = dnx_take_int(&argc, argv, "-batches", 0, 1, 1000000000, &ok);
    bool clear = dnx_take_flag(&argc, argv, "-clear");
    bool resume = dnx_take_flag(&argc, argv, "-resume");
    j.every = dnx_take_int(&argc, argv, "-every", EVERY, 1, 1000000000, &ok);
    if (!ok || argc < 3 || argc > 4) return dnx_usage(&verb);
    char *args[4] = {argv[0], argv[1], argv[2], argc > 3 ? argv[3] : NULL};
    if (resume && (clear || args[3])) {
        fprintf(stderr, "darknet: -resume takes neither weights nor -clear\n");
        return 2;
    }
    dnx_flush_denormals();
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &a, NULL); /* a second one ends at once */
    sigaction(SIGTERM, &a, NULL);
    dnx_status st = open_net(&j, args[2], threads, seed, &err);
    if (!st) st = dnx_data_open(args[1], show_broken, &broken, &j.data, &err);
    if (!st) st = start(&j, args, clear, resume, batches, &err);
    if (!st) {
        printf("%zu images, %zu broken and skipped, %d classes\n", j.data->n, j.data->broken,
               j.data->o.classes);
        st = train(&j, &err);
    }
    if (j.csv && fclose(j.csv) && !st)
        st = dnx_fail(&err, DNX_EIO, (dnx_loc){j.log, 0}, "cannot write: %s", strerror(errno));
    if (!st && j.batch < j.last) {
        fprintf(stderr, "stopped at batch %llu; go on with -resume\n", (unsigned long long)j.batch);
        ok = false;
    }
    close_all(&j);
    if (st) return dnx_report(&err);
    return ok ? 0 : 1;
}
