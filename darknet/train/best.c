/* best.c - writes NAME-best.weights, the weights with the best verification, and NAME-best.txt with
 * their score. The score has its own file because, after a kill, the log and the checkpoint may be
 * older than the best weights. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/inputs.h"
#include "base/outfile.h"
#include "net/average.h"
#include "net/weights.h"
#include "train/job.h"

const char *dnx_train_verified_on(const dnx_train_args *a) {
    return a->pairs ? a->pairs : a->faces;
}

/* ---- the score ---- */

static void checksum(char out[17], uint64_t sum) { snprintf(out, 17, "%016" PRIx64, sum); }

void dnx_train_verified_sum(const dnx_train_job *j, char out[17]) {
    const char *faces = j->a->faces ? j->a->faces : "";
    *out = 0;
    if (!j->pairs) return;
    uint64_t sum = dnx_hash(j->pairs->checksum, &j->a->verify, sizeof j->a->verify);
    checksum(out, dnx_hash(sum, faces, strlen(faces)));
}

/* Stores the checksum of NAME-best.weights in `out`, or "" when the file cannot be read. */
static void weights_sum(const dnx_train_job *j, char out[17]) {
    uint64_t sum = 0;
    *out = 0;
    if (dnx_hash_file(j->best, &sum)) checksum(out, sum);
}

static dnx_status write_score(const dnx_train_job *j, dnx_err *err) {
    dnx_record r = {0};
    char weights[17], pairs[17];
    weights_sum(j, weights);
    checksum(pairs, j->pairs->checksum);
    dnx_record_put(&r, j->pairs->judge.name, "%.17g", j->verified);
    dnx_record_put(&r, "batch", "%" PRIu64, j->batch);
    dnx_record_put(&r, j->a->pairs ? "pairs file" : "faces", "%s", dnx_train_verified_on(j->a));
    if (j->a->distractors) dnx_record_put(&r, "distractors", "%s", j->a->distractors);
    dnx_record_put(&r, "pairs", "%s", pairs);
    dnx_record_put(&r, "weights", "%s", weights);
    if (j->pairs->is_fitted)
        dnx_record_put(&r, "threshold", "fitted on the tested pairs: they have one fold");
    dnx_record_put(&r, "remark", "chosen as the best on these very %s; expect less on others",
                   j->pairs->judge.kind ? "faces" : "pairs");
    char *text = dnx_record_text(&r);
    dnx_status st = text ? dnx_outfile_write(j->score, text, strlen(text), err)
                         : dnx_no_memory(j->score, err);
    free(text);
    dnx_record_free(&r);
    return st;
}

/* Reads NAME-best.txt. Returns false unless it belongs to NAME-best.weights and j->pairs. */
static bool read_score(dnx_train_job *j) {
    dnx_record r = {0};
    char weights[17], pairs[17];
    size_t len;
    char *text = dnx_file_read_unnoted(j->score, DNX_MAX_FILE, &len);
    weights_sum(j, weights);
    checksum(pairs, j->pairs->checksum);
    if (text) dnx_record_parse(&r, text);
    const char *score = dnx_record_get(&r, j->pairs->judge.name),
               *batch = dnx_record_get(&r, "batch");
    bool ok = score && batch && *weights && dnx_record_is(&r, "weights", weights) &&
              dnx_record_is(&r, "pairs", pairs);
    if (ok) {
        j->best_verified = strtod(score, NULL);
        j->best_batch = strtoull(batch, NULL, 10);
    }
    dnx_record_free(&r);
    free(text);
    return ok;
}

/* ---- verification ---- */

static dnx_status run(dnx_train_job *j, double *result, dnx_err *err) {
    dnx_status st = dnx_net_prepare(j->eval, err);
    return st ? st : dnx_verify_run(j->pairs, j->eval, j->feature, result, err);
}

dnx_status dnx_train_find_best(dnx_train_job *j, dnx_err *err) {
    dnx_err said = {0};
    double result;
    char text[80];
    if (!j->pairs || !j->a->resume || access(j->best, F_OK) || read_score(j)) return DNX_OK;
    const size_t mark = dnx_inputs_mark();
    dnx_status st = dnx_weights_load(j->eval, j->best, &said);
    dnx_inputs_rewind(mark); /* takes j->best off the list of inputs: this run may replace it */
    if (!st) st = run(j, &result, &said);
    if (st == DNX_ESTOP) return dnx_fail_at(err, st, NULL, "%s", said.text);
    if (st) {
        dnx_train_note(j, DNX_TRAIN_WARNING, "%s; the next verification replaces it", said.text);
        return DNX_OK;
    }
    if (isnan(result)) return DNX_OK;
    j->best_verified = result;
    j->best_batch = j->eval->seen / (uint64_t)j->net->o.batch;
    dnx_judge_text(&j->pairs->judge, result, text, sizeof text);
    dnx_train_note(j, DNX_TRAIN_NEWS, "%s: verified again, %s", j->best, text);
    return DNX_OK;
}

/* Copies the parameters of layers 0 to j->feature, or with ema= their average, to j->eval. */
static void copy_parameters(dnx_train_job *j) {
    dnx_param from[DNX_MAX_PARAMS], to[DNX_MAX_PARAMS];
    dnx_average_swap(j->net);
    for (int i = 0; i <= j->feature; i++) {
        int n = dnx_net_params(j->net, i, from);
        dnx_net_params(j->eval, i, to);
        for (int k = 0; k < n; k++)
            memcpy(to[k].value, from[k].value, sizeof(float) * from[k].count);
    }
    dnx_average_swap(j->net);
}

dnx_status dnx_train_verify(dnx_train_job *j, dnx_err *err) {
    copy_parameters(j);
    dnx_status st = run(j, &j->verified, err);
    if (st) return st;
    j->verifications++;
    char text[80];
    const bool is_best = j->verified > j->best_verified; /* false for NAN */
    dnx_judge_text(&j->pairs->judge, j->verified, text, sizeof text);
    dnx_train_note(j, DNX_TRAIN_NEWS, "batch %llu: %s%s%s", (unsigned long long)j->batch, text,
                   j->pairs->on, is_best ? ", the best so far" : "");
    if (!is_best) return DNX_OK;
    st = dnx_train_save_weights(j, j->best, err);
    if (!st) {
        j->best_verified = j->verified;
        j->best_batch = j->batch;
        st = write_score(j, err);
    }
    return st;
}

void dnx_train_report_best(const dnx_train_job *j) {
    const dnx_judge *judge = &j->pairs->judge;
    char text[80];
    if (judge->kind) dnx_judge_text(judge, j->best_verified, text, sizeof text);
    else snprintf(text, sizeof text, "%.2f %%", 100 * j->best_verified);
    dnx_train_note(j, DNX_TRAIN_NEWS,
                   "%s: batch %llu, %s, chosen as the best on these very %s: expect less on others",
                   j->best, (unsigned long long)j->best_batch, text,
                   judge->kind ? "faces" : "pairs");
}
