/* checkpoint.c - saves the progress of a run. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/average.h"
#include "net/finite.h"
#include "net/state.h"
#include "net/weights.h"
#include "train/job.h"

/* If `why` is an error, reports it unless the last checkpoint had the same error. Stores it in
 * *late unless *late already has an error. */
static void postpone(dnx_train_job *j, dnx_err *late, const dnx_err *why) {
    if (!why->status) return;
    if (strcmp(j->late_file.text, why->text))
        dnx_train_note(j, DNX_TRAIN_WARNING, "%s; training continues", why->text);
    if (!late->status) *late = *why;
}

/* With -force, removes those files of the replaced run that this run may never write. */
static void remove_old(dnx_train_job *j) {
    if (!j->replaces) return;
    if (j->best_verified < 0) { /* this run has not replaced the best weights yet */
        remove(j->best);
        remove(j->score);
    }
    remove(j->names);
    j->replaces = false;
}

static void save_beside(dnx_train_job *j, dnx_err *late) {
    dnx_err names = {0}, skipped = {0}, run = {0};
    remove_old(j);
    if (access(j->names, F_OK)) dnx_train_save_names(j, &names);
    postpone(j, late, &names);
    dnx_train_save_skipped(j, &skipped);
    postpone(j, late, &skipped);
    dnx_train_write_run(j, "running", &run);
    postpone(j, late, &run);
}

dnx_status dnx_train_save_weights(dnx_train_job *j, const char *path, dnx_err *err) {
    dnx_average_swap(j->net);
    dnx_status st = dnx_weights_save(j->net, path, err);
    dnx_average_swap(j->net);
    return st;
}

/* Writes the log before the state, so that a kill between the two leaves no gap in the log. */
dnx_status dnx_train_save(dnx_train_job *j, dnx_err *err) {
    dnx_err late = {0}, log = {0};
    dnx_status st = dnx_check_params(j->net, err);
    if (st) return st;
    dnx_log_flush(&j->log, &log);
    dnx_events_flush(&j->curves, &log);
    postpone(j, &late, &log);
    j->net->seen = j->batch * (uint64_t)j->net->o.batch; /* counts complete updates only */
    st = dnx_state_save(j->inputs_text, j->net, j->state, err);
    if (!st) st = dnx_train_save_weights(j, j->weights, err);
    if (!st) j->saved_batch = j->batch;
    if (!st) save_beside(j, &late);
    j->late_file = late;
    j->saved = dnx_now();
    return st;
}

dnx_status dnx_train_complete(dnx_train_job *j, dnx_err *err) {
    const bool has_weights = dnx_weights_seen(j->weights) == j->net->seen;
    dnx_status st = has_weights ? DNX_OK : dnx_train_save_weights(j, j->weights, err);
    if (st || (has_weights && j->is_recorded)) return st;
    j->saved_batch = j->batch;
    save_beside(j, &j->late_file);
    return DNX_OK;
}

/* ---- parameters that the forward pass changes ---- */

void dnx_train_keep(dnx_train_job *j, bool back) {
    dnx_param list[DNX_MAX_PARAMS];
    float *at = j->statistics;
    for (int i = 0; at && i < j->net->n; i++)
        for (int k = 0, n = dnx_net_params(j->net, i, list); k < n; k++) {
            if (list[k].is_trained) continue;
            size_t bytes = sizeof(float) * list[k].count;
            memcpy(back ? list[k].value : at, back ? at : list[k].value, bytes);
            at += list[k].count;
        }
}
