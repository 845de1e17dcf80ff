/* aside.c - renames the files of a finished run when another run takes its name: NAME.weights
 * becomes NAME.old-1.weights, and so on.
 *
 * NAME.run is renamed last. So after a kill the next start still finds it, and renames the rest. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "net/state.h"
#include "train/job.h"

enum { MOST = 100000 };

/* ---- the earlier run ---- */

/* Called for an input that differs between two runs: sets *any to true. A remark (record.h) counts
 * only when it is about the data. */
static void differs(void *arg, const char *key, const char *was, const char *is, bool is_remark) {
    bool *any = arg;
    (void)was;
    (void)is;
    if (!is_remark || !strncmp(key, "[data] ", 7)) *any = true;
}

static bool has_other_inputs(const dnx_train_job *j) {
    dnx_state s;
    dnx_record was = {0};
    bool any = dnx_state_read(j->state, &s, NULL) != DNX_OK;
    if (!any) {
        dnx_record_parse(&was, s.inputs);
        if (!dnx_record_compare(&was, &j->inputs, differs, &any)) any = true;
    }
    dnx_record_free(&was);
    dnx_state_free(&s);
    return any;
}

dnx_earlier dnx_train_earlier(const dnx_train_job *j) {
    dnx_record r = {0};
    size_t len;
    char batches[24], verified[17];
    char *text = dnx_file_read_unnoted(j->run, DNX_MAX_FILE, &len);
    if (text) dnx_record_parse(&r, text);
    free(text);
    snprintf(batches, sizeof batches, "%" PRIu64, j->last);
    dnx_train_verified_sum(j, verified);
    const bool is_done = dnx_record_is(&r, "state", "done");
    const bool is_same = dnx_record_is(&r, "batches", batches) &&
                         dnx_record_is(&r, "best on checksum", verified) &&
                         dnx_record_is(&r, "start checksum", j->begun_sum);
    dnx_record_free(&r);
    return !is_done                          ? DNX_EARLIER_UNFINISHED
           : is_same && !has_other_inputs(j) ? DNX_EARLIER_SAME
                                             : DNX_EARLIER_OTHER;
}

/* ---- renaming ---- */

static char *name(const dnx_train_job *j, int number, int i) {
    char *path;
    return asprintf(&path, "%s.old-%d%s", j->base, number, dnx_run_ends[i]) < 0 ? NULL : path;
}

static bool is_there(const char *path) { return !access(path, F_OK); }

/* Returns true when there is no NAME.old-NUMBER.run, and no file that a rename would replace. */
static bool is_free(const dnx_train_job *j, int number) {
    bool ok = true;
    for (int i = 0; i < DNX_RUN_FILES && ok; i++) {
        char *to = name(j, number, i);
        ok = to && !(is_there(to) && (is_there(j->path[i]) || j->path[i] == j->run));
        free(to);
    }
    return ok;
}

dnx_status dnx_train_set_aside(dnx_train_job *j, dnx_err *err) {
    int number = 1;
    dnx_status st = DNX_OK;
    while (number < MOST && !is_free(j, number)) number++;
    for (int i = 0; i < DNX_RUN_FILES && !st; i++) {
        char *from = j->path[i], *to = name(j, number, i);
        if (!to) st = dnx_no_memory(j->base, err);
        else if (is_there(from) && (number == MOST || rename(from, to)))
            st = dnx_fail_at(err, DNX_EIO, from, "cannot rename to %s: %s", to,
                             number == MOST ? "too many are there" : strerror(errno));
        free(to);
    }
    if (st) return st;
    j->keeps_old = false;
    dnx_train_note(j, DNX_TRAIN_WARNING,
                   "%s.*: the finished run of this name is kept as %s.old-%d.*", j->base, j->base,
                   number);
    return DNX_OK;
}
