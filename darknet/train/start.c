/* start.c - loads the weights that a run starts from. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/bridge.h"
#include "net/classes.h"
#include "train/job.h"

static void note_line(void *arg, const char *text) {
    dnx_train_note(arg, DNX_TRAIN_WARNING, "%s", text);
}

/* Builds the network of -from-cfg, and copies the parameters of matching layers to `net`. */
static dnx_status load_by_cfg(dnx_net *net, const dnx_train_args *a, dnx_bridge *b, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_net *from = NULL;
    dnx_bridge whole = {0};
    const dnx_build how = {
        .batch = 1, .threads = 1, .types = net->more_types, .teachers = net->teacher_source};
    dnx_status st = dnx_cfg_open(a->from_cfg, a->weights, 1, &how, &cfg, err);
    if (st) return st;
    st = dnx_net_build(cfg, &how, &from, err);
    dnx_cfg_free(cfg);
    if (!st) st = dnx_bridge_file(from, a->weights, DNX_FIT_FEATURES, &whole, err);
    if (!st) st = dnx_bridge_net(from, net, (dnx_bridge_how){.new_heads = true}, b, err);
    dnx_bridge_free(&whole);
    dnx_net_free(from);
    return st;
}

dnx_status dnx_train_start(dnx_train_job *j, dnx_err *err) {
    const dnx_train_args *a = j->a;
    dnx_bridge b = {0};
    char remark[256] = "";
    dnx_fit fit = a->from_backbone ? DNX_FIT_BACKBONE : DNX_FIT_START;
    dnx_status st = a->from_cfg ? load_by_cfg(j->net, a, &b, err)
                                : dnx_bridge_file(j->net, a->weights, fit, &b, err);
    if (!st && a->from_backbone) dnx_bridge_table(&b, note_line, j);
    else if (!st) dnx_bridge_remark(&b, remark, sizeof remark);
    if (remark[0]) dnx_train_note(j, DNX_TRAIN_WARNING, "%s: %s", a->weights, remark);
    dnx_bridge_free(&b);
    return st;
}

dnx_status dnx_train_note_begin(dnx_train_job *j, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    uint64_t sum = dnx_hash(0, &j->net->seen, sizeof j->net->seen);
    for (int i = 0; i < j->net->n; i++)
        for (int k = 0, n = dnx_net_params(j->net, i, list); k < n; k++)
            sum = dnx_hash(sum, list[k].value, sizeof(float) * list[k].count);
    snprintf(j->begun_sum, sizeof j->begun_sum, "%016" PRIx64, sum);
    if (j->a->weights && !(j->begun_from = strdup(j->a->weights)))
        return dnx_no_memory(j->a->weights, err);
    return DNX_OK;
}
