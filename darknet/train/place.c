/* place.c - names the files of a run, refuses those of other runs, and finds the first batch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/outfile.h"
#include "base/paths.h"
#include "net/state.h"
#include "train/job.h"

/* aside.c renames the files in this order, NAME.run last. */
const char *const dnx_run_ends[DNX_RUN_FILES] = {".state", ".weights", "-best.weights", "-best.txt",
                                                 ".names", ".skipped", ".csv",          ".run"};

static char *with_end(const dnx_train_job *j, const char *end) {
    char *path;
    return j->base && asprintf(&path, "%s%s", j->base, end) >= 0 ? path : NULL;
}

/* Makes the folder (-out, or backup= of the .data file), names the files and takes their lock. */
static dnx_status name_files(dnx_train_job *j, dnx_err *err) {
    const dnx_train_args *a = j->a;
    const char *slash = strrchr(a->cfg, '/'), *name = slash ? slash + 1 : a->cfg;
    const char *dot = strrchr(name, '.'), *folder = a->out ? a->out : j->data->o.backup;
    int len = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));
    if (a->name) len = (int)strlen(name = a->name);
    dnx_status st = dnx_folder_make(folder, err);
    if (st) return st;
    char *stem = strndup(name, (size_t)len);
    j->base = stem ? dnx_path_join(folder, stem) : NULL;
    free(stem);
    char *lock = with_end(j, ".lock");
    bool ok = lock;
    for (int i = 0; i < DNX_RUN_FILES; i++) ok = (j->path[i] = with_end(j, dnx_run_ends[i])) && ok;
    st = ok ? dnx_lock_take(&j->lock, lock, err) : dnx_no_memory(folder, err);
    free(lock);
    return st;
}

/* Decides whether the files of an earlier run, such as `file`, are refused, replaced or renamed. */
static dnx_status find_earlier(dnx_train_job *j, const char *file, dnx_err *err) {
    dnx_loc at = {file, 0};
    const dnx_earlier earlier = j->a->force ? DNX_EARLIER_OTHER : dnx_train_earlier(j);
    j->replaces = j->a->force;
    j->keeps_old = !j->a->force;
    if (earlier == DNX_EARLIER_OTHER) return DNX_OK;
    return earlier == DNX_EARLIER_SAME
               ? dnx_fail(err, DNX_EOPTION, at,
                          "this very run is done: -name or -out makes another one, -force trains "
                          "it again in its place")
               : dnx_fail(err, DNX_EOPTION, at,
                          "a run of this name is there: -resume continues it, -name or -out makes "
                          "another one, -force replaces it");
}

dnx_status dnx_train_take_files(dnx_train_job *j, dnx_err *err) {
    dnx_status st = name_files(j, err);
    if (st) return st;
    const char *const results[] = {j->state, j->weights, j->best, j->run};
    int i = 0;
    while (i < 4 && access(results[i], F_OK)) i++;
    if (i < 4 && !j->a->resume) st = find_earlier(j, results[i], err);
    if (!st && !j->keeps_old) st = dnx_outfile_try(j->state, err);
    if (!st && !j->keeps_old) st = dnx_outfile_try(j->weights, err);
    if (!st && !j->keeps_old && j->pairs) st = dnx_outfile_try(j->best, err);
    return st ? st : dnx_outfile_try(j->run, err);
}

dnx_status dnx_train_nothing_left(const dnx_train_job *j, dnx_err *err) {
    const dnx_train_args *a = j->a;
    return dnx_fail_at(
        err, DNX_EOPTION, a->resume ? j->state : a->weights,
        "has trained %llu batches, and %s%llu: nothing is left to train; %s",
        (unsigned long long)j->batch,
        a->batches ? "-batches is " : "max_batches=", (unsigned long long)j->last,
        a->resume
            ? "raise max_batches, or give a larger -batches"
            : "-clear counts from 0 again, a larger max_batches or -batches continues from there");
}

dnx_status dnx_train_find_place(dnx_train_job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_train_args *a = j->a;
    if (a->clear) net->seen = 0;
    /* libdarknet updates when `seen` is a multiple of batch=. A weights file may come from a
     * training with another batch=, so its `seen` is rounded down to a multiple. */
    net->seen -= net->seen % (uint64_t)net->o.batch;
    j->batch = j->first = net->seen / (uint64_t)net->o.batch;
    j->last = (uint64_t)(a->batches ? a->batches : net->o.max_batches);
    if (j->batch < j->last || (a->resume && j->batch == j->last)) return DNX_OK;
    return dnx_train_nothing_left(j, err);
}

dnx_status dnx_train_resume(dnx_train_job *j, dnx_err *err) {
    dnx_state s = {0};
    if (access(j->state, F_OK) && errno == ENOENT)
        return dnx_fail_at(err, DNX_EIO, j->state,
                           "-resume: there is no run of this name; -name and -out choose the run, "
                           "without -resume a new one begins");
    dnx_status st = dnx_state_read(j->state, &s, err);
    if (!st) st = dnx_train_compare(j, s.inputs, err);
    if (!st) st = dnx_state_apply(&s, j->net, j->state, err);
    if (!st) dnx_train_read_run(j);
    if (!st) dnx_train_read_skipped(j);
    if (!st) st = dnx_train_find_place(j, err);
    dnx_state_free(&s);
    return st;
}
