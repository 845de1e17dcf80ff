/* checkpoint.c - what `classifier train` saves: checkpoints, and what verifies best. */
#include <stdio.h>
#include <string.h>

#include "train/train.h"
#include "net/finite.h"
#include "net/weights.h"

dnx_status dnx_train_save(dnx_train_job *j, dnx_err *err) {
    dnx_status st = dnx_check_params(j->net, err);
    if (!st) st = dnx_log_flush(&j->log, err);
    if (!st) st = dnx_state_save(&j->run, j->net, j->state, err);
    if (!st) j->is_saved = true;
    if (!st) st = dnx_weights_save(j->net, j->weights, err);
    j->saved = dnx_now();
    return st;
}

dnx_status dnx_train_verify(dnx_train_job *j, dnx_err *err) {
    dnx_param from[DNX_MAX_PARAMS], to[DNX_MAX_PARAMS];
    for (int i = 0; i <= j->feature; i++) {
        int n = dnx_net_params(j->net, i, from);
        dnx_net_params(j->eval, i, to);
        for (int k = 0; k < n; k++)
            memcpy(to[k].value, from[k].value, sizeof(float) * from[k].count);
    }
    dnx_status st = dnx_net_prepare(j->eval, err);
    if (!st) st = dnx_verify_run(j->pairs, j->eval, j->feature,
                                 &j->lfw, err);
    if (st) return st;
    bool is_best = j->lfw > j->log.best;
    if (is_best) st = dnx_weights_save(j->net, j->best, err);
    printf("%sbatch %llu: %.2f %% of the pairs are right%s\n", j->is_terminal ? "\n" : "",
           (unsigned long long)j->batch, 100 * j->lfw, is_best ? ", the best so far" : "");
    return st;
}
