/* darknet classifier train: trains a network on images by the host's own loop. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "train/train.h"
#include "net/finite.h"
#include "kernels/kernels.h"
#include "train/teachers.h"

enum { PLAIN_LINE = 50, SAVE_SECONDS = 300, SHOW = 16 };

static volatile sig_atomic_t is_told_to_stop;

static void on_signal(int number) {
    (void)number;
    is_told_to_stop = 1;
}

/* ---- the progress line ---- */

/* The losses by name, their values per image. */
static void show_losses(const dnx_train_job *j) {
    for (int i = 0; i < j->net->n; i++)
        if (j->net->nodes[i].type->is_loss)
            printf("  %s %.4f", j->net->nodes[i].type->name, j->losses[i]);
}

static void show_bar(double share) {
    putchar('[');
    for (int i = 0; i < SHOW; i++) putchar(i < share * SHOW ? '#' : '.');
    printf("] ");
}

static void show(dnx_train_job *j, const dnx_log_line *l) {
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

/* ---- the loop ---- */

/* How many of a sub-batch are right, by the classifier's output: 1 or 0 an image (a margin loss),
 * or a value for each class. */
static int count_right(const dnx_train_job *j, const float *truth) {
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

static void show_note(void *arg, const char *line) {
    const dnx_train_job *j = arg;
    fprintf(stderr, "%s%s\n", j->is_terminal ? "\n" : "", line);
}

/* The loss of the sub-batch just trained is not finite: says where that began. */
static dnx_status find_nan(dnx_train_job *j, dnx_err *err) {
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
static dnx_status step(dnx_train_job *j, dnx_err *err) {
    const dnx_net *net = j->net;
    const int parts = net->o.subdivisions;
    double start = dnx_now(), waited = 0, loss = 0;
    int right = 0;
    memset(j->losses, 0, sizeof *j->losses * (size_t)net->n);
    for (int i = 0; i < parts; i++) {
        dnx_batch b;
        double before = dnx_now();
        dnx_status st = dnx_batches_next(j->feed, &b, err);
        waited += dnx_now() - before;
        if (st) return st;
        dnx_teachers_run(j->net, b.x, b.altered ? NULL : b.image, b.mirrored);
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
        st = dnx_train_verify(j, err);
        if (!st) l.lfw = j->lfw;
    }
    dnx_log_write(&j->log, net, &l);
    show(j, &l);
    return st;
}

/* The updates up to the last one or a signal, with checkpoints after every -every of them or
 * SAVE_SECONDS, and one at the end. */
static dnx_status train(dnx_train_job *j, dnx_err *err) {
    dnx_status st = DNX_OK;
    uint64_t saved_at = UINT64_MAX;
    j->saved = j->began = dnx_now();
    j->first = j->batch;
    dnx_batches_notes(j->feed, show_note, j);
    while (!st && j->batch < j->last && !is_told_to_stop) {
        st = step(j, err);
        if (st || (j->batch % (uint64_t)j->a.every && dnx_now() - j->saved < SAVE_SECONDS))
            continue;
        st = dnx_train_save(j, err);
        saved_at = j->batch;
    }
    if (!st && saved_at != j->batch) st = dnx_train_save(j, err);
    if (j->is_terminal) printf("\n");
    if (st == DNX_ENUMBER && j->is_saved)
        fprintf(stderr, "stopped at batch %llu; %s is the last checkpoint\n",
                (unsigned long long)j->batch + 1, j->state);
    return st;
}

int dnx_train(const dnx_train_args *args) {
    dnx_train_job j = {.a = *args, .is_terminal = isatty(STDOUT_FILENO) == 1, .lfw = NAN};
    dnx_err err = {0};
    int wrong = 0;
    dnx_flush_denormals();
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &a, NULL); /* a second one ends at once */
    sigaction(SIGTERM, &a, NULL);
    dnx_status st = dnx_train_open_net(&j, &err);
    if (!st && (wrong = dnx_train_check_args(&j))) {
        dnx_train_close(&j, &err);
        return wrong;
    }
    if (!st) st = dnx_train_open(&j, &err);
    if (!st) {
        printf("%zu images, %zu broken and skipped, %d classes\n", j.data->n, j.data->broken,
               j.data->o.classes);
        st = train(&j, &err);
    }
    bool is_whole = j.batch >= j.last;
    if (!st && !is_whole)
        fprintf(stderr, "stopped at batch %llu; go on with -resume\n", (unsigned long long)j.batch);
    dnx_status closed = dnx_train_close(&j, &err);
    if (st || closed) return dnx_report(&err);
    return is_whole ? 0 : 1;
}
