/* loop.c - the training loop: updates, verifications, checkpoints, and the end of a run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "kernels/kernels.h"
#include "net/average.h"
#include "net/finite.h"
#include "train/job.h"
#include "train/teachers.h"

enum { SAVE_SECONDS = 300, AGAIN_SECONDS = 30, FLUSH_SECONDS = 1 };

/* ---- an update ---- */

/* Returns true when the class `truth` of an image has the largest value of y. s: the shape of y. */
static bool is_largest(const float *y, dnx_shape s, float truth) {
    size_t n = dnx_size(s), best = 0;
    for (size_t i = 1; i < n; i++)
        if (y[i] > y[best]) best = i;
    return truth >= 0 && (double)truth < (double)n && best == dnx_class_place(s, (size_t)truth);
}

static int count_right(const dnx_train_job *j, const float *truth) {
    dnx_net *net = j->net;
    if (j->classifier < 0) return 0;
    const dnx_node *n = &net->nodes[j->classifier];
    const dnx_classifier *c = n->type->classifier;
    const float *y = dnx_net_output(net, j->classifier, net->batch);
    const bool says_right = c && c->output == DNX_IS_RIGHT;
    int right = 0;
    for (int b = 0; b < net->batch; b++, y += dnx_size(n->out))
        right += says_right ? y[0] == 1 : is_largest(y, n->out, truth[b]);
    return right;
}

/* Returns DNX_ENUMBER. The message says where a number is not finite, if one is found. */
static dnx_status find_nan(dnx_train_job *j, dnx_err *err) {
    dnx_status st = dnx_check_outputs(j->net, err);
    if (!st) st = dnx_check_params(j->net, err);
    for (int i = 0; i < j->net->n && !st; i++)
        if (!isfinite(dnx_host_loss(j->host, i)))
            st = dnx_fail(err, DNX_ENUMBER, j->net->nodes[i].loc,
                          "NaN or infinity in the loss of layer %d [%s]", i,
                          j->net->nodes[i].type->name);
    return st ? st : dnx_fail_at(err, DNX_ENUMBER, j->a->cfg, "NaN or infinity");
}

static void add_losses(dnx_train_job *j) {
    for (int k = 0; k < j->net->n; k++) {
        const dnx_node *n = &j->net->nodes[k];
        j->losses[k] += dnx_host_loss(j->host, k) / j->net->o.subdivisions;
        if (dnx_counts_used(n->type)) j->used[k] += n->type->classifier->used(n);
    }
}

/* Trains on each of the `subdivisions` parts of a batch. Adds the loss to l->loss, and the seconds
 * of waiting for images to l->wait. Sets l->accuracy if a layer classifies the images. */
static dnx_status train_parts(dnx_train_job *j, dnx_log_line *l, dnx_err *err) {
    const dnx_net *net = j->net;
    const int parts = net->o.subdivisions;
    int right = 0;
    memset(j->losses, 0, sizeof *j->losses * (size_t)net->n);
    memset(j->used, 0, sizeof *j->used * (size_t)net->n);
    for (int i = 0; i < parts; i++) {
        dnx_batch b;
        double before = dnx_now();
        dnx_status st = dnx_batches_next(j->batches, &b, err);
        l->wait += dnx_now() - before;
        if (st) return st;
        dnx_net_images(j->net, b.x, dnx_batches_ahead(j->batches));
        dnx_teachers_run(j->net, b.x, b.altered ? NULL : b.image, b.mirrored);
        double part = dnx_host_train(j->host, b.x, b.truth);
        st = dnx_net_status(j->net, err);
        if (st) return st;
        l->loss += part / parts;
        add_losses(j);
        right += count_right(j, b.truth);
        if (!isfinite(part)) return find_nan(j, err);
    }
    if (j->classifier >= 0) l->accuracy = (double)right / net->o.batch;
    return DNX_OK;
}

/* Updates a running mean over about 50 updates, for NAME.run. */
static void mix(double *mean, double v) {
    if (!isnan(v)) *mean = isnan(*mean) ? v : *mean + (v - *mean) / 50;
}

/* Verifies, and stores the result in *result. A failure does not end the training. j->late_best
 * keeps the failure until the next verification. */
static void verify(dnx_train_job *j, double *result) {
    dnx_err why = {0};
    dnx_status st = dnx_train_verify(j, &why);
    if (!st) *result = j->verified;
    else if (st != DNX_ESTOP)
        dnx_train_note(j, DNX_TRAIN_WARNING, "%s; training continues", why.text);
    if (st != DNX_ESTOP || j->batch == j->last) j->late_best = why;
}

static bool is_verified(const dnx_train_job *j) {
    return j->pairs && (j->batch % (uint64_t)j->a->verify == 0 || j->batch == j->last);
}

static void report(dnx_train_job *j, const dnx_log_line *l) {
    const dnx_train_update u = {j->net, l, j->first, j->last, dnx_now() - j->began};
    dnx_log_write(&j->log, j->net, l);
    dnx_events_write(&j->curves, j->net, l);
    dnx_page_line(j->page, &j->log);
    mix(&j->loss, l->loss);
    mix(&j->accuracy, l->accuracy);
    j->events->update(j->events->arg, &u);
    if (dnx_now() - j->flushed < FLUSH_SECONDS) return;
    (void)dnx_log_flush(&j->log, NULL); /* the next checkpoint tries again and reports a failure */
    (void)dnx_events_flush(&j->curves, NULL);
    j->flushed = dnx_now();
}

static dnx_status step(dnx_train_job *j, dnx_err *err) {
    const dnx_net *net = j->net;
    dnx_log_line l = {.batch = j->batch + 1,
                      .accuracy = NAN,
                      .verified = NAN,
                      .losses = j->losses,
                      .used = j->used};
    const double start = dnx_now();
    if (net->o.subdivisions > 1) dnx_train_keep(j, false);
    dnx_status st = train_parts(j, &l, err);
    if (st && net->o.subdivisions > 1) dnx_train_keep(j, true);
    if (!st && j->keeps_old) st = dnx_train_set_aside(j, err);
    if (st) return st;
    const double took = dnx_now() - start;
    j->batch++;
    dnx_average_update(j->net, j->batch);
    l.epoch = (double)net->seen / (double)j->data->n;
    l.speed = net->o.batch / took;
    l.wait /= took;
    l.exclusivity = net->sgd.has_exclusivity ? net->sgd.exclusivity : NAN;
    l.gradient = net->o.clip_norm > 0 ? net->sgd.norm : NAN;
    l.rate = (double)dnx_host_rate(j->host);
    if (is_verified(j)) verify(j, &l.verified);
    report(j, &l);
    return DNX_OK;
}

/* ---- the loop ---- */

/* With -resume: verifies at the last saved batch, if its line in the log has no result. */
static void catch_up(dnx_train_job *j) {
    double result = NAN;
    if (!j->batch || !is_verified(j) || !dnx_log_lacks_verification(&j->log, j->batch)) return;
    verify(j, &result);
    if (isnan(result)) return;
    dnx_log_amend(&j->log, result);
    dnx_events_amend(&j->curves, j->batch, result);
    dnx_page_line(j->page, &j->log);
    j->caught_up = true;
}

static bool is_due(const dnx_train_job *j) {
    return j->batch % (uint64_t)j->a->every == 0 || dnx_now() - j->saved >= SAVE_SECONDS ||
           (j->replaces && j->batch == j->first + 1); /* -force: the old files are replaced early */
}

/* Saves a checkpoint. Returns only DNX_ENUMBER as an error. Reports any other failure and makes the
 * next checkpoint due in AGAIN_SECONDS. */
static dnx_status checkpoint(dnx_train_job *j, dnx_err *err) {
    dnx_err why = {0};
    dnx_status st = dnx_train_save(j, &why);
    if (!st) return DNX_OK;
    if (st == DNX_ENUMBER) return dnx_fail_at(err, st, NULL, "%s", why.text);
    dnx_train_note(j, DNX_TRAIN_WARNING,
                   "%s; training continues, the next attempt is in "
                   "%d s",
                   why.text, AGAIN_SECONDS);
    j->saved = dnx_now() - SAVE_SECONDS + AGAIN_SECONDS;
    return DNX_OK;
}

/* Saves the run at its end, unless st, the status of the loop, is DNX_ENUMBER. Returns st or, when
 * st is DNX_OK, the status of saving. */
static dnx_status save_last(dnx_train_job *j, dnx_status st, dnx_err *err) {
    dnx_err why = {0};
    if (j->batch == j->first && !j->caught_up)
        return st || j->batch < j->last ? st : dnx_train_complete(j, err);
    if (st == DNX_ENUMBER) {
        if (j->saved_batch != UINT64_MAX || j->a->resume)
            dnx_train_note(j, DNX_TRAIN_WARNING, "stopped at batch %llu; %s is the last checkpoint",
                           (unsigned long long)j->batch + 1, j->state);
        return st;
    }
    dnx_status saved = j->saved_batch == j->batch ? DNX_OK : dnx_train_save(j, &why);
    if (!saved) return st;
    if (!st) return dnx_fail_at(err, saved, NULL, "%s", why.text);
    dnx_train_note(j, DNX_TRAIN_WARNING, "%s", why.text);
    return st;
}

/* Returns a failure that did not end the run, unless a later try succeeded. */
static dnx_status report_late(const dnx_train_job *j, dnx_err *err) {
    const dnx_err *late = j->late_file.status ? &j->late_file : &j->late_best;
    return late->status ? dnx_fail_at(err, late->status, NULL, "%s", late->text) : DNX_OK;
}

/* Writes the final state of the run to NAME.run, if this process has saved a checkpoint. Returns st
 * or, when st is DNX_OK, the status of writing. */
static dnx_status write_end(dnx_train_job *j, dnx_status st, dnx_err *err) {
    char state[sizeof err->text + 16];
    dnx_err why = {0};
    if (j->saved_batch == UINT64_MAX) return st;
    snprintf(state, sizeof state, "%s%s",
             st && st != DNX_ESTOP      ? "failed: "
             : st || j->batch < j->last ? "stopped"
                                        : "done",
             st && st != DNX_ESTOP ? err->text : "");
    if (!dnx_train_write_run(j, state, &why)) return st;
    if (!st) return dnx_fail_at(err, why.status, NULL, "%s", why.text);
    dnx_train_note(j, DNX_TRAIN_WARNING, "%s", why.text);
    return st;
}

static void report_results(const dnx_train_job *j) {
    if (j->skipped.n)
        dnx_train_note(j, DNX_TRAIN_NEWS, "%s: %zu %s what was not taken", j->skipped_file,
                       j->skipped.n, dnx_plural(j->skipped.n, "line names", "lines name"));
    dnx_train_note(j, DNX_TRAIN_NEWS, "%s: %llu %s", j->weights, (unsigned long long)j->batch,
                   dnx_plural(j->batch, "batch", "batches"));
    if (j->pairs && j->best_verified >= 0) dnx_train_report_best(j);
}

static void note_reader(void *arg, const char *line) {
    dnx_train_note(arg, DNX_TRAIN_WARNING, "%s", line);
    if (strstr(line, ": skipped: ")) dnx_train_skip(arg, line);
}

dnx_status dnx_train_run(dnx_train_job *j, uint64_t *done, bool *is_whole, dnx_err *err) {
    dnx_flush_denormals();
    *done = 0;
    *is_whole = false;
    dnx_status st = dnx_train_open_rest(j, err);
    if (st) return st;
    dnx_batches_notes(j->batches, note_reader, j);
    j->saved = j->flushed = j->began = dnx_now();
    catch_up(j);
    while (!st && j->batch < j->last && !dnx_stop_asked()) {
        st = step(j, err);
        if (!st && is_due(j)) st = checkpoint(j, err);
    }
    st = save_last(j, st, err);
    *is_whole = j->batch >= j->last;
    if (!st) st = report_late(j, err);
    st = write_end(j, st, err);
    *done = j->saved_batch != UINT64_MAX ? j->saved_batch : j->a->resume ? j->first : 0;
    if (st) return st;
    if (!*is_whole) return *done ? DNX_OK : dnx_stop_check(err);
    if (j->saved_batch != j->batch) return dnx_train_nothing_left(j, err);
    report_results(j);
    return DNX_OK;
}
